from pathlib import Path

import pytest

from mssbench.models.registry import BOUNDS, MODELS, SEPARATORS, UNTRAINED, kind_of
from mssbench.report.config import parse_config
from mssbench.runs import expand
from mssbench.study import Studies

WORKFLOW = Path(__file__).parents[1] / "workflow"


def test_every_model_is_trained_untrained_or_a_bound():
    kinds = {name: kind_of(name) for name in MODELS}
    assert {name for name, kind in kinds.items() if kind == "trained"} == set(SEPARATORS)
    assert {name for name, kind in kinds.items() if kind == "bound"} == BOUNDS
    assert set(UNTRAINED) >= BOUNDS


@pytest.mark.parametrize("model", ["projet", "duet", "adress", "ica"])
def test_spatial_methods_are_systems(model):
    assert kind_of(model) == "untrained"


def test_rows_of_a_study_say_their_kind_and_only_bounds_stand_last():
    studies = Studies(WORKFLOW / "studies", WORKFLOW / "schemas" / "study.schema.yaml")
    runs = expand(studies.load("overview", "demo"), {"name": "synthetic"}, [0])
    rows = [run.row for run in runs]
    assert {row["kind"] for row in rows} == {"trained", "untrained", "bound"}
    for run in runs:
        assert (run.row["kind"] == "trained") == (run.trained is not None)
    content = {"study": "s", "dataset": "synthetic", "scale": "demo", "rows": rows[::-1]}
    kinds = [each.is_bound for each in parse_config(content).experiments()]
    assert kinds == sorted(kinds)
    assert any(kinds)
