import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from mssbench import __version__, cli
from mssbench.commands.score import PRELOAD, PRELOAD_OF
from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.runs import expand
from mssbench.scoring.problems import PAIR, Problem
from mssbench.scoring.protocol import METRICS, Protocol
from mssbench.scoring.results import read_scores
from mssbench.scoring.song import score_song
from mssbench.scoring.verification import agreement, chosen
from mssbench.study import Studies
from mssbench.training.structure import structure

RATE = 8000
CONFIG = {"window": 0.5, "hop": 0.5, "references": "pcm16"}


@pytest.fixture
def score(tiny_rendition, tmp_path, caplog):
    """Returns a function that scores noisy estimates of the rendition's two test songs."""
    caplog.set_level(logging.INFO)
    rendition = Rendition.open(tiny_rendition)
    random = np.random.default_rng(0)
    entries = []
    for song in rendition.songs:
        if song.subset == "test":
            mixture, vocals = (rendition.audio(song)[i] for i in (0, 4))
            for target, wave in (("vocals", vocals), ("accompaniment", mixture - vocals)):
                file = tmp_path / song.name / f"{target}.wav"
                file.parent.mkdir(exist_ok=True)
                noisy = wave + 0.2 * mixture + 0.01 * random.standard_normal(wave.shape)
                noisy[:, : RATE // 2] *= target != "vocals"
                soundfile.write(file, noisy.T, RATE, subtype="FLOAT")
            files = {target: f"{song.name}/{target}.wav" for target in PAIR}
            entries.append({"name": song.name, "files": files})
    (tmp_path / "estimates.json").write_text(json.dumps({"songs": entries}))

    def run(out, *words, **config):
        arguments = ["--rendition", tiny_rendition, "--estimates", tmp_path / "estimates.json"]
        arguments += ["--config", json.dumps(CONFIG | config), "--run", "run", "--out", out]
        assert cli.main(["score", *map(str, arguments), *words]) == 0
        return read_scores(out)

    return run


def test_engines_give_the_same_table_and_are_named_in_it(score, tmp_path):
    exact = score(tmp_path / "one" / "scores.parquet")
    museval = score(tmp_path / "other" / "scores.parquet", engine="museval")
    assert exact.attrs["protocol"]["version"] == f"BSSEval v4 (mssbench {__version__})"
    assert museval.attrs["protocol"]["version"].startswith("BSSEval v4 (museval ")
    keys = list(exact.columns[:-1])
    pd.testing.assert_frame_equal(exact[keys], museval[keys])
    np.testing.assert_allclose(exact["score"], museval["score"], rtol=0, atol=1e-6)
    assert exact["score"].isna().any()
    assert exact["score"].notna().any()


def test_scores_of_one_engine_are_not_kept_for_the_other():
    exact = structure(Protocol, CONFIG)
    assert exact == Protocol(**CONFIG, engine="bss_eval")
    descriptions = [Protocol(**CONFIG, engine=e).description() for e in ("bss_eval", "museval")]
    assert descriptions[0] == exact.description() != descriptions[1]
    assert list(descriptions[0]) == ["version", "window", "hop", "references", "si_sdr"]
    with pytest.raises(UserError, match="engine is 'other'; allowed are bss_eval, museval"):
        structure(Protocol, CONFIG | {"engine": "other"}, "scoring")


def test_a_study_may_name_the_engine_which_repeats_the_scoring_alone(tmp_path):
    workflow = Path(__file__).parent.parent / "workflow"
    schema = workflow / "schemas" / "study.schema.yaml"
    text = (workflow / "studies" / "overview.yaml").read_text()
    assert "references: pcm16}" in text
    runs = []
    for folder, written in {
        "as it is": text,
        "named": text.replace("references: pcm16}", "references: pcm16, engine: museval}"),
    }.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "overview.yaml").write_text(written)
        study = Studies(tmp_path / folder, schema).load("overview", "paper")
        runs.append(expand(study, {"name": "synthetic", "seed": 0}, [0]))
    for one, other in zip(*runs, strict=True):
        assert one.separated == other.separated
        assert one.id != other.id


def test_opposite_channels_have_scores_with_the_engine_that_looks_at_each():
    random = np.random.default_rng(0)
    truth = {name: random.standard_normal((2, RATE)) for name in PAIR}
    truth["vocals"][1] = -truth["vocals"][0]
    guess = {name: wave + 0.1 * random.standard_normal(wave.shape) for name, wave in truth.items()}
    found = {
        engine: score_song(
            "song",
            [Problem(PAIR, PAIR)],
            truth,
            guess,
            rate=RATE,
            protocol=Protocol(1.0, 1.0, "float", engine),
        )
        for engine in ("museval", "bss_eval")
    }
    assert found["museval"].silent == ("reference of vocals",)
    assert found["bss_eval"].silent == ()
    assert found["bss_eval"].windows["vocals"]["SDR"] == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize("engine", ["museval", "bss_eval"])
def test_verify_tells_the_largest_difference_of_each_metric(score, tmp_path, caplog, engine):
    score(tmp_path / "out" / "scores.parquet", "--verify", "1", engine=engine)
    (line,) = [r.getMessage() for r in caplog.records if "against museval" in r.getMessage()]
    assert "1 of 2 songs" in line
    differences = dict(part.split(" ")[:2] for part in line.split("difference ")[1].split(", "))
    assert list(differences) == list(METRICS)
    assert all(float(value) < 1e-6 for value in differences.values())
    assert not [r for r in caplog.records if r.levelno == logging.WARNING]


def test_the_same_songs_are_verified_each_time():
    names = [f"song {number}" for number in range(50)]
    assert chosen(names, 5) == chosen(names[::-1], 5)
    assert len(set(chosen(names, 5))) == 5
    assert chosen(names, 99) == sorted(names)


def test_agreement_counts_what_one_engine_alone_has():
    nan, inf = np.nan, np.inf
    found = agreement(
        np.array([1.0, 2.5, nan, nan, inf, inf, 140.0]),
        np.array([1.0, 2.0, nan, 3.0, inf, -inf, 150.0]),
    )
    assert (found.values, found.largest, found.unlike) == (7, 0.5, 2)


@pytest.mark.parametrize("engine", PRELOAD_OF)
def test_a_worker_loads_no_more_than_its_engine_needs(engine):
    # Each of these takes longer to load than a song of the demo takes to score.
    program = "import sys\n" + "".join(
        f"import {name}\n" for name in (*PRELOAD, PRELOAD_OF[engine])
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{program}print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    unused = {"matplotlib", "mlflow", "museval", "scipy.signal", "torch"}
    loaded = {"bss_eval": set(), "museval": {"matplotlib", "museval", "scipy.signal"}}[engine]
    assert unused & set(done.stdout.split()) <= loaded
