"""A model's class as its source tells it is as the model itself has it."""

import subprocess
import sys

import pytest

from mssbench.errors import UserError
from mssbench.models.declared import declared, estimated
from mssbench.models.filter_bands import LearnedFilters
from mssbench.models.registry import MODELS, build, parameters_of
from mssbench.report.latent_vectors import Latent

SMALL = {"demucs": {"C": 4}, "conv_tasnet": {"N": 16}, "htmd_net": {"units": 4}}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_what_the_source_says_is_what_the_model_has(name):
    found, model = declared(name), build(name, SMALL.get(name, {}))
    parameters = parameters_of(name)
    assert list(found.defaults) == list(parameters)
    for key, value in found.defaults.items():
        assert value is None or value == parameters[key].default
    assert estimated(name, {}) == tuple(model.targets)
    assert found.outputs == getattr(model, "output_names", ("final",))
    assert ("latent" in found.methods) == isinstance(model, Latent)
    assert ("filter_groups" in found.methods) == isinstance(model, LearnedFilters)


def test_parameters_decide_what_is_estimated():
    assert estimated("wavenet", {"targets": ["vocals"], "remainder": None}) == ("vocals",)
    assert estimated("mixture", {"targets": ["drums", "bass"]}) == ("drums", "bass")
    # Fixed by the class.
    assert estimated("htmd_net", {}) == ("vocals",)


def test_an_unknown_model_is_refused():
    with pytest.raises(UserError, match="unknown model 'u_net'; allowed are"):
        declared("u_net")


def test_no_model_is_imported():
    code = (
        "import sys; from mssbench.models.declared import declared; "
        "from mssbench.models.registry import MODELS; "
        "[declared(name) for name in MODELS]; print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
