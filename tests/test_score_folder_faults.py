import logging
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from audio_folders import RATE, SONGS, Folders, audio_of, write

from mssbench import cli


@pytest.fixture
def folders(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    return Folders(tmp_path, caplog).write()


@pytest.mark.parametrize("kind", ["length", "rate", "channels", "nan", "no audio", "missing"])
def test_wrong_estimates_are_named_and_the_other_songs_are_scored(folders, kind):
    first, second = SONGS["test"]
    file = folders.made / first / "bass.wav"
    audio, _ = soundfile.read(file)
    said = {
        "length": f"its length (samples) is {len(audio) - 5}, the reference's is {len(audio)}",
        "rate": "its sample rate (Hz) is 44100, the reference's is 4000",
        "channels": "its number of channels is 2, the reference's is 1",
        "nan": "NaN or infinite",
        "no audio": "neither libsndfile nor ffmpeg can read",
        "missing": "it has no estimate of bass",
    }[kind]
    if kind == "nan":
        audio[9] = np.nan
    changed = {"length": audio[:-5], "channels": np.stack([audio, audio], axis=1)}.get(kind, audio)
    write(file, changed, 44100 if kind == "rate" else RATE, "FLOAT")
    if kind == "no audio":
        file.write_text("no audio")
    elif kind == "missing":
        file.unlink()
    assert folders.score() == 2
    assert folders.error.startswith(
        f"mssbench score: error: 1 of 2 songs could not be scored: {first!r}"
    )
    assert said in folders.error
    assert set(folders.table["track"]) == {second}


def test_a_mended_song_alone_is_scored_again(folders):
    first, second = SONGS["test"]
    good = (folders.made / first / "bass.wav").read_bytes()
    (folders.made / first / "bass.wav").unlink()
    assert folders.score() == 2
    kept = (folders.out / "test" / f"{second}.json").stat().st_ino
    (folders.made / first / "bass.wav").write_bytes(good)
    assert folders.score() == 0
    assert (folders.out / "test" / f"{second}.json").stat().st_ino == kept
    assert set(folders.table["track"]) == {first, second}
    assert sorted(path.name for path in folders.out.iterdir()) == ["scores.parquet", "test"]


def test_a_killed_run_is_continued_song_by_song(folders):
    words = ["score", "--references", folders.true, "--estimates", folders.made]
    command = [sys.executable, "-m", "mssbench", *map(str, words), "--out", str(folders.out)]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=dict(os.environ))
    parts = folders.out / "unfinished"
    while not list(parts.glob("[!.]*.parquet")):
        assert running.poll() is None, "it ended before a song was finished"
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    running.wait()
    (done, *_) = (path.stem for path in parts.glob("[!.]*.parquet"))
    kept = (folders.out / "test" / f"{done}.json").stat().st_ino
    assert folders.score() == 0
    assert (folders.out / "test" / f"{done}.json").stat().st_ino == kept
    assert set(folders.table["track"]) == set(SONGS["test"])


def test_changed_references_are_scored_anew(folders):
    first, second = SONGS["test"]
    (folders.made / first / "bass.wav").rename(folders.root / "bass.wav")
    assert folders.score() == 2
    before = folders.table
    file = folders.true / "test" / second / "bass.wav"
    write(file, 0.5 * soundfile.read(file)[0])
    assert folders.score() == 2
    assert not np.allclose(folders.table["score"], before["score"])


def test_what_is_not_scored_is_named(folders):
    first, second = SONGS["test"]
    for song in (first, second):
        (folders.made / song / "drums.wav").unlink()
        write(folders.made / song / "piano.wav", audio_of(0)[0]["bass"])
    shutil.rmtree(folders.made / second)
    assert folders.score() == 0
    said = folders.messages(logging.WARNING)
    assert any("piano has no reference" in message for message in said)
    assert any("has no estimates of drums" in message for message in said)
    # The training songs are none that anything is estimated of.
    assert any(message.endswith(f"do not cover: {second!r}") for message in said)
    assert set(folders.table["target"]) == {"bass", "vocals"}


def test_a_song_without_references_fails_alone(folders):
    shutil.copytree(folders.made / SONGS["test"][0], folders.made / "Zoe - Unknown")
    assert folders.score() == 2
    assert "1 of 3 songs could not be scored: 'Zoe - Unknown'" in folders.error
    assert "has no song of this name" in folders.error
    assert set(folders.table["track"]) == set(SONGS["test"])


def test_one_source_alone_is_too_little(tmp_path, caplog):
    folders = Folders(tmp_path, caplog).write(["vocals"])
    assert folders.score() == 2
    assert "scores need vocals and accompaniment, or two or more of bass" in folders.error
    assert not folders.out.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--window", 0, "--hop", 1], "scoring.window is 0.0; it must be above 0"),
        (["--rendition", "x"], "give one of them"),
        (["--estimates", "nowhere"], "nowhere: there is no such folder"),
        (["--references", "."], "found no song; a song is a folder"),
        (["--out", "x.parquet"], "folders are scored to a folder"),
    ],
)
def test_wrong_options_are_named(folders, words, message, monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert folders.score(*words) == 2
    assert message in folders.error


def test_half_the_pipelines_options_are_refused(folders):
    assert cli.main(["score", "--estimates", str(folders.made), "--run", "x"]) == 2
    assert (
        "--config is missing; give --references and --estimates, two folders; or" in folders.error
    )


def test_both_engines_are_compared_on_request(folders):
    assert folders.score("--verify", 1, "--workers", 2) == 0
    (said,) = [m for m in folders.messages(logging.INFO) if "largest difference" in m]
    assert "1 of 2 songs" in said
