"""A separation that is ended, and called again."""

import json
import os
import signal

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from test_separation import BOUND, CONFIG, command, weights, with_params

from mssbench import cli
from mssbench.commands import separate_songs
from mssbench.estimate_files import sha256
from mssbench.kept_songs import FOLDER
from mssbench.models.registry import build

OUT = "estimates.json"
SONGS = ("test a", "test b", "test c")

# The fixture of another module.
assert weights


@pytest.fixture
def rendition(make_rendition):
    noise = np.random.default_rng(0)
    arrays = {name: 0.1 * noise.standard_normal((5, 1, 30000)) for name in ("train", *SONGS)}
    make = make_rendition(arrays)
    return make.folder / "manifest.json"


@pytest.fixture
def separated(monkeypatch):
    """The songs that are separated from here on."""
    names, genuine = [], separate_songs.separate_one

    def separate_one(model, rendition, song, *args, **options):
        names.append(song.name)
        return genuine(model, rendition, song, *args, **options)

    monkeypatch.setattr(separate_songs, "separate_one", separate_one)
    return names


def killed_in(number, *words):
    """Separate in a process that kills itself when it has written a part of a song."""
    child = os.fork()
    if child == 0:
        genuine, begun = separate_songs.separate_song, []

        def separate_song(*args, **options):
            begun.append(args)
            blocks = list(genuine(*args, **options))
            yield blocks[0]
            if len(begun) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            yield from blocks[1:]

        separate_songs.separate_song = separate_song
        os._exit(command(*words))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def content(folder):
    """Return what lies in a folder of estimates, but for when and how fast it was made."""
    told = json.loads((folder / OUT).read_text())
    assert told.pop("seconds") > 0
    assert told.pop("realtime_factor") > 0
    for song in told["songs"]:
        sums = {target: sha256(folder / file) for target, file in song["files"].items()}
        assert song.pop("sha256") == sums
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    # Beside the samples, a file says in which second it was written.
    audio = {name: soundfile.read(folder / name, dtype="float32") for name in files - {OUT}}
    return told, {name: (rate, samples.tobytes()) for name, (samples, rate) in audio.items()}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_killed_separation_goes_on_with_the_song_it_was_killed_in(
    rendition, tmp_path, weights, separated, number
):
    whole, out = (tmp_path / name / OUT for name in ("whole", "killed"))
    assert command(rendition, whole, CONFIG, weights) == 0
    killed_in(number, rendition, out, CONFIG, weights)
    assert not out.exists()
    separated.clear()
    assert command(rendition, out, CONFIG, weights) == 0
    assert separated == list(SONGS[number - 1 :])
    assert content(out.parent) == content(whole.parent)


def test_the_time_of_all_attempts_is_told(rendition, tmp_path, weights):
    out = tmp_path / "run" / OUT
    killed_in(3, rendition, out, CONFIG, weights)
    kept = out.parent / FOLDER / "test a.json"
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"seconds": 1000.0}))
    assert command(rendition, out, CONFIG, weights) == 0
    assert 1000 < json.loads(out.read_text())["seconds"] < 1100


DAMAGES = {
    "shorter audio": ("test a/vocals.wav", lambda data: data[:-4]),
    "another bit": ("test a/accompaniment.wav", lambda data: data[:-1] + bytes([data[-1] ^ 1])),
    "no JSON": (f"{FOLDER}/test a.json", lambda data: data[:-9]),
    "nothing of a song": (f"{FOLDER}/test a.json", lambda data: b"{}"),
    "another kind of JSON": (f"{FOLDER}/test a.json", lambda data: b"[1]"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_of_a_kept_song_is_told_and_made_again(
    rendition, tmp_path, separated, caplog, damage
):
    whole, out = (tmp_path / name / OUT for name in ("whole", "killed"))
    assert command(rendition, whole, BOUND) == 0
    killed_in(3, rendition, out, BOUND)
    name, change = damage
    file = out.parent / name
    file.write_bytes(change(file.read_bytes()))
    separated.clear()
    assert command(rendition, out, BOUND) == 0
    assert separated == ["test a", "test c"]
    assert content(out.parent) == content(whole.parent)
    assert file.name in caplog.text
    assert "separated again" in caplog.text


def test_audio_that_is_gone_is_made_again(rendition, tmp_path, weights, separated):
    out = tmp_path / "run" / OUT
    killed_in(3, rendition, out, CONFIG, weights)
    (out.parent / "test b" / "vocals.wav").unlink()
    assert command(rendition, out, CONFIG, weights) == 0
    assert separated == ["test b", "test c"]


def test_songs_of_another_configuration_are_not_taken(rendition, tmp_path, weights, separated):
    out = tmp_path / "run" / OUT
    killed_in(3, rendition, out, CONFIG, weights)
    other = CONFIG | {"separation": {"segment": 2048, "overlap": 0.5}}
    assert command(rendition, out, other, weights) == 0
    assert separated == list(SONGS)
    assert not (out.parent / FOLDER).exists()


def test_songs_of_other_weights_are_not_taken(rendition, tmp_path, weights, separated):
    out = tmp_path / "run" / OUT
    killed_in(3, rendition, out, CONFIG, weights)
    torch.manual_seed(1)
    trained = {key: value for key, value in CONFIG.items() if key != "separation"}
    model = build(**CONFIG["model"])
    save_file(model.state_dict(), weights, metadata={"config": json.dumps(trained)})
    assert command(rendition, out, CONFIG, weights) == 0
    assert separated == list(SONGS)


def test_songs_of_other_code_are_not_taken(rendition, tmp_path, weights, separated, monkeypatch):
    out = tmp_path / "run" / OUT
    killed_in(3, rendition, out, CONFIG, weights)
    modules = []

    def changed(*names, **options):
        modules.extend(names)
        return "0badc0de"

    monkeypatch.setattr("mssbench.kept_songs.source_digest", changed)
    assert command(rendition, out, CONFIG, weights) == 0
    assert separated == list(SONGS)
    # The model's own is asked for, too.
    assert modules == ["mssbench.commands.separate", "mssbench.models.wave_u_net"]


def test_songs_of_another_number_of_threads_are_not_taken(rendition, tmp_path, weights, separated):
    out = tmp_path / "run" / OUT
    killed_in(3, rendition, out, CONFIG, weights)
    words = ["separate", "--config", json.dumps(CONFIG), "--rendition", str(rendition)]
    words += ["--out", str(out), "--weights", str(weights), "--device", "cpu", "--threads", "2"]
    assert cli.main(words) == 0
    assert separated == list(SONGS)


def test_another_song_of_the_same_name_is_separated(
    rendition, tmp_path, weights, separated, make_rendition
):
    out = tmp_path / "run" / OUT
    killed_in(3, rendition, out, BOUND)
    noise = np.random.default_rng(1)
    arrays = {name: 0.1 * noise.standard_normal((5, 1, 30000)) for name in ("train", *SONGS)}
    make_rendition(arrays)
    assert command(rendition, out, BOUND) == 0
    assert separated == list(SONGS)


def test_what_does_not_fit_leaves_the_kept_songs_alone(rendition, tmp_path, weights, separated):
    out = tmp_path / "run" / OUT
    killed_in(3, rendition, out, CONFIG, weights)
    assert command(rendition, out, with_params(filters=3), weights) == 2
    assert command(rendition, out, CONFIG, weights) == 0
    assert separated == ["test c"]
