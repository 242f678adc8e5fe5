"""DUET: sources that share no bin come out of their level and delay between the channels."""

import numpy as np
import pytest
import torch
from in_turn import in_turn

from mssbench.errors import UserError
from mssbench.models.panorama import pan_delay_image
from mssbench.models.registry import build
from mssbench.models.spectrogram import spectrogram

RATE = 16000
ANGLES = np.radians([25, 45, 62])
DELAYS = (-1.0, 0.0, 2.0)


def tones(samples=2 * RATE, seed=0):
    """Return three sources of a few tones each, in bands of their own (sources, samples)."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    fade = np.hanning(samples)
    return np.stack(
        [
            fade
            * sum(np.sin(2 * np.pi * (low + step) * time + rng.uniform(0, 6)) for step in (0, 90))
            for low in (400, 900, 1500)
        ]
    )


def places(delays=DELAYS):
    return np.stack(
        [pan_delay_image(*place) for place in zip(tones(), ANGLES, delays, strict=True)]
    )


def sdr(reference, estimate):
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2))


def spectra(images):
    return spectrogram(torch.from_numpy(images.sum(axis=0)), 1024, 256).numpy()


@pytest.mark.parametrize("delays", [DELAYS, (0.0, 0.0, 0.0)], ids=["delays", "levels"])
@pytest.mark.parametrize("estimate", ["mask", "ml"])
def test_disjoint_sources_are_recovered(delays, estimate):
    images = places(delays)
    found = build("duet", {"J": 3, "estimate": estimate}).objects(images.sum(axis=0))
    assert found.shape == images.shape
    # The place of an ml estimate is the middle of a histogram's bin.
    least = 30 if estimate == "mask" else 18
    assert min(max(sdr(image, estimate) for estimate in found) for image in images) > least


@pytest.mark.parametrize("delays", [DELAYS, (0.0, 0.0, 0.0)], ids=["delays", "levels"])
def test_sources_that_sound_in_turn_are_recovered_exactly(delays):
    images = in_turn(places(delays))
    found = build("duet", {"J": 3}).objects(images.sum(axis=0))
    assert min(max(sdr(image, estimate) for estimate in found) for image in images) > 100


def test_peaks_lie_where_the_sources_are():
    model = build("duet", {"J": 3, "attenuation_bins": 121, "delay_bins": 121})
    found = sorted(model.places(model.histogram(spectra(places()))), key=lambda place: place[1])
    for (level, delay), angle, shift in zip(found, ANGLES, DELAYS, strict=True):
        attenuation = np.tan(angle) - 1 / np.tan(angle)
        assert level - 1 / level == pytest.approx(attenuation, abs=3 / 60)
        assert delay == pytest.approx(shift, abs=3 / 60)


def test_masked_objects_sum_to_the_mixture():
    mixture = places().sum(axis=0) + 1e-2 * np.random.default_rng(0).standard_normal((2, 2 * RATE))
    found = build("duet", {"J": 3}).objects(mixture.astype(np.float32))
    np.testing.assert_allclose(found.sum(axis=0), mixture, atol=1e-5)


def test_a_hard_panned_source_is_no_division_by_nothing():
    left, middle = tones()[:2]
    images = np.stack((pan_delay_image(left, 0.0), pan_delay_image(middle, np.pi / 4)))
    found = build("duet", {"J": 2}).objects(images.sum(axis=0))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=0), images.sum(axis=0), atol=1e-5)


def test_silence_holds_no_object():
    silent = np.zeros((2, 4000), np.float32)
    assert len(build("duet", {}).objects(silent)) == 0
    assert not build("duet", {}).separate(silent, {})["accompaniment"].any()


@pytest.mark.parametrize(("p", "q"), [(1.0, 0.0), (2.0, 0.0), (2.0, 2.0)])
def test_weights_are_powers_of_both_channels_and_of_the_frequency(p, q):
    X = np.zeros((2, 513, 3), np.complex64)
    X[:, 31, 1] = 3, 2j
    X[:, 0] = 1  # of the constant part nothing is counted
    histogram = build("duet", {"p": p, "q": q, "max_delay": 20.0}).histogram(X)
    assert np.count_nonzero(histogram) == 1
    assert histogram.sum() == pytest.approx(6**p * (2 * np.pi * 31 / 1024) ** q, rel=1e-5)


def test_a_range_of_nothing_is_refused():
    with pytest.raises(UserError, match="max_delay is 0; it must be above 0"):
        build("duet", {"max_delay": 0})
