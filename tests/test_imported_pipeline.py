"""A study with others' results, run by the real Snakefile."""

import json

import pandas as pd
import pytest
import yaml
from test_pipeline import STUDY, make_project, planned, snakemake

pytestmark = pytest.mark.pipeline

SCORES = {"Ada - One": [1.0, 3.0], "Bob - Two": [7.0, float("nan")]}


def test_imported_scores_stand_beside_the_runs_and_follow_their_files(tmp_path):
    project = make_project(tmp_path, tracking="off")
    source = project / "others" / "test"
    source.mkdir(parents=True)
    for song, scores in SCORES.items():
        frames = [
            {"time": start, "duration": 1.0, "metrics": {"SDR": score, "SIR": score}}
            for start, score in enumerate(scores)
        ]
        targets = [{"name": "vocals", "frames": frames}]
        (source / f"{song}.json").write_text(json.dumps({"targets": targets}))
    file = project / "workflow" / "studies" / "miniature.yaml"
    study = yaml.safe_load(file.read_text())
    study["select"] |= {"experiments": ["mixture", "irm"], "figures": ["boxes"]}
    study["imported"] = {"UMX": {"path": "others", "label": "Theirs", "kind": "trained"}}
    file.write_text(yaml.safe_dump(study))

    done = snakemake(project)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_csv(project / STUDY / "tables" / "systems.csv").set_index(["system", "metric"])
    assert rows.loc[("Theirs", "SDR"), "value (dB)"] == 4.5
    assert rows.loc[("Theirs", "SDR"), "n_nan"] == 1
    assert ("Mixture", "SDR") in rows.index
    assert "Theirs" in (project / STUDY / "figures" / "boxes.svg").read_text()
    assert planned(project) == {}
    (source / "Ada - One.json").write_text(json.dumps({"targets": targets}))
    remade = {"imported_scores": 1, "table": 1, "figure": 1, "listening_page": 1}
    assert planned(project) == remade
    study["imported"]["UMX"]["path"] = "nowhere"
    file.write_text(yaml.safe_dump(study))
    refused = snakemake(project, "--dry-run")
    said = refused.stdout + refused.stderr
    assert "imported.UMX.path is nowhere; there is no such folder or archive" in said
    assert "Traceback" not in said
