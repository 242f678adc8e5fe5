import pytest
import torch
from torch import nn

from mssbench.errors import UserError
from mssbench.models.magnitudes import MagnitudeSeparator


class Gains(MagnitudeSeparator):
    """Two targets: the mixture, and a gain for each bin of it that is learned."""

    def __init__(self, **options):
        super().__init__(targets=("all", "some"), channels=2, **options)
        self.gain = nn.Parameter(torch.linspace(0.2, 1.5, self.n_fft // 2 + 1)[:, None])

    def estimate(self, magnitudes):
        self.heard = magnitudes
        return torch.stack((magnitudes, self.gain * magnitudes), dim=1)


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("hop", [16, 32, 48])
@pytest.mark.parametrize("samples", [480, 481, 479, 511, 3])
def test_magnitudes_that_are_not_changed_give_the_mixture_to_its_last_sample(hop, samples):
    mixture = noise(2, 2, samples)
    estimates = Gains(n_fft=64, hop=hop)(mixture)["final"]
    assert estimates.shape == (2, 2, 2, samples)
    torch.testing.assert_close(estimates[:, 0], mixture, rtol=0, atol=1e-5)
    # A window that ends on the last sample would be divided by itself, next to nothing.
    assert estimates[:, 1].abs().max() < 3 * mixture.abs().max()


def test_the_scale_is_the_networks_alone():
    mixture = noise(1, 2, 500)
    plain, scaled = Gains(n_fft=64, hop=16), Gains(n_fft=64, hop=16, scale=0.01)
    torch.testing.assert_close(scaled(mixture)["final"], plain(mixture)["final"])
    torch.testing.assert_close(scaled.heard, 0.01 * plain.heard)
    sources = noise(1, 2, 2, 500)
    estimates, truths = scaled.compare(mixture, sources, ["magnitudes"])["magnitudes"]
    torch.testing.assert_close(estimates[:, 0], scaled.heard)
    torch.testing.assert_close(truths, 0.01 * plain.magnitudes(sources))


def test_only_the_probes_that_are_asked_for_are_compared():
    model = Gains(n_fft=64, hop=16)
    mixture, sources = noise(1, 2, 500), noise(1, 2, 2, 500)
    assert set(model.compare(mixture, sources, ["magnitudes"])) == {"magnitudes"}
    compared = model.compare(mixture, sources, ["final", "magnitudes"])
    assert set(compared) == {"final", "magnitudes"}
    assert torch.equal(compared["final"][0], model(mixture)["final"])
    assert torch.equal(compared["final"][1], sources)


def test_silence_gives_silence_and_finite_gradients():
    model = Gains(n_fft=64, hop=16)
    estimates = model(torch.zeros(1, 2, 500))["final"]
    assert not estimates.any()
    estimates.square().sum().backward()
    assert model.gain.grad.isfinite().all()


def test_a_hop_as_long_as_a_frame_and_other_channels_are_refused():
    with pytest.raises(ValueError, match="hop is 64"):
        Gains(n_fft=64, hop=64)
    with pytest.raises(UserError, match="1 channels"):
        Gains(n_fft=64, hop=16).compare(noise(1, 1, 500), noise(1, 2, 1, 500), ["final"])
