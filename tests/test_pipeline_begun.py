"""The real Snakefile on a study whose experiments begin with others, and sweep."""

import re

import pytest
import yaml
from test_pipeline import make_project, planned, snakemake

from mssbench.runs import expand
from mssbench.study import Studies

pytestmark = pytest.mark.pipeline

WEIGHTS = "results/synthetic/demo/train/{}/model.safetensors"


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path, tracking="off", study="begun")


def change(project, edit):
    """Change the study by a function of its content."""
    path = project / "workflow" / "studies" / "begun.yaml"
    study = yaml.safe_load(path.read_text())
    edit(study)
    path.write_text(yaml.safe_dump(study, sort_keys=False))


def runs(project):
    config = yaml.safe_load((project / "config.yaml").read_text())
    dataset = {"name": "synthetic", **config["synthetic"]["demo"]}
    schema = project / "workflow" / "schemas" / "study.schema.yaml"
    study = Studies(project / "workflow" / "studies", schema).load("begun", "demo")
    return {run.experiment: run for run in expand(study, dataset, [0])}


def trainings(project):
    """Return what a dry run says of each training: name -> what it waits for and its command."""
    done = snakemake(project, "--dry-run", "--printshellcmds")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    jobs = [job for job in said.split("\n\n") if " mssbench train $budget " in job]
    found = {re.search(r"Training ([\w-]+)", job)[1]: job for job in jobs}
    assert len(found) == len(jobs)
    return found


def test_a_training_waits_for_the_weights_that_it_begins_with(project):
    found, expected = trainings(project), runs(project)
    source, begun = expected["m2"].trained, expected["m6"].trained
    assert set(found) == {source, begun}
    weights = WEIGHTS.format(source)
    (waited,) = re.findall(r"Input files updated by another job: (.*)", found[begun])
    assert weights in waited.split(", ")
    assert f"--initial {weights} --parts front_end " in found[begun]
    assert "--initial" not in found[source]
    change(project, lambda study: study["select"].update(experiments=["m6"]))
    assert planned(project)["train"] == 2
    assert planned(project)["separate"] == 1


def test_a_sweep_is_trained_in_all_of_its_combinations_and_tagged(project):
    def sweep(study):
        study["experiments"]["m6"]["sweep"] = {
            "training.epochs": [1, 2],
            "separation.shifts": [0, 3],
        }

    change(project, sweep)
    jobs = planned(project)
    assert (jobs["train"], jobs["separate"], jobs["score"]) == (3, 6, 6)
    found, expected = trainings(project), runs(project)
    for epochs in (1, 2):
        job = found[expected[f"m6/epochs={epochs},shifts=3"].trained]
        assert f" --tag sweep=m6 --tag sweep.training.epochs={epochs} " in job
        assert "sweep.separation" not in job


def test_a_cycle_is_one_line_and_no_traceback(project):
    change(project, lambda study: study["experiments"]["m2"].update(initial={"experiment": "m6"}))
    done = snakemake(project, "--dry-run")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "study begun, experiment 'm6': initial.experiment is 'm2', which would begin" in said
    assert "Traceback" not in said
