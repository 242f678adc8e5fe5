"""Study files and the workflow's configuration with something wrong in a place drawn at random."""

from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from malformed import malformed
from said import content

from mssbench.errors import UserError
from mssbench.imported_runs import imported_runs
from mssbench.runs import expand
from mssbench.study import Studies
from mssbench.validation import load_yaml, validate

ROOT = Path(__file__).parent.parent.parent
SCHEMAS = ROOT / "workflow" / "schemas"
DRAWN = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def drawn_from(file):
    """Return what draws malformed texts of a YAML file."""
    return malformed([load_yaml(file)], partial(yaml.safe_dump, sort_keys=False), "rows")


@pytest.mark.parametrize("name", ["htmd_net", "meta_tasnet", "projet", "resnet_latent"])
def test_a_malformed_study_is_one_line_and_changes_nothing(name, tmp_path):
    source, counted = ROOT / "workflow" / "studies" / f"{name}.yaml", []

    @DRAWN
    @given(drawn_from(source))
    def check(text):
        (tmp_path / f"{name}.yaml").write_text(text)
        before = content(tmp_path)
        try:
            study = Studies(tmp_path, SCHEMAS / "study.schema.yaml").load(name, "demo")
            expand(study, {"name": "synthetic"}, [0])
            imported_runs(study)
        except UserError as error:
            counted.append(str(error))
            assert "\n" not in str(error)
        assert content(tmp_path) == before

    check()
    assert len(counted) >= 50


def test_a_malformed_configuration_of_the_workflow_is_one_line():
    schema, counted = load_yaml(SCHEMAS / "config.schema.yaml"), []

    @DRAWN
    @given(drawn_from(ROOT / "config.yaml"))
    def check(text):
        try:
            validate(yaml.safe_load(text), schema, "config.yaml")
        except yaml.YAMLError:
            return
        except UserError as error:
            counted.append(str(error))
            assert "\n" not in str(error)

    check()
    assert len(counted) >= 50
