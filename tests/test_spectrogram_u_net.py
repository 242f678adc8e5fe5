import math

import pytest
import torch
from torch import nn
from torch.nn.functional import pad

from mssbench.errors import UserError
from mssbench.models.registry import parameter_count
from mssbench.models.spectrogram_u_net import ShiftedNorm, SpectrogramUNet, UNet, image_of
from mssbench.training.config import LossTerm
from mssbench.training.losses import negative_si_sdr, total_loss

SMALL = {"levels": 3, "filters": 4, "n_fft": 128, "hop": 96}
TAKEN_AWAY = ("down.0.bias", "down.1.bias", "down.2.bias", "up.0.bias", "up.1.bias")
LOSSES = {
    "U7": {"final": LossTerm("mse", 1.0)},
    "U7a": {"magnitudes": LossTerm("mae", 1.0)},
}


def small(**params):
    torch.manual_seed(0)
    return SpectrogramUNet(**{**SMALL, **params})


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def test_parameter_counts_are_those_of_the_released_code():
    with torch.device("meta"):
        model = SpectrogramUNet(**SpectrogramUNet.variants["U7, U7a"].params)
    # Per network: filters of both ways, biases and the normalisations' biases.
    assert parameter_count(model.networks[0]) == 4_365_200 + 5_453_600 + 2 * 1008 + 497 + 496
    assert parameter_count(model) == 19_643_618


@pytest.mark.parametrize("samples", [96 * 7, 96 * 7 + 1, 1001, 5])
@pytest.mark.parametrize("batch", [1, 3])
def test_estimates_are_as_long_as_the_mixture(samples, batch):
    estimates = small()(noise(batch, 1, samples))["final"]
    assert estimates.shape == (batch, 2, 1, samples)
    assert estimates.isfinite().all()


def test_crops_of_127_hops_have_the_papers_128_frames():
    magnitudes = SpectrogramUNet(filters=1).magnitudes(noise(1, 1, 127 * 768))
    assert magnitudes.shape == (1, 1, 513, 128)
    assert image_of(magnitudes, 6).shape == (1, 1, 512, 128)
    assert image_of(pad(magnitudes, (0, 1)), 6).shape == (1, 1, 512, 192)


@pytest.mark.parametrize("name", LOSSES)
def test_every_parameter_receives_a_gradient(name):
    model = small()
    compared = model.compare(noise(3, 1, 2000), noise(3, 2, 1, 2000), LOSSES[name])
    loss, _ = total_loss(compared, LOSSES[name])
    loss.backward()
    # The normalisations take away what the convolutions' biases add.
    learning = [(key, p) for key, p in model.named_parameters() if not key.endswith(TAKEN_AWAY)]
    assert [key for key, p in learning if p.grad is None or not p.grad.any()] == []


def test_each_target_has_a_network_of_its_own():
    model = small()
    model(noise(2, 1, 2000))["final"][:, 1].square().sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in model.networks[0].parameters())
    assert all(p.grad is not None for p in model.networks[1].parameters())
    assert model.networks[1].down[0].weight.grad.any()


def plain_u_net(levels):
    return UNet(
        levels=levels,
        filters=1,
        norm=lambda _: nn.Identity(),
        norm_mask=False,
        dropped=range(0),
        drop_skips=True,
    )


def test_convolutions_are_aligned_as_in_tensorflow():
    # "Same" padding of an even length by 5 taps in steps of 2: one zero in front, two behind. So
    # the second tap lies on the even samples.
    network = plain_u_net(1)
    for layer in (*network.down, *network.up):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
        nn.init.ones_(layer.weight.data[..., 1, 1])
    image = noise(1, 1, 8, 6).abs()
    expected = torch.full_like(image, 0.5)
    expected[..., ::2, ::2] = torch.sigmoid(image[..., ::2, ::2])
    torch.testing.assert_close(network(image), expected)


def test_going_up_is_the_transpose_of_going_down():
    network = plain_u_net(1)
    network.up[0].weight.data = network.down[0].weight.data
    for layer in (*network.down, *network.up):
        nn.init.zeros_(layer.bias)
    image, code = noise(1, 1, 10, 12), noise(2, 1, 1, 5, 6)[1]
    down = network.down[0](pad(image, (1, 2, 1, 2)))
    up = network.up[0](code)[..., :-1, :-1]
    assert up.shape == image.shape
    assert (down * code).sum().item() == pytest.approx((image * up).sum().item(), rel=1e-4)


def test_modulation_follows_the_normalisation():
    network = UNet(
        levels=3,
        filters=2,
        norm=ShiftedNorm,
        norm_mask=True,
        dropped=range(0),
        drop_skips=False,
    )
    normalised, given = [], []
    for norm in network.down_norms:
        norm.register_forward_hook(lambda _, __, output: normalised.append(output))

    def modulate(level, signal):
        assert level == len(given)
        given.append(signal)
        return signal + 1

    image = noise(2, 1, 16, 16)
    assert not torch.allclose(network(image, modulate), network(image))
    assert [signal.shape[1] for signal in given] == [2, 4, 8]
    assert all(a is b for a, b in zip(given, normalised, strict=False))


def test_the_networks_hear_the_logarithm_without_the_topmost_bin():
    model = small()
    heard = []
    for network in model.networks:
        network.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    magnitudes = noise(1, 1, 65, 8).abs()
    model.estimate(magnitudes)
    assert len(heard) == 2
    for image in heard:
        torch.testing.assert_close(image, torch.log(1 + magnitudes[:, :, :-1]))


def test_masks_of_one_give_the_mixture_without_half_of_the_topmost_bin():
    model = small()
    for network in model.networks:
        nn.init.constant_(network.up[-1].bias, 100.0)
    magnitudes = noise(2, 1, 65, 11).abs()
    estimates = model.estimate(magnitudes)
    torch.testing.assert_close(estimates[:, 0, :, :-1], magnitudes[:, :, :-1])
    torch.testing.assert_close(estimates[:, 1, :, -1], magnitudes[:, :, -1] / 2)


def test_masks_lie_between_0_and_1():
    magnitudes = 50 * noise(2, 1, 65, 11).abs()
    ratio = small().estimate(magnitudes) / magnitudes[:, None]
    assert 0 <= ratio.min() < ratio.max() <= 1


def test_dropout_is_for_training_alone():
    mixture = noise(2, 1, 3000)
    model = small()
    assert not torch.equal(model(mixture)["final"], model(mixture)["final"])
    model.eval()
    assert torch.equal(model(mixture)["final"], model(mixture)["final"])


def test_normalisation_has_no_gain_and_keeps_999_thousandths():
    norm = ShiftedNorm(1)
    assert [key for key, _ in norm.named_parameters()] == ["bias"]
    norm(torch.full((1, 1, 2, 2), 10.0))
    assert norm.norm.running_mean.item() == pytest.approx(0.01)


def test_what_cannot_be_halved_and_stereo_are_refused():
    with pytest.raises(ValueError, match=r"n_fft is 1000; .* multiple of 128"):
        SpectrogramUNet(n_fft=1000)
    with pytest.raises(UserError, match="2 channels"):
        small()(noise(1, 2, 400))


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_can_be_learned_by_heart(name):
    time = torch.arange(2048) / 8192
    sources = torch.stack([torch.sin(2 * math.pi * f * time) for f in (440, 2000)]).view(
        1, 2, 1, -1
    )
    mixture = sources.sum(1)
    model = small(filters=8, hop=64)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(80):
        optimiser.zero_grad()
        loss, _ = total_loss(model.compare(mixture, sources, LOSSES[name]), LOSSES[name])
        loss.backward()
        optimiser.step()
    before = negative_si_sdr(mixture[:, None].expand_as(sources), sources)
    after = negative_si_sdr(model(mixture)["final"], sources)
    assert (before - after).item() > 10
