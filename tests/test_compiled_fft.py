import numpy as np
import pytest
from numba.core import caching

from mssbench.scoring.compiled_fft import HALF, SIZE, compiled, forward, inverse


def spectrum_of(samples):
    spectrum = np.empty(2 * HALF)
    forward(samples, spectrum, np.empty(2 * HALF))
    return spectrum


def complex_of(spectrum):
    """Return the spectrum as NumPy has it."""
    inner = spectrum[1:HALF] + 1j * spectrum[HALF + 1 :]
    return np.array([spectrum[0], *inner, spectrum[HALF]])


@pytest.mark.parametrize("length", [0, 1, 2, 511, 2048, 2049, SIZE - 1, SIZE])
def test_forward_is_the_real_fft_of_padded_samples(length):
    samples = np.random.default_rng(length).standard_normal(length)
    expected = np.fft.rfft(np.pad(samples, (0, SIZE - length)))
    # Rounding grows by a few units of the largest number.
    np.testing.assert_allclose(complex_of(spectrum_of(samples)), expected, rtol=0, atol=3e-13)


@pytest.mark.parametrize("kept", [2, 512, SIZE])
def test_inverse_gives_the_samples_back(kept):
    samples = np.random.default_rng(0).standard_normal(SIZE)
    found = np.empty(kept)
    inverse(spectrum_of(samples), found, np.empty((2, 2 * HALF)))
    np.testing.assert_allclose(found, samples[:kept], rtol=0, atol=1e-14)


def test_transform_is_linear_to_the_last_digits_of_a_loud_signal():
    generator = np.random.default_rng(1)
    loud, quiet = 1e6 * generator.standard_normal(SIZE), generator.standard_normal(SIZE)
    difference = spectrum_of(loud + quiet) - spectrum_of(loud)
    np.testing.assert_allclose(difference, spectrum_of(quiet), rtol=0, atol=1e-7)


def test_code_that_cannot_be_kept_is_compiled_all_the_same(monkeypatch):
    # As where neither the package's folder nor the user's can be written to.
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])

    def twice(number):
        return 2 * number

    made = compiled(twice)
    assert made(4) == 8
    assert not made.stats.cache_path
