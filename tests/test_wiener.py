import numpy as np
import pytest
import torch

from mssbench.models.wiener import apply_filters, gaussian_model, soft_mask, solve, wiener


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def complex_noise(*shape, seed=0):
    return torch.complex(noise(*shape, seed=seed), noise(*shape, seed=seed + 100))


def panned(batch=2, sources=2, bins=5, frames=40):
    """Return images (batch, sources, 2, bins, frames) of sources panned to different places."""
    angles = torch.linspace(0.2, 1.3, sources, dtype=torch.float64)
    gains = torch.stack((angles.cos(), angles.sin()), dim=1)[..., None, None]
    activity = noise(batch, sources, 1, bins, frames, seed=7).abs()
    return gains * activity * complex_noise(batch, sources, 1, bins, frames, seed=1)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize("initial", ["mask", "phase"])
@pytest.mark.parametrize("level", [0.5, 80.0])  # above 10, the mixture is scaled
def test_estimates_are_those_of_norbert(channels, iterations, initial, level):
    norbert = pytest.importorskip("norbert")
    mixture = level * complex_noise(2, channels, 4, 9)
    magnitudes = level * noise(2, 3, channels, 4, 9, seed=2).abs()
    estimates = wiener(magnitudes, mixture, iterations, initial=initial)
    for item in range(2):
        theirs = norbert.wiener(
            magnitudes[item].permute(3, 2, 1, 0).numpy(),
            mixture[item].permute(2, 1, 0).numpy().copy(),
            iterations,
            use_softmask=initial == "mask",
        )
        ours = estimates[item].permute(3, 2, 1, 0).numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * level)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_estimates_sum_to_the_mixture_as_the_regularisation_vanishes(channels):
    mixture = complex_noise(2, channels, 6, 20)
    magnitudes = noise(2, 4, channels, 6, 20, seed=2).abs() + 0.1
    shortfall = [
        (wiener(magnitudes, mixture, 2, eps=eps).sum(1) - mixture).abs().max().item()
        for eps in (1e-2, 1e-6, 1e-14)
    ]
    assert shortfall[0] > 10 * shortfall[1] > 100 * shortfall[2]
    assert shortfall[2] < 1e-4


def test_with_one_channel_it_is_the_soft_mask_of_powers():
    # The first estimates are shares of the mixture by magnitude; their powers make the mask.
    mixture = complex_noise(2, 1, 6, 20)
    magnitudes = noise(2, 3, 1, 6, 20, seed=2).abs()
    expected = soft_mask(magnitudes.square(), mixture)
    torch.testing.assert_close(wiener(magnitudes, mixture), expected, rtol=1e-4, atol=1e-5)


def test_soft_masks_give_each_source_its_share():
    mixture = complex_noise(1, 2, 3, 4)
    magnitudes = torch.tensor([1.0, 3.0]).reshape(1, 2, 1, 1, 1).expand(1, 2, 2, 3, 4)
    first, second = soft_mask(magnitudes, mixture)[0]
    torch.testing.assert_close(first, mixture[0] / 4)
    torch.testing.assert_close(second, mixture[0] * 3 / 4)


def test_directions_are_told_apart_that_a_mask_cannot_tell():
    images = panned()
    mixture = images.sum(1)
    masked = soft_mask(images.abs(), mixture)
    filtered = wiener(images.abs(), mixture, 1)
    again = wiener(images.abs(), mixture, 10)
    errors = [(estimate - images).abs().square().sum() for estimate in (masked, filtered, again)]
    assert errors[1] < 0.7 * errors[0]
    assert errors[2] < errors[1]


def test_the_model_of_a_panned_source_is_its_power_and_its_steering():
    images = panned(sources=2)
    powers, covariances = gaussian_model(images)
    torch.testing.assert_close(powers, images.abs().square().mean(2))
    assert covariances.shape == (2, 2, 2, 2, 5)
    # The trace is the number of channels, and both rows point to where the source is.
    traces = covariances.diagonal(dim1=2, dim2=3).sum(-1)
    torch.testing.assert_close(traces.real, torch.full((2, 2, 5), 2.0, dtype=torch.float64))
    left, right = torch.tensor(0.2).cos(), torch.tensor(0.2).sin()
    expected = 2 * torch.tensor([[left * left, left * right], [left * right, right * right]])
    torch.testing.assert_close(
        covariances[0, 0, :, :, 3].real, expected.double(), rtol=1e-5, atol=1e-6
    )


def test_true_models_of_two_panned_sources_separate_them():
    images = panned(sources=2)
    powers, covariances = gaussian_model(images)
    estimates = apply_filters(powers, covariances, images.sum(1), regularisation=1e-12)
    torch.testing.assert_close(estimates, images, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_systems_are_solved(channels):
    matrices = complex_noise(2, channels, channels, 4, 5, seed=3)
    vectors = complex_noise(2, channels, 4, 5, seed=4)
    back = torch.einsum("bcdft,bdft->bcft", matrices, solve(matrices, vectors))
    torch.testing.assert_close(back, vectors)


@pytest.mark.parametrize("channels", [1, 2])
def test_silence_stays_silent(channels):
    mixture = torch.zeros(1, channels, 3, 4, dtype=torch.complex128)
    estimates = wiener(torch.zeros(1, 2, channels, 3, 4), mixture, 2)
    assert not estimates.any()


def test_items_of_a_batch_do_not_touch_each_other():
    mixture = complex_noise(2, 2, 3, 9)
    mixture[1] *= 1000  # would scale the other down as well
    magnitudes = noise(2, 2, 2, 3, 9, seed=2).abs()
    both = wiener(magnitudes, mixture)
    torch.testing.assert_close(both[:1], wiener(magnitudes[:1], mixture[:1]))


def test_single_precision_gives_what_double_gives_even_for_twin_channels():
    mono = complex_noise(1, 1, 8, 30)
    mixture = 10 * torch.cat((mono, mono * (1 + 1e-5)), dim=1)
    magnitudes = noise(1, 2, 1, 8, 30, seed=2).abs().expand(1, 2, 2, 8, 30)
    single = mixture.to(torch.complex64)
    estimates = wiener(magnitudes.float(), single)
    assert estimates.dtype == torch.complex64
    exact = wiener(magnitudes.float().double(), single.to(torch.complex128))
    torch.testing.assert_close(estimates, exact.to(torch.complex64), rtol=1e-5, atol=1e-5)


def test_other_first_estimates_are_refused():
    with pytest.raises(ValueError, match=r"'mean'.*'mask' or 'phase'"):
        wiener(torch.ones(1, 1, 1, 2, 2), complex_noise(1, 1, 2, 2), initial="mean")
