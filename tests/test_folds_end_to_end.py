"""A miniature study with a cross-validation, verb by verb from trainings to its report."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mssbench.cli import main
from mssbench.run_parts import separated_part, trained_part
from mssbench.runs import expand
from mssbench.study import Studies

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "workflow" / "schemas" / "study.schema.yaml"
SONGS = 4  # training songs of the tiny data set


def call(verb, **options):
    words = [
        [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
        for name, value in options.items()
    ]
    assert main([*verb.split(), *(word for option in words for word in option)]) == 0


@pytest.fixture(scope="module")
def study():
    return Studies(ROOT / "tests" / "miniature", SCHEMA).load("folds", "demo")


@pytest.fixture(scope="module")
def runs(study):
    return expand(study, {"name": "tiny"}, [0])


@pytest.fixture(scope="module")
def folder(runs, tiny_rendition, tmp_path_factory):
    """Folder of train, separate and score, each with a folder a run."""
    made = tmp_path_factory.mktemp("folds")
    for run in {run.trained: run for run in runs if run.trained}.values():
        out = made / "train" / run.trained
        call(
            "train",
            config=json.dumps(trained_part(run.config)),
            rendition=tiny_rendition,
            checkpoints=made / "checkpoints",
            device="cpu",
            out_weights=out / "model.safetensors",
            out_last=out / "last.safetensors",
            out_history=out / "history.csv",
            out_run=out / "run.json",
        )
    for run in runs:
        weights = made / "train" / str(run.trained) / "model.safetensors"
        estimates = made / "separate" / run.separated / "estimates.json"
        call(
            "separate",
            config=json.dumps(separated_part(run.config)),
            rendition=tiny_rendition,
            **({"weights": weights} if run.trained else {}),
            out=estimates,
        )
        call(
            "score",
            config=json.dumps(run.config["scoring"]),
            run=run.id,
            rendition=tiny_rendition,
            estimates=estimates,
            out=made / "score" / run.id / "scores.parquet",
        )
    return made


def report(study, runs, **definitions):
    rows = [run.row for run in runs]
    header = {"study": study.name, "dataset": "tiny", "scale": "demo", "rows": rows}
    return json.dumps(study.about | header | definitions)


def files(folder, stage, name):
    return sorted(folder.glob(f"{stage}/*/{name}"))


@pytest.fixture(scope="module")
def tables(study, runs, folder):
    out = folder / "tables"
    call(
        "tables",
        config=report(study, runs, tables=study.tables),
        scores=files(folder, "score", "scores.parquet"),
        runs=files(folder, "train", "run.json"),
        estimates=files(folder, "separate", "estimates.json"),
        out=out,
    )
    return out


def rows_of(tables, name):
    found = pd.read_csv(tables / f"{name}.csv")
    return found[found["aggregation"] == "song-wise median"].set_index("experiment")


def test_both_readings_share_the_trainings(runs):
    assert len({run.trained for run in runs if run.trained}) == 2
    assert len({run.separated for run in runs}) == len({run.id for run in runs}) == 6


def test_the_row_of_a_cross_validation_counts_every_training_song_once(tables):
    rows = rows_of(tables, "folds")
    assert list(rows.index) == ["net", "train-mixture"]
    assert list(rows["n_songs"]) == [SONGS, SONGS]
    assert rows.loc["net", "n_windows"] == rows.loc["train-mixture", "n_windows"]
    assert list(rows["n_seeds"]) == [1, 1]
    assert rows.loc["net", "n_common_songs"] == SONGS
    assert rows["low (dB)"].notna().all()


def test_its_value_is_of_all_songs_each_by_the_model_that_did_not_hear_it(tables, folder):
    row = rows_of(tables, "folds").loc["net"]
    parts = [
        pd.read_parquet(folder / "score" / run / "scores.parquet") for run in row["runs"].split()
    ]
    scored = [set(part["track"]) for part in parts]
    assert [len(songs) for songs in scored] == [2, 2]
    assert not scored[0] & scored[1]
    scores = pd.concat(parts)
    sdr = scores[(scores["target"] == "vocals") & (scores["metric"] == "SDR")]
    expected = sdr.groupby("track")["score"].median().median()
    assert row["value (dB)"] == pytest.approx(expected, abs=1e-4)


def test_its_value_leads_to_every_fold(tables):
    row = rows_of(tables, "folds").loc["net"]
    assert row["seeds"] == "0/0 0/1"
    page = (tables / "folds.html").read_text()
    for scores in row["scores"].split():
        assert f'href="{scores}/"' in page
        assert (tables / scores / "scores.parquet").is_file()
    text = (tables / "folds.md").read_text()
    assert "Net: cross-validated with 2 models a seed; each training song is scored once" in text
    assert "Mixture of training songs: scored on the training songs" in text
    assert "One seed." in text


def test_on_test_songs_the_models_are_values_of_their_own(tables):
    rows = rows_of(tables, "tests")
    assert list(rows.index) == ["net-test", "mixture"]
    assert list(rows["n_songs"]) == [2, 2]
    assert rows.loc["net-test", "n_seeds"] == 2
    text = (tables / "tests.md").read_text()
    assert "Mean ± standard deviation over 2 models." in text
    assert "Net on test songs: means over 2 models a seed, each trained without one fold" in text


@pytest.fixture(scope="module")
def inputs(folder, tiny_rendition):
    return {
        "scores": files(folder, "score", "scores.parquet"),
        "estimates": files(folder, "separate", "estimates.json"),
        "rendition": tiny_rendition,
    }


def test_figures_are_of_rows_that_compare(study, runs, folder, inputs):
    call(
        "figures",
        config=report(study, runs, figures=study.figures),
        histories=files(folder, "train", "history.csv"),
        runs=files(folder, "train", "run.json"),
        out=folder / "figures",
        **inputs,
    )
    assert {file.stem for file in folder.glob("figures/*.png")} == set(study.figures)
    text = " ".join((folder / "figures" / "fold-boxes.svg").read_text().split())
    assert "Points: 4 songs" in text
    assert "cross-validated with 2 models" in text
    assert "Points: 2 songs" in (folder / "figures" / "boxes.svg").read_text()


def test_the_listening_page_plays_those_that_have_test_songs(study, runs, folder, inputs):
    page = folder / "listening" / "index.html"
    call("listen", config=report(study, runs, listening=study.listening), out=page, **inputs)
    assert "Net on test songs (seed 0/0)" in page.read_text()
    assert '"Net"' not in page.read_text()


@pytest.fixture
def store(mlflow_uri, mlflow_client, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    return mlflow_client


def test_the_dashboard_has_a_run_a_fold(study, runs, folder, inputs, store):
    out = folder / "published.json"
    call("track publish", config=report(study, runs), out=out, **inputs)
    published = json.loads(out.read_text())["runs"]
    assert set(published) == {run.id for run in runs}
    for run in runs:
        stored = store.get_run(published[run.id]).data
        assert stored.tags.get("fold") == (None if run.fold is None else str(run.fold))
        # Scores on held-out songs do not stand among those on test songs.
        kinds = {name.split("/")[0] for name in stored.metrics if "/SDR/" in name}
        assert kinds == {run.songs}
        assert stored.tags["excerpt"]


def test_a_song_that_two_folds_have_scored_makes_no_table(study, runs, folder, tmp_path, caplog):
    one, other = (
        pd.read_parquet(folder / "score" / run.id / "scores.parquet")
        for run in runs
        if run.experiment == "net"
    )
    twice = one.assign(run=other["run"].iloc[0])
    twice.attrs = other.attrs
    paths = [tmp_path / "one.parquet", tmp_path / "twice.parquet"]
    for path, scores in zip(paths, (one, twice), strict=True):
        scores.to_parquet(path, index=False)
    table = {"title": "Folds", "rows": ["net"], "targets": ["vocals"], "metrics": ["SDR"]}
    tables = {"folds": table | {"aggregations": ["song-wise median"]}}
    config, scores = report(study, runs, tables=tables), list(map(str, paths))
    words = ["--config", config, "--scores", *scores, "--out", str(tmp_path)]
    assert main(["tables", *words]) != 0
    assert "is held out by 2 folds of net-s0-folds" in caplog.text
