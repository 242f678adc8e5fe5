"""ADRess: sources panned by level alone come out of the gain that cancels them."""

import numpy as np
import pytest
import torch
from in_turn import in_turn

from mssbench.errors import UserError
from mssbench.models.panorama import pan_delay_image
from mssbench.models.registry import build
from mssbench.models.spectrogram import spectrogram

RATE = 16000


def images(samples=2 * RATE):
    """Return four sources in bands of their own, hard left to right (sources, 2, samples)."""
    time = np.arange(samples) / RATE
    fade = np.hanning(samples)
    angles = (0.0, np.arctan(0.6), np.pi / 4, np.pi / 2 - np.arctan(0.5))
    return np.stack(
        [
            pan_delay_image(fade * np.sin(2 * np.pi * tone * time), angle)
            for tone, angle in zip((500, 1500, 3000, 5500), angles, strict=True)
        ]
    )


AZIMUTHS = (-100.0, -40.0, 0.0, 50.0)


def sdr(reference, estimate):
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2))


def spectra(waves):
    return spectrogram(torch.from_numpy(waves), 1024, 256).numpy()


@pytest.mark.parametrize("azimuths", [None, AZIMUTHS], ids=["found", "given"])
def test_disjoint_sources_are_recovered(azimuths):
    truth = images()
    model = build("adress", {"magnitude": "dominant", "azimuths": azimuths})
    found = model.objects(truth.sum(axis=0))
    assert found.shape == truth.shape
    assert min(max(sdr(image, estimate) for estimate in found) for image in truth) > 30


@pytest.mark.parametrize("azimuths", [None, AZIMUTHS], ids=["found", "given"])
def test_sources_that_sound_in_turn_are_recovered_exactly(azimuths):
    truth = in_turn(images())
    model = build("adress", {"magnitude": "dominant", "azimuths": azimuths})
    found = model.objects(truth.sum(axis=0))
    assert min(max(sdr(image, estimate) for estimate in found) for image in truth) > 100


def test_peaks_lie_at_the_sources_azimuths():
    model = build("adress", {})
    place, resynthesis = model.resynthesis(spectra(images().sum(axis=0)))
    assert sorted(model.peaks(place, np.abs(resynthesis).max(axis=0))) == list(AZIMUTHS)


def test_the_published_magnitude_is_too_small_half_way_to_a_side():
    # A gain of g leaves max(g, 1 - g) of the stronger channel.
    truth = images()
    found = build("adress", {"azimuths": AZIMUTHS}).objects(truth.sum(axis=0))
    for estimate, image, share in zip(found, truth, (1.0, 0.6, 1.0, 0.5), strict=True):
        assert sdr(share * image, estimate) > 30


def test_azimuths_and_magnitudes_are_those_of_the_planes_over_all_gains():
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((2, 40, 9)) + 1j * rng.standard_normal((2, 40, 9))).astype(
        np.complex64
    )
    beta = 20
    place, resynthesis = build("adress", {"beta": beta}).resynthesis(X)
    gains = np.arange(beta + 1) / beta
    strong, weak = np.where(np.abs(X[0]) > np.abs(X[1]), X, X[::-1])
    plane = np.abs(weak[..., None] - gains * strong[..., None])
    side = np.where(np.abs(X[0]) > np.abs(X[1]), -1, 1)
    np.testing.assert_array_equal(place, side * (beta - plane.argmin(axis=-1)))
    np.testing.assert_allclose(
        np.abs(resynthesis).max(axis=0), plane.max(axis=-1) - plane.min(axis=-1), atol=1e-5
    )


def test_a_source_of_one_side_leaves_nothing_in_the_middle():
    left = images()[1]
    middle = build("adress", {"azimuths": [0.0], "H": 20}).objects(left)
    assert np.sum(middle**2) < 1e-6 * np.sum(left**2)


def test_bins_outside_every_object_are_left_out():
    truth = images()
    model = build("adress", {"azimuths": [0.0], "magnitude": "dominant"})
    found = model.objects(truth.sum(axis=0))
    assert found.shape[0] == 1
    assert sdr(truth[2], found[0]) > 30


def test_silence_holds_no_object():
    silent = np.zeros((2, 6000), np.float32)
    assert not build("adress", {}).separate(silent, {})["vocals"].any()


def test_an_azimuth_beyond_the_side_is_refused():
    with pytest.raises(UserError, match="azimuths has 120; it must be from -100 to 100"):
        build("adress", {"azimuths": [0, 120]})
