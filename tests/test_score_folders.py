import json
import logging
import shutil
import subprocess
from pathlib import Path

import jsonschema
import museval
import numpy as np
import pandas as pd
import pytest
import soundfile
from audio_folders import RATE, SONGS, SOURCES, Folders, audio_of, write

from mssbench.scoring.protocol import METRICS

SCHEMA = json.loads((Path(museval.__file__).parent / "musdb.schema.json").read_text())

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture
def folders(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    return Folders(tmp_path, caplog).write()


def musevals(folders, song, names, window=RATE, hop=RATE):
    true, made = (
        np.stack([soundfile.read(folder / f"{name}.wav", always_2d=True)[0] for name in names])
        for folder in (folders.true / "test" / song, folders.made / song)
    )
    return museval.metrics.bss_eval(true, made, window=window, hop=hop)[:4]


def test_scores_are_musevals(folders):
    assert folders.score("--window", 2, "--hop", 0.5) == 0
    table = folders.table.set_index(["track", "target", "metric"])
    for song in SONGS["test"]:
        expected = musevals(folders, song, SOURCES, 2 * RATE, RATE // 2)
        for number, target in enumerate(SOURCES):
            for metric, values in zip(METRICS, expected, strict=True):
                found = table.loc[(song, target, metric)]
                np.testing.assert_allclose(found["score"], values[number], atol=1e-6)
                assert found["window_start"].tolist() == [0, 0.5, 1.0]
    protocol = folders.table.attrs["protocol"]
    assert (protocol["window"], protocol["hop"], protocol["references"]) == (2, 0.5, "float")


def test_windows_do_not_overlap_unless_asked_to(folders):
    assert folders.score("--window", 1.5, "--engine", "museval") == 0
    assert sorted(folders.table["window_start"].dropna().unique()) == [0, 1.5]
    assert "museval" in folders.table.attrs["protocol"]["version"]


def test_accompaniment_is_held_against_the_sum_of_the_other_sources(tmp_path, caplog):
    folders = Folders(tmp_path, caplog).write(["vocals", "accompaniment"])
    # The mixture is not what the sources sum to, and it does not matter.
    for song in SONGS["test"]:
        write(folders.true / "test" / song / "mixture.wav", 0.1 * audio_of(9)[0]["vocals"])
    assert folders.score() == 0
    assert set(folders.table["target"]) == {"vocals", "accompaniment"}
    assert folders.messages(logging.WARNING) == []
    song = SONGS["test"][0]
    folder = folders.true / "test" / song
    rest = sum(soundfile.read(folder / f"{s}.wav")[0] for s in SOURCES if s != "vocals")
    write(folder / "accompaniment.wav", rest, subtype="FLOAT")
    expected = musevals(folders, song, ["vocals", "accompaniment"])
    found = folders.table.set_index(["track", "target", "metric"])["score"]
    for number, target in enumerate(["vocals", "accompaniment"]):
        for metric, values in zip(METRICS, expected, strict=True):
            np.testing.assert_allclose(found[song, target, metric], values[number], atol=1e-4)


def test_jsons_are_valid_museval_in_folders_that_museval_finds(folders):
    song = SONGS["test"][0]
    audio, _ = soundfile.read(folders.made / song / "bass.wav")
    audio[:RATE] = 0
    write(folders.made / song / "bass.wav", audio, subtype="FLOAT")
    assert folders.score() == 0
    files = sorted((folders.out / "test").glob("*.json"))
    assert [file.stem for file in files] == SONGS["test"]
    for file in files:
        jsonschema.validate(json.loads(file.read_text()), SCHEMA)
    store = museval.EvalStore()
    store.add_eval_dir(folders.out)
    theirs = store.df.set_index(["track", "target", "metric", "time"])["score"].astype(float)
    ours = folders.table[folders.table["metric"].isin(METRICS)]
    ours = ours.set_index(["track", "target", "metric", "window_start"])["score"]
    assert len(theirs) == len(ours)
    np.testing.assert_allclose(theirs[ours.index], ours, atol=1e-5, equal_nan=True)
    assert ours[song].isna().sum() == len(SOURCES) * len(METRICS)


def test_medians_of_each_target_are_printed(folders, capsys):
    assert folders.score() == 0
    head, columns, *lines = capsys.readouterr().out.splitlines()
    assert "2 songs" in head
    assert columns.split()[:4] == list(METRICS)
    sdr = folders.table[folders.table["metric"] == "SDR"]
    medians = sdr.groupby(["target", "track"])["score"].median().groupby("target").median()
    printed = {line.split()[0]: float(line.split()[1]) for line in lines}
    assert printed == pytest.approx(medians.to_dict(), abs=0.0051)


@needs_ffmpeg
def test_flac_and_what_only_ffmpeg_reads_score_like_wav(folders):
    assert folders.score() == 0
    before = folders.table
    song = SONGS["test"][0]
    for file in [folders.true / "test" / song / "bass.wav", folders.made / song / "drums.wav"]:
        audio, _ = soundfile.read(file)
        write(file.with_suffix(".flac"), audio, subtype="PCM_24")
        file.unlink()
    # Apple Lossless keeps 16 bits exactly, and libsndfile cannot read it in this container.
    file = folders.true / "test" / song / "drums.wav"
    codec = ["-c:a", "alac", file.with_suffix(".m4a")]
    subprocess.run(["ffmpeg", "-v", "error", "-i", file, *codec], check=True)
    file.unlink()
    shutil.rmtree(folders.out)
    assert folders.score() == 0
    pd.testing.assert_frame_equal(folders.table, before, atol=1e-3)
