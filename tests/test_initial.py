import pytest
import torch
from small_runs import TASNET, U_NET, configuration, run, stop_after

from mssbench.data.rendition import Rendition
from mssbench.errors import Interrupted, UserError
from mssbench.models.registry import build
from mssbench.training.initial import begin_with

# Too small a step to change a float32 weight: the result holds the first weights.
STILL = {"name": "adam", "lr": 1e-30}


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


def weights_of(model, seed):
    torch.manual_seed(seed)
    return build(model["name"], model["params"]).state_dict()


def kernels(weights):
    """Return the weights that are not near zero, where the smallest step would show."""
    return {name: values for name, values in weights.items() if values.dim() > 2}


def test_all_weights_are_taken_without_parts(rendition, tmp_path):
    initial = weights_of(U_NET, 5)
    config = configuration(U_NET, epochs=1, optimiser=STILL)
    result = run(config, rendition, tmp_path, initial=initial)
    assert str(kernels(result.weights)) == str(kernels(initial))


def test_named_parts_alone_are_taken(rendition, tmp_path):
    initial, parts = weights_of(TASNET, 5), ("masking.encoder", "masking.decoder")
    config = configuration(TASNET, epochs=1, optimiser=STILL)
    own = run(config, rendition, tmp_path / "own").weights
    mixed = run(config, rendition, tmp_path / "mixed", initial=initial, parts=parts).weights
    taken = {name for name in kernels(mixed) if name.startswith(parts)}
    assert taken == {f"{part}.weight" for part in parts}
    for name, values in kernels(mixed).items():
        assert torch.equal(values, initial[name] if name in taken else own[name]), name
        assert not torch.equal(initial[name], own[name])


def test_a_part_is_no_prefix_of_letters():
    model = torch.nn.ModuleDict({"en": torch.nn.Linear(2, 2), "encoder": torch.nn.Linear(2, 2)})
    before = model["encoder"].weight.detach().clone()
    begin_with(model, {name: torch.ones_like(v) for name, v in model.state_dict().items()}, ["en"])
    assert torch.equal(model["encoder"].weight, before)
    assert torch.equal(model["en"].weight, torch.ones(2, 2))


def test_parts_may_come_from_another_kind_of_model():
    model = torch.nn.ModuleDict({"encoder": torch.nn.Linear(2, 2)})
    others = {"encoder.weight": torch.ones(2, 2), "encoder.bias": torch.ones(2)}
    begin_with(model, {**others, "mask.weight": torch.ones(7)}, ["encoder"])
    assert torch.equal(model["encoder"].bias, torch.ones(2))


@pytest.mark.parametrize(
    ("weights", "parts", "words"),
    [
        ({}, ["coder"], ["no part 'coder'", "it has encoder"]),
        ({"encoder.weight": torch.ones(2, 2)}, [], ["no 'encoder.bias'", "parts"]),
        (
            {"encoder.weight": torch.ones(2, 2), "encoder.bias": torch.ones(3)},
            ["encoder"],
            ["'encoder.bias' has shape (3,)", "needs (2,)"],
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, parts, words):
    model = torch.nn.ModuleDict({"encoder": torch.nn.Linear(2, 2)})
    with pytest.raises(UserError) as refused:
        begin_with(model, weights, parts)
    for word in words:
        assert word in str(refused.value)


def test_a_run_continues_with_the_weights_it_began_with_alone(rendition, tmp_path):
    initial, config = weights_of(U_NET, 5), configuration(U_NET, epochs=1)
    with pytest.raises(Interrupted):
        run(config, rendition, tmp_path, initial=initial, should_stop=stop_after(3))
    for other in (None, weights_of(U_NET, 6)):
        with pytest.raises(UserError, match="initial is"):
            run(config, rendition, tmp_path, initial=other)
    run(config, rendition, tmp_path, initial=initial)
