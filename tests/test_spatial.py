"""What the spatial methods share: images at places of the panorama, and names for objects."""

import math

import numpy as np
import pytest
import torch

from mssbench.errors import UserError
from mssbench.models.panorama import pan_delay_image, places, projections, steering
from mssbench.models.peaks import highest_peaks
from mssbench.models.registry import MODELS, build
from mssbench.models.spatial import Spatial, best_owners, most_central

SPATIAL = ["adress", "duet", "ica", "projet"]
SOURCES = ("drums", "bass", "other", "vocals")


class Found(Spatial):
    """A method that has already found its objects."""

    def __init__(self, objects, targets=("vocals", "accompaniment"), labels="centre"):
        super().__init__(targets, labels)
        self.found = np.asarray(objects, np.float32)

    def objects(self, mixture):
        return self.found


def noises(count, samples=500):
    """Return the images of noises, evenly from left to right (count, 2, samples)."""
    waves = np.random.default_rng(0).standard_normal((count, samples))
    angles = np.linspace(0.1, np.pi / 2 - 0.1, count)
    return np.stack([pan_delay_image(w, a) for w, a in zip(waves, angles, strict=True)])


def named(images):
    return dict(zip(SOURCES, images, strict=True))


@pytest.mark.parametrize("name", SPATIAL)
def test_spatial_methods_need_stereo_and_the_truth_only_for_its_labels(name):
    model = build(name, {})
    assert name in MODELS
    assert model.targets == ("vocals", "accompaniment")
    assert not model.needs_sources
    assert build(name, {"labels": "truth"}).needs_sources
    with pytest.raises(UserError, match=r"the mixture has 1 channels.*stereo"):
        model.separate(np.zeros((1, 100), np.float32), {})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SPATIAL)
def test_a_mixture_that_cannot_be_written_to_is_separated_and_left_alone(name):
    mixture = noises(2, 3000).sum(axis=0)
    before = mixture.copy()
    mixture.flags.writeable = False
    quick = {"iterations": 2, "restarts": 1, "n_fft": 256, "hop": 64} if name == "projet" else {}
    estimates = build(name, quick).separate(mixture, {})
    np.testing.assert_array_equal(mixture, before)
    for estimate in estimates.values():
        assert estimate.shape == mixture.shape
        assert estimate.dtype == np.float32


def test_the_centre_can_name_nothing_but_vocals_and_accompaniment():
    with pytest.raises(UserError, match=r"targets has bass, drums;.*labels: truth"):
        build("ica", {"targets": ["vocals", "bass", "drums"]})


def test_the_object_in_the_middle_is_the_vocals_and_the_rest_the_accompaniment():
    images = noises(5)
    estimates = Found(images).separate(images.sum(axis=0), {})
    np.testing.assert_array_equal(estimates["vocals"], images[2])
    np.testing.assert_allclose(estimates["accompaniment"], images[[0, 1, 3, 4]].sum(0), atol=1e-5)


def test_what_is_spread_wide_or_silent_is_not_in_the_middle():
    wide = np.random.default_rng(1).standard_normal((2, 500))
    panned = pan_delay_image(wide[0], math.radians(30))
    assert most_central(np.stack((np.zeros((2, 500)), wide, panned))) == 2


def test_true_labels_undo_any_order():
    images = noises(4)
    shuffled = images[[2, 0, 3, 1]] + 0.1 * np.random.default_rng(2).standard_normal((4, 2, 500))
    model = Found(shuffled, (*SOURCES, "accompaniment"), "truth")
    estimates = model.separate(images.sum(axis=0), named(images))
    assert tuple(estimates) == (*SOURCES, "accompaniment")
    for target, j in zip(SOURCES, (1, 3, 0, 2), strict=True):
        np.testing.assert_allclose(estimates[target], shuffled[j], atol=1e-6)
    np.testing.assert_allclose(
        estimates["accompaniment"], shuffled[[0, 1, 3]].sum(axis=0), atol=1e-5
    )


def test_the_pair_needs_no_object_for_each_source():
    images = noises(4)
    two = np.stack((images[3], images[:3].sum(axis=0)))
    estimates = Found(two, labels="truth").separate(images.sum(axis=0), named(images))
    np.testing.assert_array_equal(estimates["vocals"], two[0])
    np.testing.assert_array_equal(estimates["accompaniment"], two[1])


def test_objects_left_over_join_what_they_fit_best():
    images = noises(2)
    pieces = np.stack((0.2 * images[0], images[1], 0.3 * images[0], 0.5 * images[0]))
    assert best_owners(pieces, {"a": images[0], "b": images[1]}) == ["a", "b", "a", "a"]


def test_objects_are_paired_for_the_greatest_mean_sdr():
    # Both fit the first part best; the second one has to do with the less bad object.
    images = noises(2)
    objects = np.stack((0.8 * images[0] + 0.5 * images[1], images[0]))
    assert best_owners(objects, {"a": images[0], "b": images[1]}) == ["b", "a"]


def test_a_target_that_no_object_is_left_for_gets_the_one_most_like_it():
    images = noises(4)
    two = np.stack((images[0] + 0.5 * images[1], images[2] + 0.5 * images[3]))
    model = Found(two, SOURCES, "truth")
    estimates = model.separate(images.sum(axis=0), named(images))
    for target, j in zip(SOURCES, (0, 0, 1, 1), strict=True):
        np.testing.assert_array_equal(estimates[target], two[j])


def test_a_target_is_silent_where_it_is_so_itself_or_nothing_was_found():
    images = noises(4)
    images[3] = 0
    model = Found(images[:1], SOURCES, "truth")
    assert not model.separate(images.sum(axis=0), named(images))["vocals"].any()
    model = Found(images[:0], SOURCES, "truth")
    assert not any(made.any() for made in model.separate(images[0], named(images)).values())
    assert not Found(images[:0]).separate(images[0], {})["vocals"].any()


def test_no_object_is_in_a_sum_twice():
    images = noises(4)
    model = Found(images.sum(axis=0)[None], (*SOURCES, "accompaniment"), "truth")
    estimates = model.separate(images.sum(axis=0), named(images))
    for estimate in estimates.values():
        np.testing.assert_allclose(estimate, images.sum(axis=0), atol=1e-6)


def test_a_true_label_that_is_no_source_is_named():
    images = noises(4)
    with pytest.raises(UserError, match="no source 'guitar'"):
        Found(images, ("vocals", "guitar"), "truth").separate(images.sum(0), named(images))


def test_an_image_keeps_the_power_and_turns_with_the_angle():
    wave = np.random.default_rng(0).standard_normal(300)
    for degrees, gains in [(0, (1, 0)), (30, (3**0.5 / 2, 0.5)), (90, (0, 1))]:
        image = pan_delay_image(wave, math.radians(degrees))
        assert image.dtype == np.float32
        np.testing.assert_allclose(image, np.outer(gains, wave), atol=1e-6)


@pytest.mark.parametrize("delay", [3, -3])
def test_a_whole_delay_shifts_the_right_channel_and_brings_silence(delay):
    wave = np.random.default_rng(0).standard_normal(300)
    left, right = pan_delay_image(wave, math.pi / 4, delay)
    shifted = np.zeros(300)
    if delay > 0:
        shifted[delay:] = left[:-delay]
    else:
        shifted[:delay] = left[-delay:]
    np.testing.assert_allclose(right, shifted, atol=1e-5)


def test_half_a_delay_twice_is_a_whole_one():
    time = np.arange(400)
    wave = np.sin(0.3 * time) * np.hanning(400)
    right = pan_delay_image(wave, math.pi / 2, 0.5)[1]
    np.testing.assert_allclose(
        right[50:-50], (np.sin(0.3 * (time - 0.5)) * np.hanning(400))[50:-50], atol=5e-3
    )


def test_a_grid_of_places_spans_the_panorama_around_no_delay():
    angles, delays = places(5, 3, 2.0)
    assert angles.shape == delays.shape == (15,)
    assert sorted(set(delays.tolist())) == [-2.0, 0.0, 2.0]
    torch.testing.assert_close(
        angles.unique(), torch.linspace(0, math.pi / 2, 5, dtype=torch.float64)
    )


def test_each_projection_silences_its_own_place_only():
    grid = places(5, 3, 1.0)
    through = (projections(*grid, 65) @ steering(*grid, 65).mT).abs()
    own = torch.diagonal(through, dim1=-2, dim2=-1)
    assert own.max() < 1e-12
    others = through[20] + torch.eye(15)
    # Without a left or a right channel a place has no delay.
    sides = (grid[0] == 0) | (grid[0] == math.pi / 2)
    assert others[~sides][:, ~sides].min() > 0.01


def test_steering_is_the_spectrum_of_a_pan_delay_image():
    wave = np.zeros(64)
    wave[10] = 1
    spectrum = np.fft.rfft(pan_delay_image(wave, 0.5, 2.0)) / np.fft.rfft(wave)
    place = torch.tensor([[0.5], [2.0]], dtype=torch.float64)
    theta = steering(*place, 33)[:, 0].numpy()
    np.testing.assert_allclose(theta.T, spectrum, atol=1e-6)


def test_peaks_come_highest_first_and_apart():
    histogram = np.zeros((20, 20))
    histogram[4, 4], histogram[5, 6], histogram[15, 4], histogram[4, 10] = 9, 8, 5, 7
    assert highest_peaks(histogram, 3, 5) == [(4, 4), (4, 10), (15, 4)]
    assert highest_peaks(histogram, 9, 1) == [(4, 4), (5, 6), (4, 10), (15, 4)]
    assert highest_peaks(np.zeros(5), 3, 1) == []
