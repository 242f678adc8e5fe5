"""Wave-U-Net: its sizes and lengths, its parts, and what input context promises."""

import pytest
import torch
from torch import nn

from mssbench.errors import UserError
from mssbench.models.registry import build, parameter_count
from mssbench.models.wave_u_net import Upsampling, WaveUNet, fitting_lengths
from mssbench.training.losses import negative_si_sdr

SMALL = {"filters": 3, "levels": 4}
CONTEXT = {**SMALL, "output": "difference", "output_samples": 40}


def small(**params):
    torch.manual_seed(0)
    return build("wave_u_net", {**SMALL, **params})


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def let_through(*convolutions):
    """Make convolutions sum their input channels and change nothing else."""
    for convolution in convolutions:
        kernel = convolution.kernel_size[0]
        nn.init.zeros_(convolution.weight)
        nn.init.zeros_(convolution.bias)
        nn.init.ones_(convolution.weight.data[..., kernel // 2])


COUNTS = {
    "M1": 10_263_028,
    "M2": 10_263_002,
    "M3": 10_263_002,
    "M4": 10_263_390,
    "M5": 10_265_550,
    "M5-HighSR": 10_265_550,
    "M6": 10_263_498,
    "M7": 20_594_652,
}


@pytest.mark.parametrize("name", WaveUNet.variants)
def test_parameter_counts_are_those_of_the_released_code(name):
    with torch.device("meta"):
        model = WaveUNet(**WaveUNet.variants[name].params)
    assert parameter_count(model) == COUNTS[name]


def test_the_baseline_of_the_htmd_net_paper_has_one_output():
    with torch.device("meta"):
        model = WaveUNet(output="single")
    assert model.targets == ("vocals",)
    assert parameter_count(model) == 10_263_002


@pytest.mark.parametrize(
    ("name", "heard", "given"),
    [
        *[(name, 147_443, 16_389) for name in ("M3", "M4", "M5", "M6")],
        ("M7", 233_459, 102_405),
    ],
)
def test_with_context_the_network_takes_and_gives_the_lengths_of_the_paper(name, heard, given):
    # One filter a level: lengths do not depend on it.
    model = WaveUNet(**{**WaveUNet.variants[name].params, "filters": 1})
    assert (model.input_samples, model.output_samples) == (heard, given)
    assert model.context == 65_527
    mixture = noise(1, model.channels, heard)
    # Nothing is padded: the layers themselves give this length.
    assert model.features(mixture).shape[-1] == given
    assert model(mixture)["final"].shape == (1, len(model.targets), model.channels, given)


@pytest.mark.parametrize("output", [1, 5, 40, 41, 1000])
@pytest.mark.parametrize("kernels", [(15, 5), (3, 1), (1, 1), (5, 7)])
def test_the_derived_input_is_the_shortest_that_gives_the_wanted_output(output, kernels):
    heard, given, context = fitting_lengths(output, 3, *kernels)
    assert output <= given < output + 8
    assert heard - 2 * context == given
    down, up = kernels
    model = WaveUNet(filters=1, levels=3, down_kernel=down, up_kernel=up, output_samples=output)
    assert model.features(noise(1, 1, heard)).shape[-1] == given


@pytest.mark.parametrize("extra", range(0, 40, 7))
@pytest.mark.parametrize("channels", [1, 2])
def test_with_context_any_longer_mixture_loses_just_the_context(extra, channels):
    model = small(**{**CONTEXT, "channels": channels})
    mixture = noise(1, channels, model.input_samples + extra)
    final = model(mixture)["final"]
    assert final.shape == (1, 2, channels, model.output_samples + extra)
    heard = mixture[..., model.context : -model.context]
    torch.testing.assert_close(final.sum(1), heard)


@pytest.mark.parametrize("upsampling", ["linear", "learned"])
@pytest.mark.parametrize("begin", [16, 64])
def test_an_excerpt_with_context_is_separated_like_that_part_of_the_song(upsampling, begin):
    # Begins that lie on the grid of the decimation; both lengths fit.
    model = small(**CONTEXT, upsampling=upsampling)
    song = noise(1, 1, model.input_samples + 10 * 16)
    whole = model(song)["final"]
    excerpt = model(song[..., begin : begin + model.input_samples])["final"]
    expected = whole[..., begin : begin + model.output_samples]
    torch.testing.assert_close(excerpt, expected, rtol=1e-4, atol=1e-6)


def test_zeros_that_complete_a_length_reach_no_more_than_the_last_step_of_the_grid():
    model = small(**CONTEXT)
    song = noise(1, 1, model.input_samples + 16)
    whole = model(song)["final"]
    shorter = model(song[..., :-1])["final"]
    torch.testing.assert_close(shorter[..., :-15], whole[..., :-16], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(shorter[..., -15:], whole[..., -16:-1])


def test_a_mixture_that_is_all_context_is_refused_with_a_length_that_fits():
    model = small(**CONTEXT)
    message = f"{model.input_samples} give {model.output_samples}"
    with pytest.raises(UserError, match=message):
        model(noise(1, 1, 2 * model.context))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"output": "difference", "targets": ("vocals",)}, "targets has one name"),
        ({"output_samples": 9, "up_kernel": 4}, "15 and 4; they must be odd"),
    ],
)
def test_networks_that_cannot_be_are_refused(params, message):
    with pytest.raises(UserError, match=message):
        small(**params)


def test_upsampling_copies_inputs_to_even_samples_and_halves_the_way_between():
    signal = noise(2, 3, 9)
    doubled = Upsampling(3, learned=False, context=False)(signal)
    assert doubled.shape == (2, 3, 18)
    assert torch.equal(doubled[..., ::2], signal)
    middles = (signal[..., 1:] + signal[..., :-1]) / 2
    torch.testing.assert_close(doubled[..., 1:-1:2], middles)
    assert torch.equal(doubled[..., -1], signal[..., -1])


def test_with_context_upsampling_aligns_the_ends_as_torch_does():
    signal = noise(2, 3, 9)
    doubled = Upsampling(3, learned=False, context=True)(signal)
    expected = nn.functional.interpolate(signal, 17, mode="linear", align_corners=True)
    torch.testing.assert_close(doubled, expected)


@pytest.mark.parametrize("context", [True, False])
def test_learned_upsampling_weighs_the_neighbours_of_each_channel(context):
    layer = Upsampling(2, learned=True, context=context)
    shares = torch.tensor([0.25, 0.9])
    layer.weights.data = torch.logit(shares)
    signal = torch.tensor([[[1.0, 2.0, -4.0], [0.0, 10.0, 20.0]]])
    expected = [[1.0, 0.25 * 1 + 0.75 * 2, 2.0, 0.25 * 2 - 0.75 * 4, -4.0, -0.25 * 4]]
    expected.append([0.0, 0.1 * 10, 10.0, 0.9 * 10 + 0.1 * 20, 20.0, 0.9 * 20])
    expected = torch.tensor([expected])
    torch.testing.assert_close(layer(signal), expected[..., :-1] if context else expected)


def test_weights_of_learned_upsampling_start_around_equal_shares():
    torch.manual_seed(0)
    weights = Upsampling(300, learned=True, context=True).weights
    assert 0.08 < weights.abs().max() <= 0.1


def test_a_wave_u_net_of_plain_paths_gives_what_is_worked_out_by_hand():
    model = build("wave_u_net", {"levels": 1, "filters": 1, "output": "single"})
    let_through(*model.down, model.bottom, *model.up, *model.outputs)
    nn.init.zeros_(model.up[0].weight.data[:, 2])  # without the skip path
    nn.init.zeros_(model.outputs[0].weight.data[:, 1])  # without the mixture
    wave = torch.tensor([0.2, 9.0, 0.6, 9.0, -1.0, 9.0, -3.0, 9.0])
    # Even samples stay; what is negative leaks by 0.2 on the way down, at the bottom, which has
    # two channels, and, after interpolation, on the way up.
    bottom = [2 * 0.2, 2 * 0.6, -2 * 0.2**2, -2 * 3 * 0.2**2]
    middles = [0.8, (1.2 - 0.08) / 2, -0.16, -0.24]
    up = torch.tensor([bottom, middles]).T.flatten()
    expected = torch.tanh(torch.where(up < 0, 0.2 * up, up))
    torch.testing.assert_close(model(wave.reshape(1, 1, 8))["final"].flatten(), expected)


@pytest.mark.parametrize("path", ["skip", "mixture"])
def test_with_context_what_is_carried_across_stays_in_its_place(path):
    model = WaveUNet(levels=2, filters=1, output="single", output_samples=20)
    let_through(*model.down, model.bottom, *model.up, *model.outputs)
    carried, other = (model.up[-1], model.outputs[0])
    nn.init.zeros_(carried.weight.data[:, :2])  # what comes from below
    nn.init.zeros_(other.weight.data[:, 1 if path == "skip" else 0])
    mixture = noise(1, 1, model.input_samples).abs()
    expected = torch.tanh(mixture[..., model.context : -model.context])
    torch.testing.assert_close(model(mixture)["final"][:, 0], expected)


def test_difference_output_sums_to_the_mixture():
    mixture = noise(2, 2, 64)
    model = small(output="difference", channels=2, targets=("bass", "drums", "other", "vocals"))
    assert model.targets == ("bass", "drums", "other", "vocals")
    estimates = model(mixture)["final"]
    torch.testing.assert_close(estimates.sum(1), mixture)
    assert estimates[:, :-1].abs().max() < 1 < estimates[:, -1].abs().max()


def test_direct_output_estimates_each_source_on_its_own():
    mixture = noise(1, 1, 64)
    estimates = small()(mixture)["final"]
    assert not torch.allclose(estimates.sum(1), mixture)
    assert not torch.allclose(estimates[:, 0], estimates[:, 1])


@pytest.mark.parametrize("params", [{}, {"output": "single"}, CONTEXT, {"upsampling": "learned"}])
def test_every_parameter_receives_a_gradient(params):
    model = small(**params)
    mixture = noise(2, 1, model.input_samples or 128)
    sources = torch.stack([0.3 * mixture] * len(model.targets), dim=1)
    estimate, truth = model.compare(mixture, sources, ("final",))["final"]
    (estimate - truth).square().mean().backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_one_batch_can_be_learned():
    model = small(filters=8, output="difference", output_samples=1000, upsampling="learned")
    time = torch.arange(model.input_samples) / 8000
    sources = torch.stack([0.4 * torch.sin(2 * torch.pi * f * time) for f in (230, 1700)])
    sources = sources[None, :, None]
    mixture = sources.sum(1)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(150):
        optimiser.zero_grad()
        estimate, truth = model.compare(mixture, sources, ("final",))["final"]
        (estimate - truth).square().mean().backward()
        optimiser.step()
    heard = mixture[..., model.context : -model.context]
    before = negative_si_sdr(heard.unsqueeze(1).expand_as(truth), truth)
    assert before - negative_si_sdr(estimate, truth) > 10
