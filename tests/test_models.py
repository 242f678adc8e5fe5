"""The networks: their published sizes, their parts and what they promise to training."""

import pytest
import torch
from torch import nn

from mssbench.errors import UserError
from mssbench.models import htmd_net, masking, recurrent, wave_u_net
from mssbench.models.base import Separator
from mssbench.models.registry import MODELS, build, model_class, parameter_count

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


def let_through(*convolutions):
    """Make convolutions sum their input channels and change nothing else."""
    for convolution in convolutions:
        kernel = convolution.kernel_size[0]
        nn.init.zeros_(convolution.weight)
        nn.init.zeros_(convolution.bias)
        nn.init.ones_(convolution.weight.data[..., kernel // 2])


@pytest.mark.parametrize(
    ("name", "params", "count"),
    [
        ("htmd_net", {}, 4_498_799),
        ("htmd_net", {"levels": 12}, 5_009_135),
        ("htmd_net", {"levels": 12, "units": 156}, 4_893_167),
        ("conv_tasnet_3x9", {}, 5_523_713),
        ("wave_u_net", {"output": "direct"}, 10_263_028),
        ("wave_u_net", {"output": "difference"}, 10_263_002),
        ("wave_u_net", {"output": "single"}, 10_263_002),
        ("wave_u_net", {"output": "difference", "channels": 2}, 10_263_390),
    ],
)
def test_parameter_counts_are_those_of_the_papers(name, params, count):
    assert parameter_count(build(name, params)) == count


def test_the_modules_of_htmd_net_have_the_sizes_of_the_released_code():
    model = build("htmd_net", {})
    assert parameter_count(model.masking) == 1_897_217
    assert parameter_count(model.denoising) == 2_601_582
    # Keras counts the running means and variances as well.
    statistics = sum(v.numel() for key, v in model.named_buffers() if ".running_" in key)
    assert parameter_count(model) + statistics == 4_518_255


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


def test_htmd_net_shows_what_masking_gave_and_bounds_what_denoising_makes_of_it():
    model = small("htmd_net")
    probes = model(100 * noise(2, 1, 64))
    assert set(probes) == {"final", "intermediate"}
    assert probes["final"].abs().max() <= 1 < probes["intermediate"].abs().max()
    refined = model.denoising(probes["intermediate"][:, 0])
    assert torch.equal(probes["final"][:, 0], refined)


def test_a_loss_on_the_intermediate_probe_leaves_the_denoising_module_alone():
    model = small("htmd_net")
    model(noise(2, 1, 64))["intermediate"].square().mean().backward()
    assert all(p.grad is not None for p in model.masking.parameters())
    assert all(p.grad is None for p in model.denoising.parameters())


def test_masks_lie_between_0_and_1():
    model = small("conv_tasnet_3x9")
    masks = model.masking.masks(50 * noise(2, 16, 40))
    assert masks.shape == (2, 16, 40)
    assert 0 <= masks.min() < masks.max() <= 1


def test_masks_of_one_turn_the_masking_module_into_its_encoder_and_decoder():
    module = small("conv_tasnet_3x9").masking
    nn.init.constant_(module.mask[1].bias, 100.0)
    mixture = noise(1, 1, 80)
    expected = module.decoder(module.encoder(mixture))
    torch.testing.assert_close(module(mixture), expected)


def test_the_masks_see_as_far_as_the_dilations_reach():
    # 2 stacks of 3 blocks with dilations 1, 2 and 4 reach 2 (1 + 2 + 4) frames to either side.
    module = small("conv_tasnet_3x9").masking.eval()
    encoded = noise(1, 16, 101)
    changed = encoded.clone()
    changed[..., 50] += 1
    with torch.no_grad():
        differs = (module.masks(encoded) != module.masks(changed)).any(1).squeeze(0)
    assert differs.nonzero().squeeze(1).tolist() == list(range(50 - 14, 50 + 15))


def test_a_block_of_plain_paths_gives_what_is_worked_out_by_hand():
    block = masking.Block(B=1, H=1, P=3, dilation=1).eval()
    let_through(block.body[0], block.body[3], block.skip, block.residual)
    frames = torch.full((1, 1, 6), -1.0)
    # Leaky by 0.3 twice; each normalisation divides by the root of 1 + 0.001.
    hidden = -0.3 * 0.3 / 1.001
    following, skip = block(frames)
    torch.testing.assert_close(skip, torch.full((1, 1, 6), hidden))
    torch.testing.assert_close(following, frames + hidden)


def test_only_the_last_block_has_no_residual_path():
    blocks = small("conv_tasnet_3x9").masking.blocks
    assert [block.residual is None for block in blocks] == [False] * 5 + [True]


def test_a_denoising_module_of_plain_paths_gives_what_is_worked_out_by_hand():
    module = htmd_net.DenoisingModule(1, filters=1, levels=1, units=1, activation="linear")
    let_through(*module.down, *module.up, module.output)
    nn.init.zeros_(module.up[0].weight.data[:, 1])  # without the skip path
    nn.init.zeros_(module.output.weight.data[:, 1])  # without the noisy input
    for layer in module.recurrent:
        remember_nothing(layer)
    wave = torch.tensor([0.8, 0.4, -1.0, -3.0])
    # Pairs are averaged and repeated; what is negative leaks by 0.3 in every layer, which are the
    # way down, the LSTM and the way up.
    expected = torch.tanh(torch.tensor([0.6, 0.6, -2 * 0.3**3, -2 * 0.3**3]))
    torch.testing.assert_close(module(wave.reshape(1, 1, 4)).flatten(), expected)


def remember_nothing(lstm):
    """Make an LSTM of one unit return its input."""
    with torch.no_grad():
        for weights in lstm.parameters():
            weights.zero_()
        lstm.kernel[..., 2] = 1.0
        lstm.bias[..., :] = torch.tensor([100.0, -100.0, 0.0, 100.0])


def test_batch_normalisation_has_the_defaults_of_keras():
    layer = masking.batch_norm(1)
    layer(torch.full((1, 1, 4), 10.0))
    assert layer.running_mean.item() == pytest.approx(0.1)
    assert layer.eps == 1e-3


def test_an_averaging_lstm_with_tanh_is_torchs_bidirectional_lstm():
    ours, theirs = recurrent.BidirectionalLSTM(6, 7, "tanh"), nn.LSTM(6, 7, bidirectional=True)
    nn.init.normal_(ours.bias)
    with torch.no_grad():
        for direction, suffix in enumerate(("", "_reverse")):
            getattr(theirs, f"weight_ih_l0{suffix}").copy_(ours.kernel[direction].T)
            getattr(theirs, f"weight_hh_l0{suffix}").copy_(ours.recurrent[direction].T)
            getattr(theirs, f"bias_ih_l0{suffix}").copy_(ours.bias[direction, 0])
            getattr(theirs, f"bias_hh_l0{suffix}").zero_()
    sequence = noise(3, 11, 6)
    both, _ = theirs(sequence.transpose(0, 1))
    expected = (both[..., :7] + both[..., 7:]).transpose(0, 1) / 2
    torch.testing.assert_close(ours(sequence), expected, rtol=0, atol=1e-5)


def test_a_linear_lstm_with_open_gates_sums_its_input():
    lstm = recurrent.BidirectionalLSTM(1, 1, "linear")
    with torch.no_grad():
        for weights in lstm.parameters():
            weights.zero_()
        lstm.kernel[..., 2] = 1.0  # the candidate is the input
        lstm.bias[..., [0, 1, 3]] = 100.0  # the gates are open
    sequence = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1)
    forwards, backwards = torch.tensor([1.0, 3, 6, 10]), torch.tensor([10.0, 9, 7, 4])
    torch.testing.assert_close(lstm(sequence).flatten(), (forwards + backwards) / 2)


def test_lstm_weights_start_as_in_keras():
    lstm = recurrent.BidirectionalLSTM(30, 20)
    units = torch.eye(20).expand(2, -1, -1)
    products = lstm.recurrent @ lstm.recurrent.mT
    torch.testing.assert_close(products, units, rtol=0, atol=1e-5)
    assert lstm.kernel.abs().max() <= (6 / (30 + 80)) ** 0.5
    forget = torch.zeros(80)
    forget[20:40] = 1
    assert torch.equal(lstm.bias, forget.expand(2, 1, 80))


def test_upsampling_copies_inputs_to_even_samples_and_halves_the_way_between():
    signal = noise(2, 3, 9)
    doubled = wave_u_net.upsample(signal)
    assert doubled.shape == (2, 3, 18)
    assert torch.equal(doubled[..., ::2], signal)
    middles = (signal[..., 1:] + signal[..., :-1]) / 2
    torch.testing.assert_close(doubled[..., 1:-1:2], middles)
    assert torch.equal(doubled[..., -1], signal[..., -1])


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


def test_difference_output_sums_to_the_mixture():
    mixture = noise(2, 2, 64)
    estimates = small("wave_u_net", output="difference", channels=2)(mixture)["final"]
    torch.testing.assert_close(estimates.sum(1), mixture)
    accompaniment = estimates[:, 0]
    assert accompaniment.abs().max() < 1
    assert not torch.allclose(accompaniment, mixture)


def test_direct_output_estimates_each_source_on_its_own():
    mixture = noise(1, 1, 64)
    estimates = small("wave_u_net")(mixture)["final"]
    assert not torch.allclose(estimates.sum(1), mixture)
    assert not torch.allclose(estimates[:, 0], estimates[:, 1])


def test_an_unknown_model_is_named_with_the_known_ones():
    with pytest.raises(UserError, match=r"'htmdnet'.*conv_tasnet_3x9, htmd_net"):
        model_class("htmdnet")


def test_every_registered_model_can_be_built_with_its_defaults():
    for name in MODELS:
        assert isinstance(build(name, {}), model_class(name))


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("htmd_net", {"level": 11}, r"no parameter 'level'.*levels, units"),
        ("mixture", {"gain": 1}, "no parameter 'gain'.*none"),
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
