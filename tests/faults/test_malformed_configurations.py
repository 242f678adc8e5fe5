"""Configurations with something wrong in a place that is drawn at random."""

import json
import shutil

import figure_data
import pytest
from hypothesis import HealthCheck, given, settings
from malformed import malformed
from said import command, content
from small_runs import AUGMENTATION, HTMD_NET, RANDOM_CROPS, TASNET, U_NET, configuration

from mssbench.scoring.results import write_scores

SEPARATION = {"segment": 4096, "overlap": 0.25}
SCORING = {"window": 1.0, "hop": 1.0, "references": "pcm16", "engine": "bss_eval"}
TABLE = {"title": "T", "targets": ["vocals"], "metrics": ["SDR"]}
TABLE["aggregations"] = ["song-wise median"]
REPORT = {"study": "s", "dataset": "synthetic", "scale": "demo", "rows": figure_data.ROWS}

TRAINED = [
    configuration(TASNET, epochs=1),
    configuration(U_NET, epochs=1, crops=RANDOM_CROPS, augmentation=AUGMENTATION),
    configuration(HTMD_NET, epochs=1, normalise="song"),
]
FIGURES = [
    {"kind": "boxes", "title": "B", "targets": ["vocals"], "metrics": ["SDR"]},
    {"kind": "scatter", "title": "S", "rows": ["poor", "good"], "targets": ["vocals"]},
    {"kind": "learning_curves", "title": "L"},
    {"kind": "significance", "title": "P", "target": "vocals", "metric": "SDR"},
    {"kind": "cost", "title": "C", "target": "vocals", "metric": "SDR", "cost": "parameters"},
]
CONFIGS = {
    "train": TRAINED,
    "separate": [{**each, "separation": SEPARATION} for each in TRAINED],
    "score": [SCORING, {**SCORING, "version": 3, "measures": ["SDR", "uSDR"]}],
    "tables": [{**REPORT, "tables": {"t": TABLE}}],
    "figures": [{**REPORT, "figures": {"f": figure}} for figure in FIGURES],
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, tiny_rendition):
    """What the verbs need beside a configuration; no weights, so that nothing is separated."""
    folder = tmp_path_factory.mktemp("inputs")
    scores = figure_data.scores()
    scores.attrs = {"protocol": figure_data.HOW}
    write_scores(folder / "scores.parquet", scores)
    histories = figure_data.write_histories(folder).values()
    runs = figure_data.write_runs(folder).values()
    names = ["--histories", *histories, "--runs", *runs]
    return {
        "train": ["--rendition", tiny_rendition, "--budget", "1e-9", "--device", "cpu"],
        "separate": ["--rendition", tiny_rendition, "--weights", folder / "none.safetensors"],
        "score": ["--rendition", tiny_rendition, "--estimates", folder / "none.json"],
        "tables": ["--scores", folder / "scores.parquet"],
        "figures": ["--scores", folder / "scores.parquet", *names],
    }, [folder, tiny_rendition.parent]


def outputs(verb, out):
    if verb == "train":
        made = ("checkpoints", "out-weights", "out-last", "out-history", "out-run")
        return [word for name in made for word in (f"--{name}", out / name)]
    run = ["--run", "drawn"] if verb == "score" else []
    return ["--out", out / "estimates.json" if verb == "separate" else out, *run]


@pytest.mark.parametrize("verb", ["tables", "figures"])
def test_what_is_made_malformed_is_allowed_before(verb, inputs, tmp_path):
    for number, config in enumerate(CONFIGS[verb]):
        words = [*inputs[0][verb], *outputs(verb, tmp_path / str(number))]
        code, records = command(verb, "--config", json.dumps(config), *words)
        assert code == 0, records[0].getMessage()


@pytest.mark.parametrize("verb", CONFIGS)
def test_a_malformed_configuration_is_one_line_and_changes_nothing(verb, inputs, tmp_path):
    given_files, folders = inputs
    count = 0

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(malformed(CONFIGS[verb], json.dumps, "kind"))
    def check(text):
        nonlocal count
        before = content(*folders)
        out = tmp_path / "out"
        code, records = command(verb, "--config", text, *given_files[verb], *outputs(verb, out))
        assert content(*folders) == before
        if code in (0, 75):  # what was drawn is allowed
            shutil.rmtree(out, ignore_errors=True)
            return
        count += 1
        said = [record.getMessage() for record in records]
        assert code == 2, said
        assert len(said) == 1, said
        assert records[0].exc_info is None
        assert "\n" not in said[0]
        assert not out.exists(), said

    check()
    assert count >= 15
