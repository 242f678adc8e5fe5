import json
from pathlib import Path

import pytest
from figure_data import HOW, ROWS, scores, write_histories, write_runs, write_separated

from mssbench.cli import main
from mssbench.report.figures.kinds import KINDS
from mssbench.report.figures.needs import KEYS
from mssbench.scoring.results import write_scores
from mssbench.validation import load_yaml

BOXES = {"title": "Boxes", "kind": "boxes", "targets": ["vocals", "accompaniment"]}
CURVES = {"title": "Curves", "kind": "learning_curves"}
EXCERPT = {"title": "Excerpt", "kind": "excerpt", "seconds": 1.0}


def test_the_command_draws_every_figure(make_rendition, tmp_path):
    rendition, estimates = write_separated(make_rendition, tmp_path)
    histories = write_histories(tmp_path)
    table = scores()
    table.attrs["protocol"] = HOW
    write_scores(tmp_path / "scores.parquet", table)
    settings = tmp_path / "study.json"
    pair = {"title": "t", "rows": ["poor", "good"]}
    figures = {
        "boxes": BOXES | {"targets": ["vocals"]},
        "curves": CURVES,
        "part": EXCERPT | {"rows": ["good"], "seconds": 0.2},
        "pairs": {"title": "t", "kind": "significance", "metric": "SIR"},
        "songs": pair | {"kind": "scatter", "targets": ["vocals", "accompaniment"]},
        "error": {"title": "t", "kind": "spectrograms", "seconds": 0.2, "rows": ["good"]},
        "parameters": {"title": "t", "kind": "cost", "cost": "parameters"},
        "tempo": {"title": "t", "kind": "tempo", "factors": [1, 2], "seconds": 0.5},
    }
    content = {"study": "study", "dataset": "synthetic", "scale": "demo", "rows": ROWS}
    settings.write_text(json.dumps(content | {"figures": figures}))
    named = [f"poor-s0={histories.pop('poor-s0')}", *map(str, histories.values())]
    command = ["figures", "--config", str(settings), "--scores", str(tmp_path / "scores.parquet")]
    command += ["--histories", *named, "--estimates", *map(str, estimates.values())]
    command += ["--runs", *map(str, write_runs(tmp_path).values())]
    command += ["--rendition", str(rendition.folder / "manifest.json")]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {f"{name}.{suffix}" for name in figures for suffix in ("svg", "png")}


def test_the_schema_of_studies_knows_every_kind_of_figure():
    schema = Path(__file__).parents[1] / "workflow" / "schemas" / "study.schema.yaml"
    figure = load_yaml(schema)["$defs"]["figure"]["properties"]
    assert sorted(figure["kind"]["enum"]) == sorted(KINDS)
    keys = {key for of_kind in KEYS.values() for key in of_kind}
    assert set(figure) == {"title", "kind", *keys}


def test_figures_read_only_the_scores_of_their_rows(tmp_path):
    parts = scores()
    for name, runs in {"a": ["poor-s0"], "b": ["good-s0", "good-s1", "mixture-sNone"]}.items():
        table = parts[parts["run"].isin(runs)]
        table.attrs["protocol"] = HOW | ({"window": 5.0} if name == "b" else {})
        write_scores(tmp_path / f"{name}.parquet", table)
    files = [str(tmp_path / f"{name}.parquet") for name in "ab"]
    for rows, status in ((["poor"], 0), (["good"], 0), (["poor", "good"], 2)):
        content = {"study": "study", "dataset": "synthetic", "scale": "demo", "rows": ROWS}
        figures = {"figure": {"title": "t", "kind": "boxes", "rows": rows}}
        text = json.dumps(content | {"figures": figures})
        command = ["figures", "--config", text, "--scores", *files, "--out", str(tmp_path)]
        assert main(command) == status


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"title": "t", "kind": "pie"}, "unknown kinds of figures 'pie'; allowed are boxes"),
        (
            BOXES | {"metric": "SDR"},
            "unknown keys of boxes 'metric'; allowed are title, kind, rows",
        ),
        (EXCERPT, "--rendition is missing"),
        (BOXES, "no score table is given"),
        ({"title": "t", "kind": "cost"}, "--runs: there is none called 'poor-s0', but none"),
        ({"title": "t", "kind": "cost", "cost": "price"}, "unknown costs 'price'; allowed are par"),
        ({"title": "t", "kind": "scatter"}, "rows are not given; a scatter plot needs two"),
        ({"title": "t", "kind": "excerpt", "seconds": "8"}, "seconds is '8'"),
    ],
)
def test_the_command_reports_what_is_missing(figure, message, tmp_path, caplog):
    content = {"study": "study", "dataset": "synthetic", "scale": "demo", "rows": ROWS}
    text = json.dumps(content | {"figures": {"figure": figure}})
    assert main(["figures", "--config", text, "--out", str(tmp_path)]) == 2
    assert message in caplog.text
    assert not list(tmp_path.glob("figure.*"))
