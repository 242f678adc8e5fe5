"""The networks: their published sizes, their parts and what they promise to training."""

import json

import pytest
import torch
from torch import nn

from mssbench.errors import UserError
from mssbench.models.base import Separator
from mssbench.models.registry import MODELS, SEPARATORS, build, model_class, parameter_count

# Every kind of layer, at a size that runs in milliseconds.
MASKING = {"N": 16, "L": 8, "B": 8, "H": 12, "X": 3}
SMALL = {
    "htmd_net": {**MASKING, "filters": 3, "levels": 4, "units": 5},
    "conv_tasnet_3x9": {**MASKING, "R": 2},
    "wave_u_net": {"filters": 3, "levels": 4},
}
VARIANTS = [
    *SMALL.items(),
    ("wave_u_net", {**SMALL["wave_u_net"], "output": "difference"}),
    ("wave_u_net", {**SMALL["wave_u_net"], "output": "single"}),
]


def small(name, **params):
    torch.manual_seed(0)
    return build(name, {**SMALL[name], **params})


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "params", "count"),
    [
        ("htmd_net", {}, 4_498_799),
        ("conv_tasnet_3x9", {}, 5_523_713),
        ("wave_u_net", {"output": "direct"}, 10_263_028),
    ],
)
def test_parameter_counts_are_those_of_the_papers(name, params, count):
    assert parameter_count(build(name, params)) == count


def test_frozen_weights_are_not_counted():
    model = small("wave_u_net")
    before = parameter_count(model)
    model.bottom.requires_grad_(False)
    assert parameter_count(model) == before - (12 * 15 * 15 + 15)


@pytest.mark.parametrize(("name", "params"), VARIANTS)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("batch", [1, 3])
def test_estimates_have_one_entry_a_target_and_the_mixtures_shape(name, params, channels, batch):
    model = build(name, {**params, "channels": channels})
    assert isinstance(model, Separator)
    samples = 4 * model.multiple
    for estimate in model(noise(batch, channels, samples)).values():
        assert estimate.shape == (batch, len(model.targets), channels, samples)
        assert estimate.isfinite().all()


def test_models_name_what_they_estimate_and_the_lengths_they_take():
    assert build("htmd_net", {}).targets == ("vocals",)
    assert build("htmd_net", {}).multiple == 2048
    assert build("htmd_net", {"levels": 2}).multiple == 8
    assert build("conv_tasnet_3x9", {}).targets == ("vocals",)
    assert build("conv_tasnet_3x9", {}).multiple == 8
    assert build("wave_u_net", {}).targets == ("accompaniment", "vocals")
    assert build("wave_u_net", {"output": "difference"}).targets == ("accompaniment", "vocals")
    assert build("wave_u_net", {"output": "single"}).targets == ("vocals",)
    instruments = ["bass", "drums", "other", "vocals"]
    assert build("wave_u_net", {"targets": instruments}).targets == tuple(instruments)
    assert build("wave_u_net", {}).multiple == 4096


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("samples", [0, 100])
def test_a_length_the_model_cannot_take_is_named_with_the_multiple_it_needs(name, samples):
    model = small(name, **({"L": 32} if "L" in SMALL[name] else {}))
    assert model.multiple == 16
    with pytest.raises(UserError, match=rf"{samples} samples.* multiple of 16"):
        model(noise(1, 1, samples))


def test_a_mixture_with_other_channels_is_refused():
    with pytest.raises(UserError, match="2 channels"):
        small("wave_u_net")(noise(1, 2, 64))


@pytest.mark.parametrize(("name", "params"), VARIANTS)
def test_every_parameter_receives_a_gradient(name, params):
    torch.manual_seed(0)
    model = build(name, params)
    samples = 8 * model.multiple
    final = model(noise(2, 1, samples))["final"]
    (final - noise(*final.shape)).square().mean().backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("name", SMALL)
def test_convolutions_start_glorot_uniform_with_biases_of_zero(name):
    shares = []
    for layer in small(name).modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
            outputs, inputs, kernel = layer.weight.shape
            limit = (6 / ((inputs + outputs) * kernel)) ** 0.5
            shares.append(layer.weight.detach().flatten() / limit)
            assert not layer.bias.any()
    shares = torch.cat(shares)
    assert shares.abs().max() <= 1
    assert shares.std().item() == pytest.approx(3**-0.5, rel=0.05)


def test_the_same_seed_gives_the_same_model():
    first, second = small("htmd_net"), small("htmd_net")
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )


def test_an_unknown_model_is_named_with_the_known_ones():
    with pytest.raises(UserError, match=r"'htmdnet'.*conv_tasnet_3x9, .*htmd_net"):
        model_class("htmdnet")


def test_every_registered_model_can_be_built_with_its_defaults():
    for name in MODELS:
        with torch.device("meta"):
            assert isinstance(build(name, {}), model_class(name))


def test_every_variant_is_made_of_parameters_that_a_study_may_give():
    for name in SEPARATORS:
        for variant in model_class(name).variants.values():
            # As YAML gives them: lists, not tuples.
            params = json.loads(json.dumps(variant.params))
            with torch.device("meta"):
                assert isinstance(build(name, params), Separator)
            assert variant.rate > 0


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("htmd_net", {"level": 11}, r"no parameter 'level'.*levels, units"),
        ("mixture", {"gain": 1}, "no parameter 'gain'.*targets, J"),
        ("htmd_net", {"levels": "11"}, "levels is '11'; it must be a whole number"),
        ("htmd_net", {"levels": 11.0}, "levels is 11.0; it must be a whole number"),
        ("htmd_net", {"levels": True}, "levels is True; it must be a whole number"),
        ("htmd_net", {"levels": 0}, "levels is 0; it must be a whole number of at least 1"),
        ("htmd_net", {"L": 10}, "model htmd_net: L is 10; it must be a multiple of 4"),
        ("htmd_net", {"activation": "relu"}, "activation is 'relu'; allowed are linear, tanh"),
        ("wave_u_net", {"output": None}, "output is None; allowed are direct, difference, single"),
        ("ideal_ratio_mask", {"exponent": "1e0"}, "exponent is '1e0'; it must be a number; .*YAML"),
        ("ideal_ratio_mask", {"exponent": 0}, "exponent is 0; it must be above 0"),
    ],
)
def test_parameters_that_do_not_fit_are_named_with_what_is_allowed(name, params, message):
    with pytest.raises(UserError, match=message):
        build(name, params)
