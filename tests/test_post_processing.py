"""What is done to estimates behind the model, by property."""

import numpy as np
import pytest
import torch
from told_estimates import joined, noise, processed

from mssbench.errors import UserError
from mssbench.models.base import Untrained
from mssbench.models.rescaling import least_squares_gains
from mssbench.models.spectrogram import spectrogram, waveform
from mssbench.post_processing.soft_mask import SoftMaskConfig, shares
from mssbench.post_processing.stacks import cut, windows
from mssbench.post_processing.wiener import WienerConfig
from mssbench.separation import SeparationConfig, separate_whole
from mssbench.training.structure import structure

SMALL = {"n_fft": 64, "hop": 16}
MASK, WIENER = SoftMaskConfig(**SMALL), WienerConfig(frames=20, **SMALL)


def sources(samples=5000, channels=2):
    """Return two tones and noise, each from a direction of its own, and their mixture."""
    time = np.arange(samples) / 100
    waves = [np.sin(0.9 * time**1.1), np.sin(5 * time), noise(1, samples, 3)[0]]
    angles = np.linspace(0.2, 1.4, 3)
    gains = np.stack((np.cos(angles), np.sin(angles)), 1)[:, :channels, None]
    images = (gains * np.stack(waves)[:, None]).astype(np.float32)
    return dict(zip(("vocals", "drums", "other"), images, strict=True)), images.sum(0)


def decibels(estimate, source):
    return 10 * np.log10(np.square(source).sum() / np.square(estimate - source).sum())


@pytest.mark.parametrize("post", [{"soft_mask": MASK}, {"wiener": WIENER}, {"shifts": 2}])
@pytest.mark.parametrize("samples", [1, 40, 320, 1000])
def test_estimates_keep_their_length_and_names(post, samples):
    mixture = noise(2, samples)
    estimates = {"vocals": 0.3 * mixture, "drums": noise(2, samples, 1)}
    found = processed(mixture, estimates, **post)
    assert list(found) == ["vocals", "drums", "accompaniment"]
    for wave in found.values():
        assert wave.shape == mixture.shape
        assert wave.dtype == np.float32
        assert np.isfinite(wave).all()


@pytest.mark.parametrize(
    "post",
    [
        {"soft_mask": MASK},
        {"soft_mask": SoftMaskConfig(4.0, **SMALL)},
        {"wiener": WIENER},
        {"rescale": "least_squares"},
        {"rescale": "least_squares", "soft_mask": MASK, "wiener": WIENER},
    ],
)
@pytest.mark.parametrize("samples", [50, 320, 2000])
def test_a_perfect_estimate_of_the_only_source_stays_perfect(post, samples):
    mixture = noise(2, samples)
    found = processed(mixture, {"vocals": mixture, "accompaniment": 0 * mixture}, **post)
    np.testing.assert_allclose(found["vocals"], mixture, atol=2e-4)
    np.testing.assert_allclose(found["accompaniment"], 0 * mixture, atol=2e-4)


@pytest.mark.parametrize("post", [{"soft_mask": MASK}, {"wiener": WIENER}])
def test_estimates_of_all_sources_add_up_to_the_mixture(post):
    mixture = noise(2, 3000)
    estimates = {name: noise(2, 3000, seed) for seed, name in enumerate(("vocals", "bass"), 1)}
    found = processed(mixture, estimates, **post)
    np.testing.assert_allclose(found["vocals"] + found["bass"], mixture, atol=1e-3)
    np.testing.assert_allclose(found["vocals"] + found["accompaniment"], mixture, atol=1e-6)


def test_with_a_residual_estimates_need_not_add_up():
    given, mixture = sources()
    given.pop("other")
    config = SoftMaskConfig(**SMALL, residual=True)
    found = processed(mixture, given, soft_mask=config)
    rest = mixture - found["vocals"] - found["drums"]
    whole = processed(mixture, sources()[0], soft_mask=MASK)
    np.testing.assert_allclose(rest, whole["other"], atol=1e-3)


def test_a_single_estimate_is_masked_against_what_it_lacks():
    given, mixture = sources()
    found = processed(mixture, {"vocals": given["vocals"]}, soft_mask=MASK)
    both = {"vocals": given["vocals"], "accompaniment": mixture - given["vocals"]}
    expected = processed(mixture, both, soft_mask=MASK)
    np.testing.assert_allclose(found["vocals"], expected["vocals"], atol=1e-5)


def test_pieces_of_a_masked_song_are_those_of_the_whole():
    given, mixture = sources(40_000)
    found = processed(mixture, given, soft_mask=SoftMaskConfig(2.0, **SMALL))
    spectra = spectrogram(torch.from_numpy(np.stack(list(given.values()))), 64, 16)
    masks = shares(spectra.abs(), 2.0)
    whole = waveform(masks * spectrogram(torch.from_numpy(mixture), 64, 16), 64, 16, 40_000)
    # At the beginning, frames before the first sample have their say in a piece.
    for wave, expected in zip(found.values(), whole.numpy(), strict=False):
        np.testing.assert_allclose(wave[:, 32:-32], expected[:, 32:-32], atol=1e-4)


def test_shares_become_binary_as_the_exponent_grows_and_silence_is_shared_equally():
    magnitudes = torch.tensor([[1.0, 3.0, 0.0], [3.0, 1.0, 0.0]])
    torch.testing.assert_close(shares(magnitudes, 1)[0], torch.tensor([0.25, 0.75, 0.5]))
    torch.testing.assert_close(shares(magnitudes, 200)[0], torch.tensor([0.0, 1.0, 0.5]))
    quiet, loud = (shares(level * magnitudes[:, :2], 3) for level in (1e-30, 1e30))
    torch.testing.assert_close(quiet, loud)


def test_the_wiener_filter_gives_true_sources_back():
    given, mixture = sources(20_000)
    found = processed(mixture, given, wiener=WienerConfig(frames=200, n_fft=512, hop=128))
    for name, source in given.items():
        assert decibels(found[name], source) > 15, name


def test_the_wiener_filter_improves_noisy_estimates():
    given, mixture = sources(20_000)
    noisy = {name: wave + 0.3 * noise(2, 20_000, 9) for name, wave in given.items()}
    found = processed(mixture, noisy, wiener=WienerConfig(frames=200, n_fft=512, hop=128))
    for name, source in given.items():
        assert decibels(found[name], source) > decibels(noisy[name], source) + 1, name


def test_levels_are_found_for_the_whole_song():
    given, mixture = sources()
    scaled = {
        name: gain * wave for gain, (name, wave) in zip((3, -2, 0.1), given.items(), strict=True)
    }
    found = processed(mixture, scaled, rescale="least_squares")
    for name, source in given.items():
        np.testing.assert_allclose(found[name], source, atol=1e-4)
    stacked = np.stack(list(scaled.values()))
    np.testing.assert_allclose(
        least_squares_gains(mixture, stacked), np.repeat([[1 / 3], [-1 / 2], [10]], 2, 1), rtol=1e-4
    )


def test_an_untrained_method_is_post_processed_too():
    given, mixture = sources()

    class Told(Untrained):
        targets = (*given, "accompaniment")

        def separate(self, mixture, sources):
            return {**given, "accompaniment": 0 * mixture}

    found = joined(separate_whole(Told(), mixture, {}, SeparationConfig(100, 0.0, wiener=WIENER)))
    expected = processed(mixture, given, wiener=WIENER)
    assert set(found) == set(expected)
    for target, wave in expected.items():
        np.testing.assert_allclose(found[target], wave, atol=1e-5)


@pytest.mark.parametrize("length", [1, 7, 64, 200])
def test_a_signal_is_cut_and_windowed_whatever_its_blocks(length):
    signal = noise(1, 150)
    for blocks in ([signal], [signal[:, :1], signal[:, 1:1], signal[:, 1:140], signal[:, 140:]]):
        assert np.array_equal(np.concatenate(list(cut(blocks, length)), 1), signal)
        found = list(windows(blocks, length, 10))
        assert {window.shape[1] for window, _ in found} == {length + 20}
        middles = [window[:, 10 : 10 + middle] for window, middle in found]
        assert np.array_equal(np.concatenate(middles, 1), signal)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shifts": -1}, "separation.shifts is -1; it must be at least 0"),
        (
            {"shifts": 9, "max_shift": 8},
            "separation.shifts is 9; it must be at most separation.max",
        ),
        ({"rescale": "peak"}, "separation.rescale is 'peak'; allowed are least_squares"),
        ({"soft_mask": {"exponent": 0}}, "soft_mask.exponent is 0; it must be above 0"),
        (
            {"soft_mask": {"n_fft": 100, "hop": 30}},
            "soft_mask.n_fft is 100; .* multiple of the hop, 30",
        ),
        ({"wiener": {"iterations": 0}}, "wiener.iterations is 0; it must be at least 1"),
        ({"wiener": {"n_fft": 64, "hop": 64}}, "wiener.n_fft is 64; it must be an even multiple"),
        ({"wiener": {"iteration": 1}}, "unknown key 'separation.wiener.iteration'"),
        ({"threshold": {"energy": "loudness"}}, "threshold.energy is 'loudness'; allowed are mean"),
        ({"threshold": {"targets": {"bass": {"estimate": 1}}}}, "targets.bass.mixture' is missing"),
    ],
)
def test_values_that_cannot_be_are_one_line(given, message):
    with pytest.raises(UserError, match=message) as caught:
        structure(SeparationConfig, {"segment": 100, "overlap": 0.0} | given, "separation")
    assert "\n" not in str(caught.value)
