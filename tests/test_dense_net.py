import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from mssbench.models.dense_block import DenseBlock, SameConvolution
from mssbench.models.dense_net import DenseNet, MDenseNet
from mssbench.models.mm_dense_net import MMDenseNet
from mssbench.models.registry import parameter_count
from mssbench.models.spectrogram import spectrogram, waveform
from mssbench.models.target_networks import TargetNetworks
from mssbench.models.wiener import wiener
from mssbench.training.config import LossTerm
from mssbench.training.losses import negative_si_sdr, total_loss

LOSS = {"magnitudes": LossTerm("mse", 2.0)}  # of two targets
COMMON = {"targets": ("vocals", "rest"), "channels": 1, "n_fft": 64, "hop": 32, "width": 4}
ONE = {**COMMON, "k_first": 3, "k": 4, "L": 2}
SMALL = {
    DenseNet: {**ONE, "blocks": 2},
    MDenseNet: {**ONE, "scales": 2},
    MMDenseNet: {
        **COMMON,
        "splits": (12,),
        "scales": 2,
        "k_first": (3, 2, 2),
        "k": (4, 3, 2),
        "L": (2, 2, 1),
        "L_bottom": (2, 1, 3),
    },
}
READINGS = [
    *((model, {}) for model in SMALL),
    (DenseNet, {"block_output": "all", "affine": True}),
    (MDenseNet, {"block_output": "all", "compression": 0.5}),
    (MMDenseNet, {"block_output": "all", "compression": 0.4, "final_kernel": (3, 3)}),
    (MMDenseNet, {"gated": False, "affine": True, "channels": 2}),
]


def small(model, **params):
    torch.manual_seed(0)
    return model(**{**SMALL[model], **params})


def noise(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def settle(model):
    """Give running statistics values of a batch, so that evaluation has something to use."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    model.train()(noise(3, model.channels, 1500, seed=5))
    return model.eval()


def count_a_target(model, **params):
    with torch.device("meta"):
        made = model(**params)
    assert parameter_count(made) == len(made.targets) * parameter_count(made.networks[0])
    return parameter_count(made.networks[0])


def test_mmdensenet_has_the_parameters_of_the_reimplementation():
    assert count_a_target(MMDenseNet) == 335_368
    assert count_a_target(MMDenseNet, affine=True) == 339_468
    with torch.device("meta"):
        body = MMDenseNet().networks[0].body
    low, high = map(parameter_count, body.bands)
    assert low == 259_848
    assert high + parameter_count(body.widening[1]) == 54_878
    assert parameter_count(body.full) == 20_166


@pytest.mark.parametrize(
    ("params", "count"),
    [
        # With 3x3 filters: compressed to a quarter and to a fifth, last maps only, all maps kept.
        ({"compression": 0.25, "block_output": "all"}, 340_400),
        ({"compression": 0.2, "block_output": "all"}, 288_728),
        ({"block_output": "last"}, 268_672),
        ({"block_output": "all"}, 8_237_742),
    ],
)
def test_other_readings_of_a_block_have_these_parameters(params, count):
    filters = {"block_bins": (3, 3, 3), "final_kernel": (3, 3)}
    assert count_a_target(MMDenseNet, targets=("vocals",), **filters, **params) == count


def test_variants_have_these_parameters():
    counts = {
        name: count_a_target(model, **variant.params)
        for model in SMALL
        for name, variant in model.variants.items()
    }
    assert counts == {
        "DenseNet": 221_580,
        "MDenseNet": 260_216,
        "MMDenseNet": 335_368,
        "MMDenseNet compressed": 340_378,
    }


@pytest.mark.parametrize(("model", "params"), READINGS)
@pytest.mark.parametrize("samples", [1, 33, 801])
def test_estimates_are_as_long_as_the_mixture(model, params, samples):
    for iterations in (None, 1):
        made = small(model, **params, wiener_iterations=iterations).eval()
        for batch in (1, 2):
            estimates = made(noise(batch, made.channels, samples))["final"]
            assert estimates.shape == (batch, 2, made.channels, samples)
            assert estimates.isfinite().all()


def test_the_papers_size_takes_stereo_at_44100_hz():
    estimates = MMDenseNet(targets=("vocals",)).eval()(noise(1, 2, 9001))["final"]
    assert estimates.shape == (1, 1, 2, 9001)


@pytest.mark.parametrize(("model", "params"), READINGS)
def test_every_parameter_receives_a_gradient(model, params):
    # In evaluation: the statistics of a batch take away every bias that precedes them.
    made = settle(small(model, **params))
    mixture, sources = noise(2, made.channels, 900), noise(2, 2, made.channels, 900)
    total_loss(made.compare(mixture, sources, ("magnitudes",)), LOSS)[0].backward()
    assert [k for k, p in made.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("model", SMALL)
def test_magnitudes_are_compared_and_never_negative(model):
    made = small(model)
    mixture, sources = noise(2, 1, 800), noise(2, 2, 1, 800)
    estimate, truth = made.compare(mixture, sources, ("magnitudes",))["magnitudes"]
    assert estimate.shape == truth.shape == (2, 2, 1, 33, 26)
    assert estimate.min() == 0 < estimate.max()
    torch.testing.assert_close(truth, spectrogram(sources, 64, 32).abs())


def test_the_loss_is_the_sum_of_networks_trained_on_their_own():
    model = small(MDenseNet)
    compared = model.compare(noise(2, 1, 800), noise(2, 2, 1, 800), ("magnitudes",))
    total, _ = total_loss(compared, LOSS)
    estimate, truth = compared["magnitudes"]
    alone = [(estimate[:, j] - truth[:, j]).square().mean() for j in range(2)]
    torch.testing.assert_close(total, sum(alone))
    alone[0].backward()
    assert any(p.grad.any() for p in model.networks[0].parameters())
    assert all(p.grad is None or not p.grad.any() for p in model.networks[1].parameters())


@pytest.mark.parametrize("kernel", [(4, 3), (3, 3), (2, 1), (1, 1)])
def test_filters_keep_the_size(kernel):
    layer = SameConvolution(2, 3, kernel)
    nn.init.ones_(layer.weight)
    maps = torch.zeros(1, 2, 9, 8, requires_grad=True)
    result = layer(maps)
    assert result.shape == (1, 3, 9, 8)
    result[0, 0, 4, 4].backward()
    bins, frames = maps.grad[0, 0].nonzero().unbind(1)
    for axis, size in zip((bins, frames), kernel, strict=True):
        first = 4 - (size - 1) // 2
        assert sorted(set(axis.tolist())) == list(range(first, first + size))


@pytest.mark.parametrize("output", ["last", "all"])
def test_a_layer_convolves_the_concatenated_maps_of_all_before_it(output):
    torch.manual_seed(0)
    k, L = 3, 4
    block = DenseBlock(5, k, L, (4, 3), output=output).eval()
    maps = [noise(2, 5, 8, 7)]
    for layer in range(L):
        # The part of every earlier convolution that is for this layer.
        parts = [slice((layer - i) * k, (layer - i + 1) * k) for i in range(layer + 1)]
        earlier = [block.layers[i] for i in range(layer + 1)]
        active = [norm(m).relu() for (norm, _, _), m in zip(earlier, maps, strict=True)]
        weight = torch.cat([c[2].weight[p] for c, p in zip(earlier, parts, strict=True)], dim=1)
        bias = sum(c[2].bias[p] for c, p in zip(earlier, parts, strict=True))
        padded = nn.functional.pad(torch.cat(active, dim=1), (1, 1, 1, 2))
        maps.append(conv2d(padded, weight, bias))
    expected = maps[-1] if output == "last" else torch.cat(maps, dim=1)
    assert block.outputs == expected.shape[1]
    torch.testing.assert_close(block(maps[0]), expected, rtol=1e-4, atol=1e-5)


def test_compression_keeps_a_share_of_the_maps():
    block = DenseBlock(5, 3, 4, (3, 3), output="all", compression=0.25)
    assert block.outputs == int(0.25 * (5 + 12))
    assert block(noise(2, 5, 8, 7)).shape == (2, 4, 8, 7)


def reach(model):
    """Return how many frames apart the farthest frame is that an estimate depends on."""
    spectra = noise(1, 1, 33, 64).abs().requires_grad_()
    network = settle(small(model)).networks[0]
    network.body(spectra)[..., 32].sum().backward()
    return (spectra.grad[0, 0].any(0).nonzero() - 32).abs().max().item()


def test_scales_widen_what_is_seen():
    # The first convolution and the layers of each block see one frame to either side.
    assert reach(DenseNet) == 1 + 2 * 2
    assert reach(MDenseNet) > 2 * reach(DenseNet)


def test_bands_see_only_themselves():
    body = settle(small(MMDenseNet)).networks[0].body
    low, high = torch.zeros(2, 1, 1, 33, 24)
    low[:, :, :12], high[:, :, 12:] = 1, 1
    silent, of_low, of_high = map(body, (0 * low, low, high))
    assert torch.equal(of_low[:, :4, 12:], silent[:, :4, 12:])
    assert torch.equal(of_high[:, :4, :12], silent[:, :4, :12])
    assert not torch.equal(of_low[:, 4:, 12:], silent[:, 4:, 12:])


@pytest.mark.parametrize("model", SMALL)
def test_the_middle_of_an_excerpt_is_that_of_the_song(model):
    made = settle(small(model))
    song = noise(1, 1, 32 * 160)
    # Excerpts that begin at a multiple of 2^scales frames fall on the same grid.
    excerpt = made(song[..., 32 * 40 : 32 * 120])["final"]
    whole = made(song)["final"][..., 32 * 40 : 32 * 120]
    middle = slice(32 * 32, -32 * 32)
    torch.testing.assert_close(excerpt[..., middle], whole[..., middle], rtol=1e-4, atol=1e-5)


def test_the_phase_is_the_mixtures_while_training_and_without_a_filter():
    mixture = noise(2, 1, 800)
    plain, filtered = settle(small(MDenseNet)), settle(small(MDenseNet, wiener_iterations=1))
    spectra = plain.transform(mixture)
    phased = plain.estimate(spectra.abs()) * (spectra / spectra.abs()).unsqueeze(1)
    final = plain(mixture)["final"]
    torch.testing.assert_close(final, waveform(phased, 64, 32, 800), atol=1e-5, rtol=0)
    assert not torch.allclose(filtered(mixture)["final"], final, atol=1e-3)
    trained = [model.train()(mixture)["final"] for model in (plain, filtered)]
    torch.testing.assert_close(*trained)


class Shares(nn.Module):
    """A network that says what share of the mixture's magnitudes each channel has."""

    def __init__(self, *shares):
        super().__init__()
        self.shares = torch.tensor(shares)[:, None, None]

    def forward(self, magnitudes):
        return self.shares * magnitudes


def test_filtered_estimates_share_the_mixture_out_by_the_networks_own_magnitudes():
    networks = [Shares(0.9, 0.2), Shares(0.3, 0.6)]
    model = TargetNetworks(
        targets=("left", "right"),
        channels=2,
        n_fft=64,
        hop=32,
        wiener_iterations=1,
        network=lambda: networks.pop(0),
    ).eval()
    mixture = noise(1, 2, 800)
    estimates = model(mixture)["final"]
    torch.testing.assert_close(estimates.sum(1), mixture, rtol=1e-3, atol=1e-4)
    spectra = model.transform(mixture)
    filtered = wiener(model.estimate(spectra.abs()), spectra, 1, initial="phase")
    torch.testing.assert_close(estimates, waveform(filtered, 64, 32, 800))


@pytest.mark.parametrize(
    ("model", "params", "message"),
    [
        (MMDenseNet, {"k": (4, 3)}, "k has 2 entries; it must have 3"),
        (MMDenseNet, {"splits": (12, 20)}, "k_first has 3 entries; it must have 4"),
        (MMDenseNet, {"splits": (33,)}, "splits are 33; .* 33 bins"),
        (MMDenseNet, {"final_kernel": (3,)}, r"final_kernel is \(3,\)"),
        (MDenseNet, {"compression": 1.5}, "compression is 1.5"),
        (DenseNet, {"targets": ("vocals",), "wiener_iterations": 1}, "one target vocals"),
    ],
)
def test_what_cannot_be_built_is_named(model, params, message):
    with pytest.raises(ValueError, match=message):
        small(model, **params)


def test_one_batch_is_learned():
    time = torch.arange(1000) / 4000
    tones = [(2 * torch.pi * f * time).sin() for f in (200, 1300)]
    sources = torch.stack((tones[0] * time, tones[1] * (0.3 - time)))[None, :, None]
    mixture = sources.sum(1)
    made = small(MMDenseNet)
    optimiser = torch.optim.Adam(made.parameters(), lr=1e-2)
    for _ in range(25):
        optimiser.zero_grad()
        total_loss(made.compare(mixture, sources, ("magnitudes",)), LOSS)[0].backward()
        optimiser.step()
    with torch.no_grad():
        learned = -negative_si_sdr(made(mixture)["final"], sources)
    untouched = -negative_si_sdr(mixture.unsqueeze(1).expand_as(sources), sources)
    assert learned > untouched + 10
