"""What the rule that scores asks for."""

from pathlib import Path
from types import SimpleNamespace

import pytest

RULES = Path(__file__).parent.parent / "workflow" / "rules"


@pytest.mark.parametrize(
    ("scoring", "gpus"), [({}, 0), ({"device": "cpu"}, 0), ({"device": "cuda"}, 1)]
)
def test_scoring_asks_for_a_gpu_where_the_study_has_it_compute_there(scoring, gpus):
    resources = {"SCORED": {"run": SimpleNamespace(config={"scoring": scoring})}}
    exec((RULES / "resources.smk").read_text(), resources)
    assert resources["scoring_gpus"](SimpleNamespace(scored="run")) == gpus
    assert "gpu=scoring_gpus" in (RULES / "score.smk").read_text()
