"""The real Snakefile on a study with figures that look into trained models."""

import re

import pytest
from test_pipeline import make_project, snakemake
from test_pipeline_begun import WEIGHTS, change, runs

pytestmark = pytest.mark.pipeline

FIGURES = {
    "boxes": {"title": "t", "kind": "boxes"},
    "one": {"title": "t", "kind": "filters", "rows": ["m6"]},
    "every": {"title": "t", "kind": "filters"},
}


def test_a_figure_waits_for_the_weights_of_its_rows_where_its_kind_needs_any(tmp_path):
    project = make_project(tmp_path, tracking="off", study="begun")

    def edit(study):
        study["figures"] = FIGURES
        study["select"] |= {"experiments": ["m2", "m6"], "figures": list(FIGURES)}

    change(project, edit)
    weights = {name: WEIGHTS.format(run.trained) for name, run in runs(project).items()}
    done = snakemake(project, "--dry-run", "--printshellcmds")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    jobs = {
        re.search(r"Drawing figure (\w+)", job)[1]: job
        for job in said.split("\n\n")
        if "Drawing figure" in job
    }
    assert set(jobs) == set(FIGURES)
    assert "--weights" not in jobs["boxes"]
    assert "safetensors" not in jobs["boxes"]
    assert f"--weights {weights['m6']} --device cpu " in jobs["one"]
    assert weights["m2"] not in jobs["one"]
    assert f"--weights {weights['m2']} {weights['m6']} --device cpu " in jobs["every"]
    for name in ("one", "every"):
        (waited,) = re.findall(r"Input files updated by another job: (.*)", jobs[name])
        assert weights["m6"] in waited.split(", ")
