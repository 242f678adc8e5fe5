import hashlib
import json
import logging
import shlex
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from mssbench import cli
from mssbench.commands import data
from mssbench.commands import stretch as stretch_command
from mssbench.data.own_entry import find_entry, read_entry
from mssbench.data.reader import read_song
from mssbench.data.rendition import Rendition, prepare
from mssbench.data.songs import STEMS, Dataset
from mssbench.errors import UserError
from mssbench.models.base import Separator
from mssbench.models.registry import MODELS
from mssbench.run_checks import check_training
from mssbench.run_parts import stretch_options
from mssbench.separation import SeparationConfig, separate_song
from mssbench.stretching.config import StretchingConfig
from mssbench.stretching.need import needed_bytes
from mssbench.stretching.offline import stretch_songs
from mssbench.stretching.tempos import Tempos
from mssbench.tracking.excerpt import write_excerpt
from mssbench.training.config import TrainingConfig
from mssbench.training.loop import train
from mssbench.training.stems import targets
from mssbench.training.voiced import VoicedPlaces

RATE = 8000
SONGS = {"train": ["A - One", "B - Two"], "test": ["C - Three"]}
PAIR = ("mixture", "piano", "violin")


def mssbench_data(*words):
    data.run(cli.parse(["data", *map(str, words)]))


def write_song(folder, tracks, ending=".wav", subtype="PCM_16"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, audio in tracks.items():
        soundfile.write(folder / f"{name}{ending}", audio.T, RATE, subtype=subtype)


def duo(seed, seconds=2.0):
    """A piano at one pitch and a violin at another, both (2, samples)."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 200 + 20 * seed
    piano = 0.3 * np.sin(2 * np.pi * pitch * time) * np.exp(-4 * (time % 0.5))
    violin = 0.2 * np.sign(np.sin(2 * np.pi * 3 * pitch * time))
    return {"piano": np.stack([piano, 0.5 * piano]), "violin": np.stack([violin, violin])}


@pytest.fixture
def root(tmp_path):
    names = [(subset, name) for subset, songs in SONGS.items() for name in songs]
    for seed, (subset, name) in enumerate(names):
        write_song(tmp_path / "duo" / subset / name, duo(seed))
    return tmp_path / "duo"


@pytest.fixture
def link(root, tmp_path):
    """Link the folder by the entry that the keywords make, and read the dataset.json."""

    def run(**content):
        (tmp_path / "strings.yaml").write_text(json.dumps(content))
        out = tmp_path / "dataset.json"
        mssbench_data("link", tmp_path / "strings.yaml", root, "--out", out)
        return Dataset.load(out)

    return run


@pytest.fixture
def rendition(link, tmp_path):
    return prepare(link(), tmp_path / "rendition", RATE, "mono")


def test_the_stems_are_those_of_the_files_and_survive_the_dataset_json(link):
    dataset = link(licence="mine", citation="me")
    assert (dataset.name, dataset.stems) == ("strings", PAIR)
    assert [(s.subset, s.name) for s in dataset.songs] == [
        ("test", "C - Three"),
        ("train", "A - One"),
        ("train", "B - Two"),
    ]
    assert (dataset.source["licence"], dataset.source["citation"]) == ("mine", "me")


def test_a_missing_mixture_is_the_sum_of_the_stems_and_is_told(link, caplog):
    with caplog.at_level(logging.INFO):
        song = link().songs[0]
    assert "3 of 3 songs have no mixture; it is the sum of their stems (piano, violin)" in (
        caplog.text
    )
    stems, rate = read_song(song)
    assert (stems.shape, rate) == ((3, 2, 2 * RATE), RATE)
    assert np.array_equal(stems[0], stems[1] + stems[2])
    np.testing.assert_allclose(stems[1:], list(duo(2).values()), atol=1e-4)


def test_a_mixture_that_is_there_is_read(root, link):
    mixture = 0.5 * sum(duo(2).values())
    write_song(root / "test" / "C - Three", {"mixture": mixture})
    np.testing.assert_allclose(read_song(link().songs[0])[0][0], mixture, atol=1e-4)


def test_other_endings_are_read_and_a_song_has_one_of_them(root, link):
    folder = root / "test" / "C - Three"
    before = read_song(link().songs[0])[0]
    (folder / "piano.wav").unlink()
    write_song(folder, {"piano": duo(2)["piano"]}, ".flac")
    with pytest.raises(UserError, match=r"piano\.flac, violin\.wav.*one ending"):
        link()
    write_song(folder, {"violin": duo(2)["violin"]}, ".flac")
    with pytest.raises(UserError, match=r"violin\.flac and violin\.wav are one stem"):
        link()
    (folder / "violin.wav").unlink()
    # Encoders round in one direction or the other.
    np.testing.assert_allclose(read_song(link().songs[0])[0], before, atol=1e-4)


def test_a_song_with_other_stems_is_named_with_the_difference(root, link):
    folder = root / "train" / "B - Two"
    (folder / "violin.wav").rename(folder / "viola.wav")
    with pytest.raises(UserError, match=r"B - Two: other stems .*lacks violin and has viola"):
        link()
    with pytest.raises(UserError, match=r"B - Two: this song has no violin; it has piano, viola"):
        link(stems=["violin", "piano"])


def test_an_entry_lists_the_stems_to_use_and_their_order(root, link):
    write_song(root / "train" / "A - One", {"click": duo(0)["piano"]})
    digests = {link(stems=["piano", "violin"]).digest}
    dataset = link(stems=["violin", "piano"])
    assert dataset.stems == ("mixture", "violin", "piano")
    assert dataset.digest not in digests
    with pytest.raises(UserError, match="one and its mixture"):
        link(stems=["violin"])


def test_the_stems_may_be_given_without_a_file(root, tmp_path):
    out = tmp_path / "d.json"
    mssbench_data("link", "strings", root, "--stems", "violin", "piano", "--out", out)
    assert Dataset.load(out).stems == ("mixture", "violin", "piano")
    with pytest.raises(UserError, match="the name 'musdb18' is taken"):
        mssbench_data("link", "musdb18", root, "--stems", "piano", "--out", out)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("stem: [piano]", "unknown key 'stem'; allowed are stems, licence"),
        ("stems: piano", "stems is 'piano'"),
        ("stems: [mixture]", "other than mixture"),
        ("stems: [../piano]", "the name of a stem's file"),
        ("[piano]", "found list"),
    ],
)
def test_an_entry_that_is_none_is_refused_in_one_line(tmp_path, content, words):
    (tmp_path / "strings.yaml").write_text(content)
    with pytest.raises(UserError, match=words) as error:
        read_entry(tmp_path / "strings.yaml")
    assert "strings.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_entries_are_found_by_name_and_listed(tmp_path, capsys):
    file = tmp_path / "strings.yaml"
    file.write_text("stems: [piano, violin]\nlicence: mine\n")
    assert find_entry("strings", tmp_path).sources == ("piano", "violin")
    with pytest.raises(UserError, match=r"'brass'; allowed are synthetic, .*, strings, or"):
        find_entry("brass", tmp_path)
    mssbench_data("list", file)
    listed = capsys.readouterr().out
    assert "  stems: piano, violin\n" in listed
    assert f"mssbench data link {file} PATH" in listed


def test_the_check_measures_such_songs_and_knows_their_errata(root, link, tmp_path, capsys):
    link(errata=[{"song": "A - One", "what": "a click at the start"}])
    mssbench_data("check", tmp_path / "dataset.json", "--strict")
    printed = capsys.readouterr().out
    assert "known   train/A - One: a click at the start" in printed
    assert "3 songs: 0 broken, 0 more with faults, 0 more with remarks" in printed
    write_song(root / "train" / "B - Two", {"violin": duo(1, 1.5)["violin"]})
    with pytest.raises(UserError, match=r"train/B - Two"):
        mssbench_data("check", tmp_path / "strings.yaml", root)
    assert "piano 16000, violin 12000" in capsys.readouterr().out


def test_a_rendition_has_the_stems_and_they_are_part_of_its_digest(rendition):
    opened = Rendition.open(rendition.folder / "manifest.json")
    assert opened == rendition
    assert opened.stems == PAIR
    assert opened.audio(opened.songs[0]).shape == (3, 1, 2 * RATE)
    assert replace(opened, stems=("mixture", "violin", "piano")).digest != opened.digest


def test_tempo_copies_have_the_stems(rendition, tmp_path):
    stretched = stretch_songs(rendition, tmp_path / "stretched", Tempos((1.25,)))
    copies = [song for song in stretched.songs if song.origin]
    assert (stretched.stems, len(copies)) == (PAIR, 2)
    stems = stretched.audio(copies[0])
    assert len(stems) == 3
    np.testing.assert_allclose(stems[0], stems[1] + stems[2], atol=1e-6)


def test_any_stem_may_keep_its_pitch_and_one_that_is_not_there_is_named(rendition, tmp_path):
    manifest, out = rendition.folder / "manifest.json", tmp_path / "stretched" / "manifest.json"
    words = ["stretch", "--rendition", str(manifest), "--out", str(out), "--semitones", "2"]

    def run(kept):
        stretch_command.run(cli.parse([*words, "--keep", kept]))

    with pytest.raises(UserError, match="--keep: found 'drums'; the songs have piano, violin"):
        run("drums")
    assert not out.parent.exists()
    run("piano")
    made = Rendition.open(out)
    copy = next(song for song in made.songs if song.origin)
    stems, original = made.audio(copy), rendition.audio(rendition.by_name(copy.origin))
    np.testing.assert_allclose(stems[1], original[1], atol=1e-6)
    assert np.abs(stems[2] - original[2]).max() > 0.1
    with pytest.raises(UserError, match="keep: found 'bass'"):
        stretch_songs(rendition, tmp_path / "other", Tempos((1.25,)), keep=("bass",))


def test_the_need_of_a_stretching_counts_the_stems_that_there_are(rendition, tmp_path):
    made = stretch_songs(rendition, tmp_path / "stretched", Tempos((0.8,)))
    sizes = [(made.folder / song.file).stat().st_size for song in made.songs if song.origin]
    manifest = rendition.folder / "manifest.json"
    assert needed_bytes(manifest, StretchingConfig(factors=(0.8,))) == sum(sizes)


def test_a_study_names_the_stem_that_an_entry_does_not_list():
    config = {
        "dataset": {"name": "duo", "stems": ["piano", "violin"]},
        "rendition": {"rate": RATE, "channels": "mono"},
        "split": {"kind": "all"},
        "model": {"name": "wave_u_net", "params": {}},
        "training": configuration().resolved["training"],
        "seed": 0,
        "stretching": {"semitones": [1], "keep": ["piano"]},
    }
    check_training("one", config)
    config["stretching"]["keep"] = ["drums"]
    with pytest.raises(UserError, match=r"'one': stretching\.keep: found 'drums'; .*piano, violin"):
        check_training("one", config)
    # Of a data set without such a list the songs themselves tell.
    check_training("one", config | {"dataset": {"name": "duo"}})


def test_a_stem_with_a_space_is_one_word_of_the_command():
    options = stretch_options({"stretching": {"semitones": [1, 2], "keep": ["lead vocals"]}})
    assert shlex.split(options) == ["--semitones", "1", "2", "--keep", "lead vocals"]


class Gains(Separator):
    """Two targets, each a filtered mixture."""

    channels = multiple = 1

    def __init__(self, *, targets: tuple[str, ...] = ("piano", "violin")) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.layer = nn.Conv1d(1, len(self.targets), 33, padding=16)

    def forward(self, mixture):
        return {"final": self.layer(mixture).unsqueeze(2)}


def configuration(**params):
    return TrainingConfig.from_dict(
        {
            "dataset": {"name": "strings"},
            "rendition": {"rate": RATE, "channels": "mono"},
            "split": {"kind": "random", "train_share": 0.5, "seed": 1},
            "model": {"name": "gains", "params": params},
            "training": {
                "crops": {"kind": "windows", "samples": 1024},
                "batch_size": 4,
                "optimiser": {"name": "adam", "lr": 1e-2},
                "epochs": 3,
                "patience": 3,
                "loss": {"final": {"kind": "mae", "weight": 1.0}},
            },
            "seed": 0,
        }
    )


@pytest.fixture
def gains(monkeypatch):
    monkeypatch.setitem(MODELS, "gains", f"{__name__}:Gains")
    torch.set_num_threads(1)


def test_a_model_learns_the_stems_and_separates_them(rendition, gains, tmp_path):
    result = train(configuration(), rendition, tmp_path / "checkpoints")
    losses = [row["valid_loss"] for row in result.history]
    assert losses[-1] < losses[0]
    model = Gains()
    model.load_state_dict(result.weights)
    stems = rendition.audio(rendition.by_name("C - Three"))
    blocks = list(separate_song(model, stems, rendition.stems, SeparationConfig(1024, 0.5)))
    assert all(tuple(block) == PAIR[1:] for block in blocks)
    for target in PAIR[1:]:
        assert np.concatenate([b[target] for b in blocks], axis=-1).shape == stems[0].shape


def test_a_model_of_vocals_is_refused_with_what_the_songs_have(rendition, gains, tmp_path):
    with pytest.raises(UserError, match="estimates 'vocals', the songs have piano, violin;"):
        train(configuration(targets=["vocals"]), rendition, tmp_path)


def test_voiced_crops_need_vocals():
    with pytest.raises(UserError, match=r"voiced_share .*no vocals \(they have mixture, piano"):
        VoicedPlaces([np.zeros((3, 1, RATE))], RATE, 1000, PAIR)


def test_the_accompaniment_is_a_stem_where_one_is_called_so():
    stems = torch.arange(6.0).reshape(1, 3, 1, 2)
    names = ("mixture", "vocals", "accompaniment")
    _, truth = targets(stems, names, ("vocals", "accompaniment"))
    assert torch.equal(truth, stems[:, 1:])


def test_the_excerpt_to_listen_to_is_of_the_first_source_that_is_estimated(rendition, tmp_path):
    song = rendition.by_name("C - Three")
    estimate = tmp_path / "violin.wav"
    soundfile.write(estimate, np.zeros(song.samples), RATE)
    songs = [{"name": song.name, "files": {"violin": estimate.name}, "samples": song.samples}]
    (tmp_path / "estimates.json").write_text(json.dumps({"songs": songs}))
    assert write_excerpt([rendition], tmp_path / "estimates.json", tmp_path)
    heard = sorted(file.name for file in tmp_path.glob("*.flac"))
    assert heard == ["mixture.flac", "violin estimate.flac", "violin target.flac"]


def test_the_five_stems_keep_the_digest_that_a_rendition_had_without_their_names(make_rendition):
    made = make_rendition({"a": np.zeros((5, 1, 80)), "test b": np.ones((5, 1, 80))})
    told = [8000, "mono", [(song.name, song.subset, song.sha256) for song in made.songs]]
    assert made.stems == STEMS
    assert made.digest == hashlib.sha256(json.dumps(told).encode()).hexdigest()
