"""Columns of what systems cost, beside their scores."""

import csv
import io
import json
from pathlib import Path

import pytest
from test_tables import ROWS, row, scores_of, table

from mssbench.cli import main
from mssbench.errors import UserError
from mssbench.report.config import parse_config
from mssbench.report.dialect import cost_text
from mssbench.report.formats import to_csv, to_html, to_latex, to_markdown
from mssbench.report.sources import Sources
from mssbench.study import Studies

WORKFLOW = Path(__file__).parent.parent / "workflow"
ALL = ["parameters", "training", "separation"]


@pytest.fixture
def sources(tmp_path):
    """The run.json and estimates.json of good (two seeds) and poor; the bound has no time."""
    files = {"runs": {}, "estimates": {}}
    for place, name in enumerate(("good-s0", "good-s1", "poor-s0")):
        contents = {
            "runs": {"parameters": 1234567, "seconds": 3599.6 + place, "device": "cpu"},
            "estimates": {"realtime_factor": 0.01 * (place + 1), "device": "H200"},
        }
        for kind, content in contents.items():
            files[kind][name] = tmp_path / kind / name / "file.json"
            files[kind][name].parent.mkdir(parents=True)
            files[kind][name].write_text(json.dumps(content))
    return Sources(**files)


def cells(text):
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:]] for line in lines}


def test_costs_are_means_over_seeds_in_units_that_one_can_read(sources):
    shown = cells(to_markdown(table({"columns": ALL}, sources=sources)))
    assert shown["System"][:4] == [
        "parameters",
        "training (h:min:s)",
        "separation (s a second)",
        "SDR (dB)",
    ]
    assert shown["good"][:3] == ["1,234,567", "1:00:00", "0.015"]
    assert shown["poor"][:3] == ["1,234,567", "1:00:02", "0.03"]
    assert shown["*mixture*"][:3] == ["", "", ""]


def test_costs_are_exact_in_the_csv_and_in_every_other_format_too(sources):
    made = table({"columns": ["separation", "parameters"]}, sources=sources)
    found = {r["experiment"]: r for r in csv.DictReader(io.StringIO(to_csv(made)))}
    assert found["good"]["trainable parameters"] == "1234567"
    assert found["good"]["time to separate (s a second of music)"] == "0.015"
    assert found["mixture"]["trainable parameters"] == ""
    assert "time to train (s)" not in found["good"]
    assert "good & 0.015 & 1,234,567 &" in to_latex(made)
    assert r"{lrrrr}" in to_latex(made)
    assert '<td class="cost">1,234,567</td>' in to_html(made)


def test_a_note_says_what_the_costs_are_and_on_which_devices(sources):
    text = to_markdown(table({"columns": ALL}, sources=sources))
    assert "Times on H200 and cpu." in text
    assert "Empty: a bound" in text
    counts = to_markdown(table({"columns": ["parameters"], "rows": ["good"]}, sources=sources))
    assert "Parameters: trainable parameters, mean over seeds." in counts
    assert "Times on" not in counts
    assert "Empty" not in counts
    assert "Parameters" not in to_markdown(table())


@pytest.mark.parametrize(
    ("value", "text"), [(0.4, "0:00:00"), (61, "0:01:01"), (360_000, "100:00:00")]
)
def test_days_of_training_are_shown_in_hours(value, text):
    assert cost_text("training", value) == text


def test_imported_scores_have_no_costs(sources):
    theirs = row("theirs", None) | {"imported": "folder", "trained": None}
    scores = scores_of("theirs-sNone", {"a": [1, 2]})
    made = table({"columns": ALL}, scores=scores, sources=sources, rows=[theirs])
    assert cells(to_markdown(made))["theirs"][:3] == ["", "", ""]


def test_a_cost_that_no_file_states_is_refused(sources):
    rows = [*ROWS, row("new", 0)]
    scores = scores_of("new-s0", {"a": [1]})
    with pytest.raises(UserError, match=r"--runs: there is none called 'new-s0'"):
        table({"columns": ["training"], "rows": ["new"]}, scores, sources=sources, rows=rows)
    with pytest.raises(UserError, match="--estimates: there is none called"):
        table({"columns": ["separation"], "rows": ["new"]}, scores, sources=sources, rows=rows)
    with pytest.raises(UserError, match=r"--runs: there is none called 'good-s0'"):
        table({"columns": ["parameters"]})


def test_an_unknown_column_is_refused():
    entry = {"title": "t", "targets": ["v"], "metrics": ["SDR"], "aggregations": ["a"]}
    config = {"study": "s", "dataset": "d", "scale": "demo", "rows": ROWS}
    with pytest.raises(UserError, match=r"columns\.0 is 'memory'; allowed are parameters"):
        parse_config(config | {"tables": {"main": {**entry, "columns": ["memory"]}}})


def test_the_command_is_given_the_files(sources, tmp_path):
    from test_tables import DEFINITION, config, write

    tables = {"main": DEFINITION | {"columns": ALL}}
    words = ["tables", "--config", json.dumps(config(tables=tables)), "--out", str(tmp_path / "t")]
    words += ["--scores", *map(str, write(tmp_path / "score"))]
    words += ["--runs", *map(str, sources.runs.values())]
    assert main(words) == 2
    assert main([*words, "--estimates", *map(str, sources.estimates.values())]) == 0
    assert "1,234,567" in (tmp_path / "t" / "main.md").read_text()


@pytest.fixture
def resnets(sources):
    """The same files, whose run.json say what is trained: good has one decoder, poor has four."""
    for name, file in sources.runs.items():
        params = {"shared_decoder": name != "poor-s0"}
        told = {"model": {"name": "resnet_latent", "params": params}}
        content = json.loads(file.read_text()) | {"config": told}
        file.write_text(json.dumps(content))
    return sources


def test_the_parameters_of_parts_are_those_of_the_papers_table(resnets):
    # Brunner et al., Table I: a decoder has 605,608.
    study = Studies(WORKFLOW / "studies", WORKFLOW / "schemas" / "study.schema.yaml")
    asked = study.load("resnet_latent", "paper").tables["parameters"]
    made = table({key: asked[key] for key in ("columns", "parts")}, sources=resnets)
    shown = cells(to_markdown(made))
    assert shown["System"][1:4] == [f"parameters of {part}" for part in asked["parts"]]
    assert shown["good"][1:4] == ["1,486,208", "7,084,032", "605,608"]
    assert shown["poor"][1:4] == ["1,486,208", "7,084,032", "2,422,432"]
    assert shown["*mixture*"][:4] == ["", "", "", ""]
    rows = {r["experiment"]: r for r in csv.DictReader(io.StringIO(to_csv(made)))}
    assert rows["good"]["trainable parameters of encoder"] == "1486208"
    assert "Parameters of encoder: those in this part of the model, mean over seeds." in (
        to_markdown(made)
    )


def test_a_part_that_a_model_lacks_is_refused(resnets):
    with pytest.raises(UserError, match=r"'decoder'; allowed are encoder, separator, decoders$"):
        table({"parts": ["decoder"]}, sources=resnets)


def test_a_run_that_tells_of_no_model_has_no_parts(sources):
    with pytest.raises(UserError, match=r"json: it lacks the model in 'config'; give"):
        table({"parts": ["encoder"]}, sources=sources)
