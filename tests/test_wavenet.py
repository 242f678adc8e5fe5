"""Wavenet: its sizes, its receptive field, its targets and its losses."""

import pytest
import torch
from torch import nn

from mssbench.errors import UserError
from mssbench.models.registry import parameter_count
from mssbench.models.wavenet import GatedBlock, Wavenet
from mssbench.training.config import LossTerm
from mssbench.training.losses import negative_si_sdr, total_loss

SMALL = {"stacks": 2, "dilations": 3, "residual": 4, "skip": 5, "head": (8, 6)}
VOICE = {**SMALL, "targets": ("vocals",), "remainder": None}
# 2 stacks with dilations 1, 2 and 4.
CONTEXT = 2 * (1 + 2 + 4)


def small(**params):
    torch.manual_seed(0)
    return Wavenet(**{**SMALL, **params})


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "count", "targets"),
    [
        ("multi-instrument", 3_277_763, ("vocals", "drums", "bass", "other")),
        ("singing voice", 3_277_249, ("vocals",)),
    ],
)
def test_the_released_models_have_these_sizes_targets_and_lengths(name, count, targets):
    with torch.device("meta"):
        model = Wavenet(**Wavenet.variants[name].params)
    assert parameter_count(model) == count
    assert model.targets == targets
    assert 2 * model.context + 1 == 8185
    narrow = Wavenet(**Wavenet.variants[name].params, residual=2, skip=2, head=(2, 2))
    assert narrow(noise(1, 1, 9785))["final"].shape == (1, len(targets), 1, 1601)


def test_deeper_and_wider_networks_have_more_values():
    with torch.device("meta"):
        deeper, wider = Wavenet(stacks=5), Wavenet(residual=96, skip=128)
    assert parameter_count(deeper) == 3_277_763 + 10 * (24_576 + 8_192)
    assert deeper.context == 5 * 1023
    # First filters; gated and output filters of 40 blocks; the head's first convolution.
    first, gated, outputs, head = 3 * 96, 3 * 96 * 192, 96 * (96 + 128), 3 * 128 * 2048
    assert parameter_count(wider) == first + 40 * (gated + outputs) + head + 1_572_864 + 771
    assert wider.context == 4092


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("field", [1, 2, 7, 100])
def test_any_field_beyond_the_context_is_estimated(channels, field):
    model = small(channels=channels)
    assert model.context == CONTEXT
    final = model(noise(2, channels, field + 2 * CONTEXT))["final"]
    assert final.shape == (2, 4, channels, field)
    assert final.isfinite().all()


def test_a_mixture_that_is_all_context_is_refused():
    with pytest.raises(UserError, match=f"{2 * CONTEXT} samples; it needs more than the 28"):
        small()(noise(1, 1, 2 * CONTEXT))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"taps": 4}, "taps is 4; it must be odd"),
        ({"head": (8,)}, "head has 1 values; it must have two"),
        ({"remainder": "bass"}, "remainder is 'bass'; it must not be one of the targets"),
    ],
)
def test_values_that_cannot_be_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        small(**params)


@pytest.mark.parametrize("taps", [3, 5])
def test_a_sample_of_the_residual_blocks_has_the_papers_receptive_field(taps):
    model = small(taps=taps)
    reach = CONTEXT * (taps // 2)
    assert model.context == reach
    samples = 2 * reach + 41
    centre = samples // 2
    # The blocks alone: the first filters give what they are given.
    nn.init.zeros_(model.first.weight)
    nn.init.ones_(model.first.weight.data[..., taps // 2])
    mixture = noise(1, 1, samples).requires_grad_()
    model.skips(mixture, 1).sum().backward()
    heard = mixture.grad.flatten().nonzero().flatten()
    assert heard.tolist() == list(range(centre - reach, centre + reach + 1))


def test_first_and_last_filters_reach_three_samples_further():
    model = small()
    mixture = noise(1, 1, 2 * CONTEXT + 41).requires_grad_()
    model(mixture)["final"][0, 0, 0, 20].backward()
    heard = mixture.grad.flatten().nonzero().flatten()
    reach = CONTEXT + 3
    assert heard.tolist() == list(range(CONTEXT + 20 - reach, CONTEXT + 20 + reach + 1))


@pytest.mark.parametrize("begin", [0, 1, 37])
def test_an_excerpt_with_context_is_separated_like_that_part_of_the_song(begin):
    model = small()
    song = noise(1, 1, 400)
    excerpt = model(song[..., begin : begin + 100 + 2 * CONTEXT])["final"]
    part = model(song)["final"][..., begin : begin + 100]
    # Three samples at each end hear zeros in place of the song.
    torch.testing.assert_close(excerpt[..., 3:-3], part[..., 3:-3], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(excerpt[..., -3:], part[..., -3:])


def test_the_field_lies_in_the_middle_of_the_mixture():
    # The blocks say nothing but what the first of them hears, which is positive.
    model = Wavenet(
        stacks=1, dilations=3, residual=1, skip=1, head=(1, 1), targets=("vocals",), remainder=None
    )
    for weights in model.parameters():
        nn.init.zeros_(weights)
    for layer in (model.first, model.head[0], model.head[2]):
        nn.init.ones_(layer.weight.data[..., 1])
    model.head[3].weight.data.fill_(1.0)
    block = model.blocks[0]
    block.dilated.weight.data[0, 0, 1] = 1.0  # tanh of the sample; the gate is half open
    block.outputs.weight.data[1] = 2.0
    mixture = noise(1, 1, 31).abs()
    expected = torch.tanh(mixture[..., 7:-7])
    torch.testing.assert_close(model(mixture)["final"][:, 0], expected)


def test_a_block_gates_its_filters_and_adds_the_residual():
    block = GatedBlock(residual=1, skip=1, taps=3, dilation=2)
    block.dilated.weight.data = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]]])
    block.outputs.weight.data = torch.tensor([[[3.0]], [[-2.0]]])
    signal = torch.tensor([[[0.1, 0.2, 0.3, 0.4, 0.5]]])
    before, after = torch.tensor([0, 0, 0.1, 0.2, 0.3]), torch.tensor([0.3, 0.4, 0.5, 0, 0])
    gated = torch.tanh(before) * torch.sigmoid(after)
    following, skip = block(signal)
    torch.testing.assert_close(following.flatten(), signal.flatten() + 3 * gated)
    torch.testing.assert_close(skip.flatten(), -2 * gated)


def test_no_filter_has_a_bias_but_the_last():
    biases = [key for key, _ in small().named_parameters() if key.endswith("bias")]
    assert biases == ["head.3.bias"]


def test_the_remainder_is_the_mixture_without_the_others_and_is_not_trained():
    model = small()
    mixture, sources = noise(2, 1, 60), noise(2, 4, 1, 60)
    final = model(mixture)["final"]
    torch.testing.assert_close(final.sum(1), mixture[..., CONTEXT:-CONTEXT])
    estimate, truth = model.compare(mixture, sources, ("final",))["final"]
    assert torch.equal(estimate, final[:, :3])
    assert torch.equal(truth, sources[:, :3, :, CONTEXT:-CONTEXT])


def test_the_singing_voice_is_held_against_the_accompaniment_too():
    model = small(**VOICE)
    assert model.probes == ("final", "accompaniment")
    assert small().probes == ("final",)
    mixture, voice = noise(2, 1, 60), noise(2, 1, 1, 60)
    terms = {
        "final": LossTerm("mae", 1.0),
        "accompaniment": LossTerm("mae", -0.05),
    }
    total, _ = total_loss(model.compare(mixture, voice, tuple(terms)), terms)
    estimate = model(mixture)["final"][:, 0]
    heard = slice(CONTEXT, -CONTEXT)
    voice, rest = voice[:, 0, :, heard], (mixture - voice[:, 0])[..., heard]
    expected = (estimate - voice).abs().mean() - 0.05 * (estimate - rest).abs().mean()
    torch.testing.assert_close(total, expected)


@pytest.mark.parametrize("params", [SMALL, VOICE])
def test_every_parameter_receives_a_gradient(params):
    model = small(**params)
    mixture = noise(2, 1, 80)
    sources = noise(2, len(model.targets), 1, 80)
    compared = model.compare(mixture, sources, model.probes)
    terms = {
        probe: LossTerm("mae", weight)
        for probe, weight in zip(model.probes, (1.0, -0.05), strict=False)
    }
    total_loss(compared, terms)[0].backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_one_batch_can_be_learned():
    model = small(
        dilations=5, residual=12, skip=12, head=(32, 16), targets=("low",), remainder="high"
    )
    time = torch.arange(1500) / 8000
    sources = torch.stack([0.4 * torch.sin(2 * torch.pi * f * time) for f in (230, 1700)])
    sources = sources[None, :, None]
    mixture = sources.sum(1)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(150):
        optimiser.zero_grad()
        estimate, truth = model.compare(mixture, sources, ("final",))["final"]
        (estimate - truth).abs().mean().backward()
        optimiser.step()
    heard = mixture[:, None, :, model.context : -model.context]
    before = negative_si_sdr(heard, truth)
    assert before - negative_si_sdr(estimate, truth) > 10
