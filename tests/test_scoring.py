import json
import logging
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import jsonschema
import museval
import numpy as np
import pandas as pd
import pytest
import soundfile

from mssbench import __version__, cli
from mssbench.data.rendition import Rendition
from mssbench.data.songs import STEMS
from mssbench.errors import UserError
from mssbench.report.museval_json import read_museval_json
from mssbench.scoring.museval_engine import bsseval, frames
from mssbench.scoring.problems import PAIR as TARGETS
from mssbench.scoring.problems import Problem
from mssbench.scoring.protocol import METRICS, Protocol
from mssbench.scoring.results import read_scores
from mssbench.scoring.si_sdr import si_sdr
from mssbench.scoring.song import references_of, score_song

RATE = 8000
PROTOCOL = Protocol(1.0, 1.0, "pcm16", "museval")
CONFIG = {"window": 1.0, "hop": 1.0, "references": "pcm16", "engine": "museval"}
SCHEMA = json.loads((Path(museval.__file__).parent / "musdb.schema.json").read_text())


def sources(seconds=3.5, channels=1, seed=0):
    """References and estimates, (targets, channels, samples)."""
    random = np.random.default_rng(seed)
    references = 0.1 * random.standard_normal((2, channels, round(seconds * RATE)))
    leaked = references + 0.3 * references[::-1]
    return references, leaked + 0.02 * random.standard_normal(references.shape)


def museval_of(references, estimates, window=RATE, hop=RATE):
    scores = museval.metrics.bss_eval(
        references.swapaxes(1, 2), estimates.swapaxes(1, 2), window=window, hop=hop
    )
    return dict(zip(METRICS, scores[:4], strict=True))


def score(references, estimates):
    """Score vocals and accompaniment, (targets, channels, samples)."""
    truth, estimated = (dict(zip(TARGETS, s, strict=True)) for s in (references, estimates))
    return score_song(
        "song", [Problem(TARGETS, TARGETS)], truth, estimated, rate=RATE, protocol=PROTOCOL
    )


def pair_of(stems, grid):
    references = references_of(stems, STEMS, TARGETS, grid)
    return np.stack([references[target] for target in TARGETS])


@pytest.mark.parametrize(
    ("channels", "hop", "order"),
    [(1, RATE, (0, 1)), (2, RATE, (0, 1)), (1, RATE // 2, (0, 1)), (1, RATE, (1, 0))],
)
def test_metrics_are_musevals_in_the_given_order(channels, hop, order):
    references, estimates = sources(channels=channels)
    estimates = estimates[list(order)]
    found = bsseval(references, estimates, RATE, hop)
    expected = museval_of(references, estimates, RATE, hop)
    for metric in METRICS:
        assert found[metric].shape == (2, 3 if hop == RATE else 6)
        np.testing.assert_array_equal(found[metric], expected[metric])


def test_windows_with_silence_are_nan_for_all_sources_and_for_si_sdr():
    references, estimates = sources()
    references[0, :, :RATE] = 0
    estimates[1, :, 2 * RATE : 3 * RATE] = 0
    scores = score(references, estimates)
    for target in TARGETS:
        for metric in (*METRICS, "SI-SDR"):
            assert np.isnan(scores.windows[target][metric]).tolist() == [True, False, True]
        assert np.isfinite(scores.song[target]["song SI-SDR"])
    assert scores.silent == ()


@pytest.mark.parametrize(("kind", "channels"), [("zero", 1), ("zero", 2), ("opposite", 2)])
def test_song_that_is_silent_throughout_has_nan_alone(kind, channels):
    references, estimates = sources(channels=channels)
    estimates[0] = (
        0 if kind == "zero" else estimates[0] * [[1], [0]] - estimates[0, :1] * [[0], [1]]
    )
    with pytest.raises(ValueError, match="non-silent"):
        museval_of(references, estimates)
    scores = score(references, estimates)
    assert scores.silent == ("estimate of vocals",)
    for target in TARGETS:
        assert np.isnan(scores.song[target]["song SI-SDR"])
        assert all(np.isnan(scores.windows[target][m]).sum() == 3 for m in (*METRICS, "SI-SDR"))


def test_silent_reference_is_told_from_a_silent_estimate():
    references, estimates = sources()
    references[1] = 0
    assert score(references, estimates).silent == ("reference of accompaniment",)


def test_song_shorter_than_a_window_is_one_window():
    assert frames(RATE // 2, RATE, RATE) == [slice(0, RATE // 2)]
    references, estimates = sources(seconds=0.5)
    scores = score(references, estimates)
    assert scores.windows["vocals"]["SI-SDR"] == [scores.song["vocals"]["song SI-SDR"]]


@pytest.mark.parametrize("degrees", [10, 45, 80, 135])
@pytest.mark.parametrize("scale", [0.01, 1, -30])
def test_si_sdr_is_the_cotangent_of_the_angle(degrees, scale):
    one, other = np.linalg.qr(np.random.default_rng(0).standard_normal((2000, 2)))[0].T
    angle = np.radians(degrees)
    estimate = scale * (np.cos(angle) * one + np.sin(angle) * other)
    expected = 20 * np.log10(abs(1 / np.tan(angle)))
    assert si_sdr(7 * one, estimate) == pytest.approx(expected, abs=1e-9)
    # One factor for all channels.
    assert si_sdr(7 * one.reshape(2, -1), estimate.reshape(2, -1)) == pytest.approx(expected)


def test_si_sdr_at_its_ends():
    wave = np.array([1.0, -2.0, 4.0])
    assert si_sdr(wave, wave) == np.inf
    assert si_sdr(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == -np.inf
    assert np.isnan(si_sdr(wave, 0 * wave))
    assert np.isnan(si_sdr(0 * wave, wave))


def test_si_sdr_keeps_means():
    wave = np.random.default_rng(0).standard_normal(4000)
    assert si_sdr(wave, wave + 1) == pytest.approx(0, abs=0.2)


def test_references_are_rounded_to_16_bit_without_clipping():
    stems = np.random.default_rng(0).uniform(-1.5, 1.5, (5, 2, 100)).astype(np.float32)
    plain, rounded = pair_of(stems, "float"), pair_of(stems, "pcm16")
    np.testing.assert_array_equal(plain[0], stems[4])
    np.testing.assert_array_equal(plain[1], stems[0].astype(float) - stems[4])
    assert np.array_equal(rounded * 32768, np.round(rounded * 32768))
    assert 0 < np.abs(rounded - plain).max() <= 0.5 / 32768
    assert np.abs(rounded).max() > 1.4


@dataclass
class Project:
    """Estimates of the rendition's test songs and the command that scores them."""

    folder: Path
    manifest: Path
    log: pytest.LogCaptureFixture

    @property
    def out(self):
        return self.folder / "score" / "scores.parquet"

    @property
    def songs(self):
        rendition = Rendition.open(self.manifest)
        return {s.name: rendition.audio(s) for s in rendition.songs if s.subset == "test"}

    def references(self, name):
        return pair_of(self.songs[name], "pcm16")

    def wav(self, name, target="vocals"):
        return self.folder / name / f"{target}.wav"

    def estimates(self, name):
        return np.stack([soundfile.read(self.wav(name, t), always_2d=True)[0].T for t in TARGETS])

    def write(self):
        entries = []
        for seed, (name, stems) in enumerate(self.songs.items()):
            (self.folder / name).mkdir()
            random = np.random.default_rng(seed)
            references = pair_of(stems, "float")
            leaked = references + 0.2 * references[::-1]
            noisy = leaked + 0.01 * random.standard_normal(references.shape)
            for target, audio in zip(TARGETS, noisy, strict=True):
                soundfile.write(self.wav(name, target), audio.T, RATE, subtype="FLOAT")
            files = {target: f"{name}/{target}.wav" for target in TARGETS}
            entries.append({"name": name, "files": files, "samples": stems.shape[-1]})
        self.list(entries)
        return self

    def list(self, entries):
        (self.folder / "estimates.json").write_text(json.dumps({"songs": entries}))

    def score(self, *words, config=CONFIG):
        self.log.clear()
        files = ["--rendition", self.manifest, "--estimates", self.folder / "estimates.json"]
        arguments = ["--config", json.dumps(config), "--run", "run-1", *files, "--out", self.out]
        return cli.main(["score", *map(str, arguments), *words])

    @property
    def error(self):
        (record,) = [r for r in self.log.records if r.levelno == logging.ERROR]
        return record.getMessage()


@pytest.fixture
def project(tiny_rendition, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    return Project(tmp_path, tiny_rendition, caplog).write()


def test_table_holds_musevals_scores_of_every_song(project):
    assert project.score(config=CONFIG | {"window": 0.5, "hop": 0.25}) == 0
    table = read_scores(project.out)
    assert set(table["run"]) == {"run-1"}
    assert set(table["track"]) == set(project.songs)
    keys = ["run", "track", "target", "metric", "window_start"]
    pd.testing.assert_frame_equal(table, table.sort_values(keys, ignore_index=True))
    assert not table.duplicated(keys).any()
    for name in project.songs:
        references, estimates = project.references(name), project.estimates(name)
        expected = museval_of(references, estimates, RATE // 2, RATE // 4)
        for number, target in enumerate(TARGETS):
            own = table[(table["track"] == name) & (table["target"] == target)]
            for metric in METRICS:
                found = own[own["metric"] == metric]
                assert np.array_equal(found["window_start"], 0.25 * np.arange(len(found)))
                np.testing.assert_array_equal(found["score"], expected[metric][number])
            (whole,) = own[own["metric"] == "song SI-SDR"].itertuples()
            assert np.isnan(whole.window_start)
            assert whole.score == si_sdr(references[number], estimates[number])
            assert len(own[own["metric"] == "SI-SDR"]) == len(found)
    # The tiny songs' voices rest for a while.
    assert table["score"].isna().any()
    assert table["score"].notna().any()


def test_table_says_how_it_was_made(project):
    config = {"window": 0.5, "hop": 0.25, "references": "float"}
    assert project.score(config=config) == 0
    protocol = read_scores(project.out).attrs["protocol"]
    assert protocol.items() >= config.items()
    assert protocol["version"] == f"BSSEval v4 (mssbench {__version__})"
    starts = read_scores(project.out)["window_start"].dropna().unique()
    assert sorted(starts)[:4] == [0.0, 0.25, 0.5, 0.75]


def test_jsons_fit_musevals_schema_and_the_table(project):
    assert project.score() == 0
    table = read_scores(project.out)
    assert table.attrs["protocol"]["version"] == f"BSSEval v4 (museval {version('museval')})"
    files = [project.out.parent / f"{name}.json" for name in project.songs]
    for file in files:
        content = json.loads(file.read_text())
        jsonschema.validate(content, SCHEMA)
        assert content["scored_by"] == table.attrs["protocol"]["version"]
        assert [target["name"] for target in content["targets"]] == list(TARGETS)
        assert content["targets"][0]["frames"][1]["time"] == 1.0
        assert content["targets"][0]["frames"][1]["duration"] == 1.0
    keys = ["run", "track", "target", "metric", "window_start"]
    read = read_museval_json("run-1", files).sort_values(keys, ignore_index=True)
    same = table[table["metric"].isin(METRICS)].reset_index(drop=True)
    pd.testing.assert_frame_equal(read[keys], same[keys])
    np.testing.assert_allclose(read["score"], same["score"], atol=1e-5)


def test_nothing_but_table_and_jsons_is_left(project):
    assert project.score() == 0
    names = {path.name for path in project.out.parent.iterdir()}
    assert names == {"scores.parquet", *(f"{name}.json" for name in project.songs)}


def test_processes_give_the_same_table(project):
    assert project.score() == 0
    alone = read_scores(project.out)
    shutil.rmtree(project.out.parent)
    assert project.score("--workers", "2") == 0
    pd.testing.assert_frame_equal(read_scores(project.out), alone)


def test_all_zero_estimate_is_nan_and_named_in_a_warning(project):
    name = next(iter(project.songs))
    soundfile.write(project.wav(name), 0 * project.estimates(name)[0].T, RATE, subtype="FLOAT")
    assert project.score() == 0
    table = read_scores(project.out)
    assert table[table["track"] == name]["score"].isna().all()
    assert table[table["track"] != name]["score"].notna().any()
    (warning,) = [r.getMessage() for r in project.log.records if r.levelno == logging.WARNING]
    assert name in warning
    assert "estimate of vocals" in warning
    jsonschema.validate(json.loads((project.out.parent / f"{name}.json").read_text()), SCHEMA)


def damage(project, name, what):
    audio = project.estimates(name)[0].T
    rate, path = RATE, project.wav(name)
    if what == "length":
        audio = audio[:-5]
    elif what == "rate":
        rate = 44100
    elif what == "channels":
        audio = np.repeat(audio, 2, axis=1)
    elif what == "nan":
        audio[100:103] = np.nan
    soundfile.write(path, audio, rate, subtype="FLOAT")
    if what == "no audio":
        path.write_text("no audio")
    elif what == "missing":
        path.unlink()
    return len(audio)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("length", "its length (samples) is {samples}, the reference's is {wanted}"),
        ("rate", "its sample rate (Hz) is 44100, the reference's is 8000"),
        ("channels", "its number of channels is 2, the reference's is 1"),
        ("nan", "3 of {samples} samples are NaN or infinite"),
        ("no audio", "cannot be read"),
        ("missing", "cannot be read"),
    ],
)
def test_wrong_estimate_is_named_and_the_other_songs_are_kept(project, what, message):
    first, second = project.songs
    samples = damage(project, first, what)
    assert project.score() == 2
    wanted = project.songs[first].shape[-1]
    assert str(project.wav(first)) in project.error
    assert message.format(samples=samples, wanted=wanted) in project.error
    assert project.error.startswith("mssbench score: error: 1 of 2 songs could not be scored")
    assert not project.out.exists()
    assert (project.out.parent / f"{second}.json").is_file()
    assert not (project.out.parent / f"{first}.json").exists()


def scored(project, *words, config=CONFIG):
    """Score and return the songs whose JSON was written anew."""
    files = {name: project.out.parent / f"{name}.json" for name in project.songs}
    before = {name: file.stat().st_ino for name, file in files.items() if file.exists()}
    assert project.score(*words, config=config) == 0
    return {name for name, file in files.items() if file.stat().st_ino != before.get(name)}


def test_second_run_scores_only_what_is_missing(project):
    first, second = project.songs
    good = project.wav(first).read_bytes()
    damage(project, first, "length")
    assert project.score() == 2
    project.wav(first).write_bytes(good)
    assert scored(project) == {first}
    table = read_scores(project.out)
    shutil.rmtree(project.out.parent)
    assert scored(project) == {first, second}
    pd.testing.assert_frame_equal(read_scores(project.out), table)


@pytest.mark.parametrize("change", ["protocol", "estimate"])
def test_kept_scores_of_something_else_are_made_anew(project, change):
    first, second = project.songs
    good = project.wav(first).read_bytes()
    damage(project, first, "length")
    assert project.score() == 2
    project.wav(first).write_bytes(good)
    config = CONFIG
    if change == "protocol":
        config = CONFIG | {"hop": 0.5}
    else:
        audio = 0.5 * project.estimates(second)[0].T
        soundfile.write(project.wav(second), audio, RATE, subtype="FLOAT")
    assert scored(project, config=config) == {first, second}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (CONFIG | {"window": 0}, "scoring.window is 0; it must be above 0"),
        (CONFIG | {"references": "mp3"}, "scoring.references is 'mp3'; allowed are pcm16, float"),
        ({"window": 1.0, "hop": 1.0}, "'scoring.references' is missing"),
    ],
)
def test_wrong_protocol_is_named(project, config, message):
    assert project.score(config=config) == 2
    assert message in project.error


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "lists no song"),
        (
            [{"name": "Eve - Five", "files": {"vocals": "v.wav"}}],
            "has estimates of vocals; scores need",
        ),
        ([{"files": {}}], "is not an estimates.json"),
        ([{"name": "Gus", "files": dict.fromkeys(TARGETS, "x.wav")}], "no song 'Gus'"),
    ],
)
def test_wrong_list_of_estimates_is_named(project, entries, message):
    project.list(entries)
    assert project.score() == 2
    assert message in project.error


def test_songs_without_estimates_are_named_in_a_warning(project):
    first, second = project.songs
    files = {target: f"{first}/{target}.wav" for target in TARGETS}
    project.list([{"name": first, "files": files}])
    assert project.score() == 0
    (warning,) = [r.getMessage() for r in project.log.records if r.levelno == logging.WARNING]
    assert f"lacks 1 of the rendition's test songs, such as {second!r}" in warning
    assert set(read_scores(project.out)["track"]) == {first}


def test_other_parquet_files_are_refused(tmp_path):
    path = tmp_path / "other.parquet"
    with pytest.raises(UserError, match="there is no such file"):
        read_scores(path)
    path.write_text("no parquet")
    with pytest.raises(UserError, match="not a whole Parquet file"):
        read_scores(path)
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(UserError, match="is no score table: its columns are a"):
        read_scores(path)
