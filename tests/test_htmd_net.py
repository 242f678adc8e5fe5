"""HTMD-Net: its sizes, its modules and their parts, and its two estimates."""

import pytest
import torch
from torch import nn

from mssbench.models import htmd_net, masking, recurrent
from mssbench.models.htmd_net import HTMDNet
from mssbench.models.registry import parameter_count
from mssbench.training.config import LossTerm
from mssbench.training.losses import negative_si_sdr, probes_of, total_loss

# Every kind of layer, at a size that runs in milliseconds.
MASKING = {"N": 16, "L": 8, "B": 8, "H": 12, "X": 3}
SMALL = {**MASKING, "filters": 3, "levels": 4, "units": 5}


def small(**params):
    torch.manual_seed(0)
    return HTMDNet(**{**SMALL, **params})


def small_masking():
    """Return a masking module of two stacks."""
    torch.manual_seed(0)
    return masking.MaskingModule(**MASKING, channels=1, P=3, R=2)


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
    ("name", "count"),
    [
        ("HTMD-Net", 4_498_799),
        ("12 levels", 5_009_135),
        ("12 levels, 156 units", 4_893_167),
    ],
)
def test_parameter_counts_are_those_of_the_code_and_of_the_slides_levels(name, count):
    model = HTMDNet(**HTMDNet.variants[name].params)
    assert parameter_count(model) == count
    assert model.targets == ("vocals",)
    # The paper's segments of 16,384 samples suit every variant.
    assert 16_384 % model.multiple == 0


def test_the_modules_of_htmd_net_have_the_sizes_of_the_released_code():
    model = HTMDNet()
    assert parameter_count(model.masking) == 1_897_217
    assert parameter_count(model.denoising) == 2_601_582
    # Keras counts the running means and variances as well.
    statistics = sum(v.numel() for key, v in model.named_buffers() if ".running_" in key)
    assert parameter_count(model) + statistics == 4_518_255


def test_htmd_net_shows_what_masking_gave_and_bounds_what_denoising_makes_of_it():
    model = small()
    probes = model(100 * noise(2, 1, 64))
    assert set(probes) == {"final", "intermediate"}
    assert probes["final"].abs().max() <= 1 < probes["intermediate"].abs().max()
    refined = model.denoising(probes["intermediate"][:, 0])
    assert torch.equal(probes["final"][:, 0], refined)


def test_a_loss_on_the_intermediate_probe_leaves_the_denoising_module_alone():
    model = small()
    model(noise(2, 1, 64))["intermediate"].square().mean().backward()
    assert all(p.grad is not None for p in model.masking.parameters())
    assert all(p.grad is None for p in model.denoising.parameters())


@pytest.mark.parametrize("intermediate", ["mae", "mse"])
@pytest.mark.parametrize("final", ["mae", "mse"])
def test_each_pair_of_losses_weighs_both_estimates(intermediate, final):
    kinds = {"mae": nn.functional.l1_loss, "mse": nn.functional.mse_loss}
    terms = {"intermediate": LossTerm(intermediate, 0.5), "final": LossTerm(final, 1.0)}
    model = small()
    mixture, vocals = noise(2, 1, 64), noise(2, 1, 1, 64).roll(5, -1)
    total, _ = total_loss(model.compare(mixture, vocals, probes_of(terms)), terms)
    outputs = model(mixture)
    expected = 0.5 * kinds[intermediate](outputs["intermediate"], vocals)
    expected = expected + kinds[final](outputs["final"], vocals)
    torch.testing.assert_close(total, expected)


def test_without_deep_supervision_only_the_final_estimate_is_looked_at():
    terms = {"intermediate": LossTerm("mse", 0.0), "final": LossTerm("mae", 1.0)}
    model = small()
    compared = model.compare(noise(1, 1, 64), noise(1, 1, 1, 64), probes_of(terms))
    assert set(compared) == {"final"}
    total_loss(compared, terms)[0].backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_one_batch_can_be_learned():
    model = small(B=16, H=24, filters=6, levels=6, units=12)
    time = torch.arange(1024) / 8000
    vocals, rest = (0.4 * torch.sin(2 * torch.pi * f * time) for f in (230, 1700))
    mixture, vocals = (vocals + rest)[None, None], vocals[None, None, None]
    terms = {"intermediate": LossTerm("mse", 0.5), "final": LossTerm("mae", 1.0)}
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(80):
        optimiser.zero_grad()
        compared = model.compare(mixture, vocals, model.probes)
        total_loss(compared, terms)[0].backward()
        optimiser.step()
    before = negative_si_sdr(mixture.unsqueeze(1), vocals)
    for estimate, _ in compared.values():
        assert before - negative_si_sdr(estimate, vocals) > 10


def test_masks_lie_between_0_and_1():
    masks = small_masking().masks(50 * noise(2, 16, 40))
    assert masks.shape == (2, 16, 40)
    assert 0 <= masks.min() < masks.max() <= 1


def test_masks_of_one_turn_the_masking_module_into_its_encoder_and_decoder():
    module = small_masking()
    nn.init.constant_(module.mask[1].bias, 100.0)
    mixture = noise(1, 1, 80)
    expected = module.decoder(module.encoder(mixture))
    torch.testing.assert_close(module(mixture), expected)


def test_the_masks_see_as_far_as_the_dilations_reach():
    # 2 stacks of 3 blocks with dilations 1, 2 and 4 reach 2 (1 + 2 + 4) frames to either side.
    module = small_masking().eval()
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
    blocks = small_masking().blocks
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
