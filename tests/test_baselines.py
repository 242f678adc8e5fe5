"""The untrained references: the mixture and the ideal ratio mask."""

import numpy as np
import pytest

from mssbench.data.songs import STEMS
from mssbench.models.base import Untrained
from mssbench.models.registry import build, parameter_count


def sparse_song(channels=1, samples=22050):
    """Sources of a few tones each, which seldom meet in frequency, plus a little noise."""
    rng = np.random.default_rng(0)
    time = np.arange(samples) / 22050
    sources = []
    for _ in STEMS[1:]:
        tones = rng.uniform(100, 8000, size=(channels, 6, 1))
        sources.append(np.sin(2 * np.pi * tones * time).mean(axis=1))
    sources = np.stack(sources) + 1e-3 * rng.standard_normal((4, channels, samples))
    return np.concatenate([sources.sum(axis=0, keepdims=True), sources]).astype(np.float32)


def split(stems):
    return stems[0], dict(zip(STEMS[1:], stems[1:], strict=True))


def sdr(reference, estimate):
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2))


@pytest.fixture(params=[1, 2], ids=["mono", "stereo"])
def stems(request):
    return sparse_song(request.param)


def test_mixture_is_the_estimate_of_every_target(stems):
    model = build("mixture", {})
    assert isinstance(model, Untrained)
    estimates = model.separate(*split(stems))
    assert set(estimates) == set(model.targets) == {"vocals", "accompaniment"}
    for estimate in estimates.values():
        assert estimate.dtype == np.float32
        np.testing.assert_array_equal(estimate, stems[0])


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_ideal_ratio_mask_estimates_sum_to_the_mixture(stems, exponent):
    model = build("ideal_ratio_mask", {"exponent": exponent})
    estimates = model.separate(*split(stems))
    assert tuple(estimates) == model.targets
    assert all(e.shape == stems[0].shape and e.dtype == np.float32 for e in estimates.values())
    np.testing.assert_allclose(sum(estimates.values()), stems[0], atol=1e-5)


def test_ideal_ratio_mask_separates_sparse_sources(stems):
    vocals = stems[STEMS.index("vocals")]
    estimates = build("ideal_ratio_mask", {}).separate(
        stems[0], dict(zip(STEMS[1:], stems[1:], strict=True))
    )
    assert sdr(vocals, stems[0]) < 0
    assert sdr(vocals, estimates["vocals"]) > 8
    assert sdr(stems[0] - vocals, estimates["accompaniment"]) > 8


def test_ideal_ratio_mask_shares_equal_bins_by_the_exponents_power():
    # Four copies of one wave with gains 3, 1, 1, 1: the shares are the same in every bin.
    wave = np.random.default_rng(1).standard_normal(8192)
    gains = np.array([1, 1, 1, 3])
    sources = gains[:, None, None] * wave
    stems = np.concatenate([sources.sum(axis=0, keepdims=True), sources]).astype(np.float32)
    for exponent, share in [(1, 3 / 6), (2, 9 / 12)]:
        estimates = build("ideal_ratio_mask", {"exponent": exponent}).separate(
            stems[0], dict(zip(STEMS[1:], stems[1:], strict=True))
        )
        np.testing.assert_allclose(estimates["vocals"], share * stems[0], atol=1e-4)
        np.testing.assert_allclose(estimates["accompaniment"], (1 - share) * stems[0], atol=1e-4)


def test_ideal_ratio_mask_takes_each_channel_alone():
    stereo = sparse_song(2)
    model = build("ideal_ratio_mask", {})
    together = model.separate(*split(stereo))["vocals"]
    apart = [model.separate(*split(stereo[:, [c]]))["vocals"][0] for c in range(2)]
    np.testing.assert_array_equal(together, np.stack(apart))


def test_ideal_ratio_mask_of_silent_sources_is_silent():
    stems = np.zeros((5, 1, 5000), np.float32)
    stems[0] = 0.1
    for estimate in build("ideal_ratio_mask", {}).separate(*split(stems)).values():
        np.testing.assert_array_equal(estimate, np.zeros((1, 5000)))


def test_baselines_have_no_parameters_to_train():
    assert parameter_count(build("mixture", {})) == 0
    assert parameter_count(build("ideal_ratio_mask", {})) == 0
