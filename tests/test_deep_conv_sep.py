import math

import numpy as np
import pytest
import torch
from scipy.signal.windows import blackmanharris
from torch.nn.functional import conv2d

from mssbench.errors import UserError
from mssbench.models.deep_conv_sep import DeepConvSep, combined_loss, cross_fades
from mssbench.models.registry import parameter_count
from mssbench.training.config import LossTerm
from mssbench.training.losses import negative_si_sdr, total_loss

SMALL = {"N1": 6, "N2": 5, "NN": 8, "T": 6, "overlap": 4}
LOSS = {"loss": LossTerm("penalty", 1.0)}
PATCH = 29 * 512


def small(**params):
    torch.manual_seed(0)
    return DeepConvSep(**{**SMALL, **params})


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("50/50", 578_682),
        ("50/30", 357_562),
        ("released", 475_482),
    ],
)
def test_parameter_counts_are_those_of_the_released_code(name, count):
    with torch.device("meta"):
        model = DeepConvSep(**DeepConvSep.variants[name].params)
    assert parameter_count(model) == count


@pytest.mark.parametrize("samples", [512 * 20, 512 * 20 + 1, 5])
@pytest.mark.parametrize("batch", [1, 2])
def test_estimates_are_as_long_as_the_mixture_and_sum_to_it(samples, batch):
    mixture = noise(batch, 1, samples)
    estimates = small()(mixture)["final"]
    assert estimates.shape == (batch, 4, 1, samples)
    torch.testing.assert_close(estimates.sum(1), mixture, rtol=0, atol=1e-4)


def test_a_network_that_says_nothing_shares_the_mixture_evenly():
    model = small()
    model.network.output_bias.data.fill_(-1e6)
    masks = model.masks(noise(1, 1, 513, 20).abs())
    torch.testing.assert_close(masks, torch.full_like(masks, 0.25))


def test_every_parameter_receives_a_gradient():
    model = small()
    mixture, sources = noise(3, 1, 9000), noise(3, 4, 1, 9000)
    # Above 0, so that no ReLU is closed everywhere.
    for layer in (model.network.bottleneck, *model.network.dense):
        layer.bias.data.fill_(0.5)
    loss, _ = total_loss(model.compare(mixture, sources, LOSS), LOSS)
    loss.backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_the_way_back_is_the_transpose_of_the_way_there():
    network = small().network
    image, code = noise(1, 1, 6, 513), noise(2, *network.code)[1:]
    assert network.code == (5, 4, 1)
    there = conv2d(conv2d(image, network.vertical.weight), network.horizontal.weight)
    back = network.decode(code)
    assert back.shape == image.shape
    assert (there * code).sum().item() == pytest.approx((image * back).sum().item(), rel=1e-4)


def test_the_released_code_estimates_the_other_as_it_does_the_bass():
    magnitudes = noise(1, 1, 513, 6).abs()
    vocals, bass, drums, other = small(released=True).masks(magnitudes)[0]
    assert torch.equal(bass, other)
    assert not torch.equal(bass, vocals)
    assert not torch.equal(bass, drums)
    own = small().masks(magnitudes)[0]
    assert not torch.equal(own[1], own[3])


def test_masks_are_the_shares_of_what_the_network_says():
    model = small()
    magnitudes = noise(1, 1, 513, 6).abs()
    outputs = model.network(magnitudes[:, 0].transpose(1, 2)).transpose(2, 3)
    assert outputs.shape == (1, 4, 513, 6)
    shares = (outputs + 1e-8) / (outputs + 1e-8).sum(1, keepdim=True)
    torch.testing.assert_close(model.masks(magnitudes), shares)


def one_after_the_other(patches, overlap):
    """Join patches (count, T) as they come: each fades in over what stands there."""
    T = patches.shape[1]
    hop = T - overlap
    joined = np.zeros((len(patches) - 1) * hop + T)
    rise = np.linspace(0, 1, overlap)
    joined[:T] = patches[0]
    for number, patch in enumerate(patches[1:], start=1):
        start = number * hop
        faded = (1 - rise) * joined[start : start + overlap] + rise * patch[:overlap]
        joined[start : start + T] = np.concatenate((faded, patch[overlap:]))
    return joined


@pytest.mark.parametrize(("T", "overlap"), [(30, 25), (30, 20), (30, 10), (6, 4), (6, 1)])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_patches_are_cross_faded_as_if_one_came_after_the_other(T, overlap, count):
    patches = noise(count, T).double()
    faded = (cross_fades(count, T, overlap) * patches).numpy()
    joined = np.zeros((count - 1) * (T - overlap) + T)
    for number, patch in enumerate(faded):
        joined[number * (T - overlap) :][:T] += patch
    np.testing.assert_allclose(joined, one_after_the_other(patches.numpy(), overlap), atol=1e-6)


def test_a_longer_excerpt_is_the_cross_fade_of_its_patches():
    # In float64: where all ReLUs are all but zero, a mask is a quotient of rounding errors.
    model = small().double()
    magnitudes = noise(2, 1, 513, 10).abs().double()
    masks = model.masks(magnitudes)
    patches = [model.masks(magnitudes[..., start : start + 6]) for start in (0, 2, 4)]
    weights = cross_fades(3, 6, 4)
    expected = torch.zeros_like(masks)
    for number, patch in enumerate(patches):
        expected[..., 2 * number : 2 * number + 6] += weights[number] * patch
    torch.testing.assert_close(masks, expected)


def test_one_patch_of_the_papers_is_29_hops_long():
    model = DeepConvSep(N1=1, N2=1, NN=1)
    assert model.magnitudes(noise(1, 1, PATCH)).shape[-1] == model.T == 30


def test_magnitudes_are_those_of_the_released_transform():
    wave = noise(1, 1, 5000)
    frame = wave[0, 0, 3 * 512 - 512 : 3 * 512 + 512].numpy() * blackmanharris(1024)
    expected = 0.3 * np.abs(np.fft.rfft(frame)) / math.sqrt(1024)
    np.testing.assert_allclose(small().magnitudes(wave)[0, 0, :, 3], expected, atol=1e-5)


def test_the_loss_is_what_is_worked_out_by_hand():
    # One bin and frame; vocals, bass, drums, other.
    estimates = torch.tensor([1.0, 2.0, 4.0, 100.0]).view(1, 4, 1, 1, 1)
    truths = torch.tensor([3.0, 2.0, 1.0, 0.0]).view(1, 4, 1, 1, 1)
    fit = (1 - 3) ** 2 + 0 + (4 - 1) ** 2
    between = 0.001 * ((1 - 2) ** 2 + 0 + (2 - 3) ** 2 + (2 - 1) ** 2 + (4 - 3) ** 2 + (4 - 2) ** 2)
    other = 0.03 * 1**2 + 0.01 * (2**2 + 4**2)
    loss = combined_loss(estimates, truths)
    assert loss.item() == pytest.approx(fit - between - other)
    # Estimates that fit leave only what is taken away, whose absolute value counts.
    assert combined_loss(truths, truths).item() == pytest.approx(0.012 + 0.27 + 0.05)


def test_the_loss_stands_at_its_probe_beside_zero():
    model = small()
    mixture, sources = noise(2, 1, 4000), noise(2, 4, 1, 4000)
    compared = model.compare(mixture, sources, ["loss", "magnitudes"])
    loss, zero = compared["loss"]
    assert loss.item() == combined_loss(*compared["magnitudes"]).item() > 0
    assert zero.item() == 0


def test_an_overlap_as_long_as_a_patch_and_stereo_are_refused():
    with pytest.raises(ValueError, match="overlap is 6; it must be below T, which is 6"):
        small(overlap=6)
    with pytest.raises(UserError, match="2 channels"):
        small()(noise(1, 2, 4000))


def test_a_batch_can_be_learned_by_heart():
    time = torch.arange(PATCH) / 44100
    tones = [torch.sin(2 * math.pi * f * time) for f in (440, 1500, 4000, 9000)]
    sources = torch.stack(tones).view(1, 4, 1, -1)
    mixture = sources.sum(1)
    torch.manual_seed(0)
    model = DeepConvSep(N1=16, N2=8, NN=32)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(200):
        optimiser.zero_grad()
        loss, _ = total_loss(model.compare(mixture, sources, LOSS), LOSS)
        loss.backward()
        optimiser.step()
    before = negative_si_sdr(mixture[:, None].expand_as(sources), sources)
    after = negative_si_sdr(model(mixture)["final"], sources)
    assert (before - after).item() > 10
