"""The real Snakefile, run on a miniature study in a copy of the project."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from mssbench.data.songs import STEMS

ROOT = Path(__file__).parent.parent
MINIATURE = ROOT / "tests" / "miniature"
RESULTS = Path("results", "synthetic", "demo")
STUDY = RESULTS / "studies" / "miniature"

pytestmark = pytest.mark.pipeline


def make_project(folder, tracking="results/mlflow.db", study="miniature"):
    """Copy what a checkout has, add a miniature study and choose it."""
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("workflow", "profiles", "envs", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(MINIATURE / f"{study}.yaml", folder / "workflow" / "studies")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    songs = {"train_songs": 4, "test_songs": 2, "seconds": 6, "seed": 0}
    config["synthetic"]["demo"] = songs
    config |= {"studies": [study], "tracking": tracking, "device": "cpu"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def command(project, *arguments):
    """Return what `subprocess` needs to run Snakemake on the project's own copy of the package."""
    environment = dict(os.environ, PYTHONPATH=str(project / "src"))
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment.pop("MLFLOW_TRACKING_URI", None)
    words = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return {"args": words, "cwd": project, "env": environment}


def snakemake(project, *arguments):
    return subprocess.run(
        **command(project, *arguments), capture_output=True, text=True, check=False
    )


def planned(project, *arguments):
    """Return the jobs of a dry run: rule -> number."""
    # What --quiet takes ends with the next option: targets come before it.
    done = snakemake(project, *arguments, "--dry-run", "--quiet", "rules")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, flags=re.MULTILINE))
    return {rule: int(count) for rule, count in jobs.items() if rule not in ("all", "total")}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The finished miniature study, with tracking."""
    folder = make_project(tmp_path_factory.mktemp("project"))
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def edit(project):
    """Replace text in the project's files for one test."""
    originals = {}

    def replace(name, before, after):
        path = project / name
        originals.setdefault(path, path.read_text())
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after, 1))

    yield replace
    for path, text in originals.items():
        path.write_text(text)


def test_every_table_and_figure_is_made_and_nothing_is_left_to_do(project):
    for name in ("systems.csv", "systems.md", "systems.tex", "systems.html"):
        assert (project / STUDY / "tables" / name).stat().st_size > 100
    for name in ("boxes", "learning_curves", "excerpt", "filters"):
        assert b"<svg" in (project / STUDY / "figures" / f"{name}.svg").read_bytes()
        assert (project / STUDY / "figures" / f"{name}.png").read_bytes()[1:4] == b"PNG"
    done = snakemake(project)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_to_accept_other_code_repeats_no_training(project):
    assert planned(project, "--config", "accept_code=True") == {}


def test_scores_hold_every_song_target_and_window(project):
    tables = [pd.read_parquet(path) for path in (project / RESULTS).glob("score/*/scores.parquet")]
    assert len(tables) == 4
    for table in tables:
        assert table["track"].nunique() == 2
        assert set(table["target"]) == {"vocals", "accompaniment"}
        sdr = table[(table["metric"] == "SDR") & (table["target"] == "vocals")]
        assert sorted(set(sdr["window_start"])) == [0, 1, 2, 3, 4, 5]


def test_weights_carry_the_configuration_that_names_them(project):
    runs = sorted((project / RESULTS / "train").glob("*/run.json"))
    assert len(runs) == 2
    for run in runs:
        found = json.loads(run.read_text())
        assert found["id"] == run.parent.name
        assert found["config"]["training"]["epochs"] == found["epochs"] == 8
        assert (run.parent / "last.safetensors").is_file()
    assert not list((project / RESULTS / "checkpoints").glob("*/*"))


def test_changing_one_experiment_trains_that_one_again(project, edit):
    edit("workflow/studies/miniature.yaml", "filters: 2, output", "filters: 3, output")
    jobs = planned(project)
    assert jobs.pop("train") == jobs.pop("separate") == jobs.pop("score") == 1
    assert jobs == {"table": 1, "figure": 4, "listening_page": 1, "published": 1}


def test_changing_the_scoring_trains_and_separates_nothing(project, edit):
    edit("workflow/studies/miniature.yaml", "hop: 1.0", "hop: 0.5")
    assert planned(project) == {
        "score": 4,
        "table": 1,
        "figure": 4,
        "listening_page": 1,
        "published": 1,
    }


def test_editing_the_figure_code_draws_anew_and_trains_nothing(project, edit):
    edit("src/mssbench/report/figures/boxes.py", "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    assert planned(project) == {"figure": 4, "published": 1}


def test_editing_one_model_trains_that_one_again(project, edit):
    edit("src/mssbench/models/wave_u_net.py", "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    jobs = planned(project)
    assert jobs["train"] == jobs["separate"] == jobs["score"] == 1


def test_editing_a_comment_repeats_nothing(project, edit):
    edit("src/mssbench/training/loop.py", "\n\n\n", "\n\n\n# A remark.\n\n\n")
    assert planned(project) == {}


def test_editing_the_training_code_trains_all_again(project, edit):
    edit("src/mssbench/training/loop.py", "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    jobs = planned(project)
    assert jobs["train"] == 2
    assert "rendition" not in jobs
    assert "synthetic_dataset" not in jobs


def test_other_songs_are_rendered_and_everything_follows(project, edit):
    edit("config.yaml", "seconds: 6", "seconds: 7")
    jobs = planned(project)
    assert jobs["synthetic_dataset"] == jobs["rendition"] == 1
    assert jobs["train"] == 2
    assert jobs["score"] == 4


def test_a_data_set_of_ones_own_needs_its_entry_and_its_folder(tmp_path):
    project = make_project(tmp_path, tracking="off")
    entry = project / "workflow" / "datasets" / "duo.yaml"
    entry.write_text("stems: [vocals, piano]\n")
    config = project / "config.yaml"
    config.write_text(config.read_text().replace("dataset: synthetic", "dataset: duo"))
    refused = snakemake(project, "--dry-run")
    assert "dataset_path is null; give the folder of duo" in refused.stdout + refused.stderr
    config.write_text(config.read_text().replace("dataset_path: null", "dataset_path: /songs"))
    jobs = planned(project)
    assert jobs["linked_dataset"] == 1
    assert "synthetic_dataset" not in jobs
    # Of other stems the study's systems have nothing to score.
    entry.write_text("stems: [piano, violin]\n")
    refused = snakemake(project, "--dry-run")
    assert "tables.systems.targets has 'vocals'" in refused.stdout + refused.stderr


def write_copy_song(folder, seed=0):
    """Write 0.2 s of noise as a song of MUSDB18-HQ."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.1, 0.1, (4, 8820, 2))
    for stem, audio in zip(STEMS, [noise.sum(axis=0), *noise], strict=True):
        soundfile.write(folder / f"{stem}.wav", audio, 44100, "PCM_16")


def test_linked_songs_that_are_changed_or_added_are_read_anew(tmp_path):
    project, songs = make_project(tmp_path, tracking="off"), tmp_path / "copy"
    for name in ("train/A - One", "train/B - Two", "test/C - Three"):
        write_copy_song(songs / name)
    config = yaml.safe_load((project / "config.yaml").read_text())
    config |= {"dataset": "musdb18hq", "dataset_path": str(songs)}
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    until = ("--until", "rendition")

    def prepared():
        done = snakemake(project, *until)
        assert done.returncode == 0, done.stdout + done.stderr
        (manifest,) = (project / "results/musdb18hq").glob("*/rendition/*/manifest.json")
        return {song["name"]: song["sha256"] for song in json.loads(manifest.read_text())["songs"]}

    before = prepared()
    assert planned(project, *until) == {}
    shutil.copytree(songs / "train/A - One", tmp_path / "kept")
    write_copy_song(songs / "train/A - One", seed=1)
    assert planned(project, *until) == {"linked_dataset": 1, "rendition": 1}
    shutil.copytree(tmp_path / "kept", songs / "train/A - One", dirs_exist_ok=True)
    write_copy_song(songs / "train/D - Four", seed=2)
    assert planned(project, *until) == {"linked_dataset": 1, "rendition": 1}
    write_copy_song(songs / "train/B - Two", seed=3)
    after = prepared()
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"B - Two", "D - Four"}
    # What is finished stays so where the songs are taken away.
    songs.rename(tmp_path / "away")
    assert planned(project, *until) == {}


def test_second_seed_trains_each_model_once_more(project, edit):
    edit("config.yaml", "seeds:\n- 0", "seeds:\n- 0\n- 1")
    jobs = planned(project)
    assert jobs["train"] == jobs["score"] == 2


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "dataset: synthetic",
            "dataset: musdb",
            "dataset is 'musdb'; allowed are synthetic, musdb18",
        ),
        ("device: cpu", "devices: cpu", "unknown key 'devices'"),
        ("scale: demo", "scale: big", "scale is 'big'; allowed are demo, paper"),
        ("- miniature", "- minature", "unknown study 'minature'; there are htmd_net, meta_tasnet"),
        ("seconds: 6", "seconds: 1", "at least 4 seconds"),
    ],
)
def test_wrong_configuration_is_named_in_one_line_and_changes_nothing(
    project, edit, before, after, message
):
    edit("config.yaml", before, after)
    files = sorted((project / "results").rglob("*"))
    done = snakemake(project)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert message in said
    assert "Traceback" not in said
    assert sorted((project / "results").rglob("*")) == files


def test_editing_the_listening_page_makes_that_anew(project, edit):
    edit("src/mssbench/report/listening/page.css", "margin: 0;", "margin: 1px;")
    assert planned(project) == {"listening_page": 1}


def test_report_holds_tables_figures_and_the_listening_page(project):
    done = snakemake(project, "--report", "report.zip")
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(project / "report.zip") as report:
        names = {Path(name).name: name for name in report.namelist()}
        text = report.read("report/report.html").decode()
    for name in ("systems", "boxes", "learning_curves", "excerpt", "listening"):
        assert name in text
    page = Path(names["index.html"]).parent
    for name in ("listening.js", "listening.css", "song-0.js"):
        assert Path(names[name]).parent == page


def test_each_row_is_one_finished_run_of_its_study_in_mlflow(project):
    code = """
import mlflow, json
mlflow.set_tracking_uri("sqlite:///results/mlflow.db")
for experiment in ("trainings", "miniature"):
    runs = mlflow.search_runs(experiment_names=[experiment], output_format="list")
    for run in runs:
        words = [experiment, run.info.status, sorted(run.data.metrics), run.data.tags]
        print(json.dumps(words))
"""
    environment = command(project)["env"]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    runs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert {status for _, status, *_ in runs} == {"FINISHED"}
    trainings = [run for run in runs if run[0] == "trainings"]
    rows = [run for run in runs if run[0] == "miniature" and "label" in run[3]]
    # And one for tables and figures.
    assert (len(trainings), len(rows), len(runs)) == (2, 4, 7)
    for *_, metrics, tags in trainings:
        assert any("valid" in metric for metric in metrics)
        assert tags["study"] == "miniature"
    for *_, metrics, tags in rows:
        assert "test/SDR/vocals" in metrics
        assert tags["dataset"] == "synthetic"
        assert ("training" in tags) == (tags["kind"] == "trained")


def test_killed_pipeline_continues_to_the_same_tables(project, tmp_path):
    copy = make_project(tmp_path, tracking="off")
    running = subprocess.Popen(
        **command(copy),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Kill everything, Snakemake and its jobs, as soon as a training has saved a checkpoint.
    while not list((copy / RESULTS / "checkpoints").glob("*/checkpoint-*")):
        assert running.poll() is None, "the pipeline ended before a checkpoint was written"
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (copy / STUDY).exists()
    done = snakemake(copy, "--unlock")
    done = snakemake(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("systems.csv", "systems.md", "systems.tex", "systems.html"):
        assert (copy / STUDY / "tables" / name).read_bytes() == (
            project / STUDY / "tables" / name
        ).read_bytes()


def test_stretched_songs_go_when_they_have_trained_and_no_training_is_repeated(tmp_path):
    project = make_project(tmp_path, tracking="off", study="stretched")
    done = snakemake(project, "--until", "train")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert re.search(r"Stretching songs for wave_u_net-s0-\w+: [\d.]+ MB on disk", said)
    assert "10 songs, 4 of them stretched" in said
    assert not list((project / RESULTS / "stretched").glob("*"))
    assert len(list((project / RESULTS / "rendition" / "8000-mono").glob("*.npy"))) == 6
    assert planned(project, "--until", "train") == {}
    # Other trainings make the songs again, for themselves alone.
    study = project / "workflow" / "studies" / "stretched.yaml"
    text = study.read_text()
    study.write_text(text.replace("[stretched]", "[stretched, shared, plain]"))
    assert planned(project, "--until", "train") == {"stretched_rendition": 1, "train": 2}
    study.write_text(text)
    with (project / "src" / "mssbench" / "stretching" / "offline.py").open("a") as code:
        code.write("ADDED = 1\n")
    assert planned(project, "--until", "train") == {"stretched_rendition": 1, "train": 1}
