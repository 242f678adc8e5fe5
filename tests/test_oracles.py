"""The bounds of a table: the mixture and what can be made from the true sources."""

import numpy as np
import pytest
from scipy.signal import istft, stft

from mssbench.data.songs import STEMS
from mssbench.errors import UserError
from mssbench.models.base import Untrained
from mssbench.models.oracles import inverse, wiener_images
from mssbench.models.registry import build, parameter_count
from mssbench.models.targets import members

SOURCES = STEMS[1:]
ORACLES = ["ideal_ratio_mask", "ideal_binary_mask", "multichannel_wiener"]
FIVE = (*SOURCES, "accompaniment")


def sparse_song(channels=1, samples=22050):
    """Sources of a few tones each, which seldom meet in frequency, plus a little noise."""
    rng = np.random.default_rng(0)
    time = np.arange(samples) / 22050
    sources = []
    for _ in SOURCES:
        tones = rng.uniform(100, 8000, size=(channels, 6, 1))
        sources.append(np.sin(2 * np.pi * tones * time).mean(axis=1))
    return song(np.stack(sources) + 1e-3 * rng.standard_normal((4, channels, samples)))


def disjoint_song(samples=22050):
    """Sources in bands of their own, at places of their own in the panorama."""
    time = np.arange(samples) / 22050
    fade = np.hanning(samples)
    waves = [fade * np.sin(2 * np.pi * tone * time) for tone in (500, 1700, 3300, 6100)]
    angles = np.radians([10, 30, 60, 75])
    return song(
        [np.outer((np.cos(a), np.sin(a)), wave) for a, wave in zip(angles, waves, strict=True)]
    )


def song(sources):
    sources = np.asarray(sources)
    return np.concatenate([sources.sum(axis=0, keepdims=True), sources]).astype(np.float32)


def split(stems):
    return stems[0], dict(zip(SOURCES, stems[1:], strict=True))


def sdr(reference, estimate):
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2))


def mean_sdr(stems, name, **params):
    estimates = build(name, {"targets": list(SOURCES), **params}).separate(*split(stems))
    return np.mean([sdr(stems[1 + j], estimates[source]) for j, source in enumerate(SOURCES)])


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


def test_a_divided_mixture_gives_each_source_an_equal_share(stems):
    estimates = build("mixture", {"targets": list(FIVE), "J": 4}).separate(*split(stems))
    for source in SOURCES:
        np.testing.assert_allclose(estimates[source], stems[0] / 4, rtol=1e-6)
    np.testing.assert_allclose(estimates["accompaniment"], stems[0] * 3 / 4, rtol=1e-6)


def test_a_mixture_of_four_sources_is_its_accompaniment_too(stems):
    mixture, sources = split(stems)
    estimates = build("mixture", {"targets": ["vocals", "drums"]}).separate(mixture, sources)
    assert set(estimates) == {"vocals", "drums", "accompaniment"}
    assert np.array_equal(estimates["accompaniment"], mixture)
    assert set(build("mixture", {"targets": ["drums"]}).separate(mixture, sources)) == {"drums"}


def test_a_mixture_is_not_divided_among_one():
    with pytest.raises(UserError, match="J is 1; it must be at least 2"):
        build("mixture", {"J": 1})


@pytest.mark.parametrize("name", ORACLES)
def test_oracles_are_told_the_sources_and_estimate_the_targets_asked_for(name, stems):
    model = build(name, {"targets": list(FIVE)})
    assert model.needs_sources
    estimates = model.separate(*split(stems))
    assert tuple(estimates) == model.targets == FIVE
    assert all(e.shape == stems[0].shape and e.dtype == np.float32 for e in estimates.values())
    others = sum(estimates[source] for source in SOURCES if source != "vocals")
    np.testing.assert_allclose(estimates["accompaniment"], others, atol=1e-5)


def test_the_ratio_mask_estimates_the_pair_unless_told_otherwise():
    assert build("ideal_ratio_mask", {}).targets == ("vocals", "accompaniment")
    for name in ORACLES[1:]:
        assert set(build(name, {}).targets) == set(FIVE)


def test_a_target_that_is_no_source_is_named_with_those_there_are(stems):
    with pytest.raises(UserError, match=r"no source 'guitar'; it has drums, bass, other, vocals"):
        build("ideal_ratio_mask", {"targets": ["guitar"]}).separate(*split(stems))
    assert members("accompaniment", SOURCES) == ["drums", "bass", "other"]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("ideal_ratio_mask", {"exponent": 1.0}),
        ("ideal_ratio_mask", {"exponent": 2.0}),
        ("multichannel_wiener", {}),
    ],
)
def test_soft_estimates_sum_to_the_mixture(name, params, stems):
    estimates = build(name, {**params, "targets": list(SOURCES)}).separate(*split(stems))
    np.testing.assert_allclose(sum(estimates.values()), stems[0], atol=1e-4)


@pytest.mark.parametrize("name", ORACLES)
def test_disjoint_sources_come_out_as_they_are(name):
    stems = disjoint_song()
    estimates = build(name, {"targets": list(SOURCES)}).separate(*split(stems))
    for source, truth in split(stems)[1].items():
        assert sdr(truth, estimates[source]) > 40


def test_a_ratio_of_powers_beats_a_binary_mask_and_that_the_mixture(stems):
    mixture = mean_sdr(stems, "mixture", J=4)
    binary = mean_sdr(stems, "ideal_binary_mask", exponent=2.0)
    ratio = mean_sdr(stems, "ideal_ratio_mask", exponent=2.0)
    assert mixture + 5 < binary < ratio


def test_ideal_ratio_mask_shares_equal_bins_by_the_exponents_power():
    # Four copies of one wave with gains 1, 1, 1, 3: the shares are the same in every bin.
    wave = np.random.default_rng(1).standard_normal(8192)
    stems = song(np.array([1, 1, 1, 3])[:, None, None] * wave)
    for exponent, vocals, others in [(1, 3 / 6, 3 / 6), (2, 9 / 12, 3 / 12)]:
        estimates = build("ideal_ratio_mask", {"exponent": exponent}).separate(*split(stems))
        np.testing.assert_allclose(estimates["vocals"], vocals * stems[0], atol=1e-4)
        np.testing.assert_allclose(estimates["accompaniment"], others * stems[0], atol=1e-4)


@pytest.mark.parametrize(("exponent", "kept"), [(1.0, True), (2.0, False)])
def test_a_binary_mask_keeps_bins_where_the_source_is_theta_of_the_mixture(exponent, kept):
    # The vocals are 3 of 5 in magnitude, 9 of 25 in power.
    wave = np.random.default_rng(1).standard_normal(8192)
    stems = song(np.array([1, 1, 0, 3])[:, None, None] * wave)
    estimates = build("ideal_binary_mask", {"exponent": exponent}).separate(*split(stems))
    np.testing.assert_allclose(estimates["vocals"], kept * stems[0], atol=1e-4)
    np.testing.assert_allclose(estimates["drums"], 0 * stems[0], atol=1e-4)
    lenient = build("ideal_binary_mask", {"exponent": exponent, "theta": 0.3})
    np.testing.assert_allclose(lenient.separate(*split(stems))["vocals"], stems[0], atol=1e-4)


@pytest.mark.parametrize("name", ORACLES[:2])
def test_masks_take_each_channel_alone(name):
    stereo = sparse_song(2)
    model = build(name, {})
    together = model.separate(*split(stereo))["vocals"]
    apart = [model.separate(*split(stereo[:, [c]]))["vocals"][0] for c in range(2)]
    np.testing.assert_array_equal(together, np.stack(apart))


@pytest.mark.parametrize("name", ORACLES)
def test_estimates_of_silent_sources_are_silent(name):
    stems = np.zeros((5, 1, 5000), np.float32)
    stems[0] = 0.1
    for estimate in build(name, {}).separate(*split(stems)).values():
        np.testing.assert_allclose(estimate, np.zeros((1, 5000)), atol=1e-6)


def test_the_wiener_filter_of_one_channel_is_the_ratio_mask_of_powers():
    stems = sparse_song(1)
    wiener = build("multichannel_wiener", {}).separate(*split(stems))
    ratio = build("ideal_ratio_mask", {"targets": list(FIVE)}).separate(*split(stems))
    for target in FIVE:
        np.testing.assert_allclose(wiener[target], ratio[target], atol=1e-4)


def test_the_wiener_filter_parts_places_that_no_mask_can_part():
    # Two noises in every bin, hard left and hard right, and a third one that is absent.
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((2, 2000)) + 1j * rng.standard_normal((2, 2000))
    gains = np.array([[1, 0.2], [0.2, 1], [0, 0]])
    Y = gains[:, :, None] * np.concatenate((noise, noise[:1]))[:, None]
    estimates = wiener_images(Y.sum(axis=0), Y)
    for j in range(2):
        assert sdr(np.abs(Y[j]), np.abs(estimates[j])) > 30
        assert np.linalg.norm(Y[j] - estimates[j]) < 0.03 * np.linalg.norm(Y[j])
    assert not estimates[2].any()


def test_the_wiener_filter_does_not_care_for_a_turned_panorama():
    # A rotation of the channels turns mixture and estimates alike: only then are they joint.
    rng = np.random.default_rng(1)
    Y = rng.standard_normal((3, 2, 500)) + 1j * rng.standard_normal((3, 2, 500))
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    turned = wiener_images(turn @ Y.sum(axis=0), turn @ Y)
    # The first guess of the power, a mean over channels, is the same in both.
    np.testing.assert_allclose(turned, turn @ wiener_images(Y.sum(axis=0), Y), atol=1e-9)


@pytest.mark.parametrize("channels", [1, 2])
def test_inverses_are_those_of_linear_algebra(channels):
    matrices = np.random.default_rng(0).standard_normal((7, channels, channels)) + 2 * np.eye(
        channels
    )
    np.testing.assert_allclose(inverse(matrices), np.linalg.inv(matrices), rtol=1e-9)
    assert not inverse(np.zeros((3, channels, channels))).any()


def test_the_transform_is_scipys_with_half_overlap():
    wave = np.random.default_rng(0).standard_normal(9000).astype(np.float32)
    stems = song([wave[None] * gain for gain in (0, 0, 1, 1)])
    X = stft(wave, nperseg=512)[-1]
    half = np.float32(0.5) * istft(2 * X, nperseg=512)[1][:9000]
    estimate = build("ideal_ratio_mask", {"window": 512}).separate(*split(stems))["vocals"][0]
    np.testing.assert_allclose(estimate, half, atol=1e-5)


def test_baselines_have_no_parameters_to_train():
    for name in ("mixture", *ORACLES):
        assert parameter_count(build(name, {})) == 0
