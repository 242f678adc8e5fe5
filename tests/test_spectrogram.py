import numpy as np
import pytest
import torch
from scipy.signal import get_window

from mssbench.models.spectrogram import spectrogram, waveform


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("n_fft", "hop"), [(64, 16), (64, 32), (1024, 256), (2048, 1024)])
@pytest.mark.parametrize("samples", [4096, 5001])
def test_waves_are_those_of_their_spectrogram(n_fft, hop, samples):
    waves = noise(2, 3, samples)
    spectra = spectrogram(waves, n_fft, hop)
    assert spectra.shape == (2, 3, n_fft // 2 + 1, 1 + -(-samples // hop))
    torch.testing.assert_close(waveform(spectra, n_fft, hop, samples), waves)


@pytest.mark.parametrize(("n_fft", "hop"), [(2048, 1024), (1024, 768)])
def test_masked_spectra_stay_bounded_to_the_last_sample(n_fft, hop):
    waves = noise(20 * hop + hop - 1)
    spectra = spectrogram(waves, n_fft, hop)
    mask = torch.rand(spectra.shape, generator=torch.Generator().manual_seed(1))
    assert waveform(mask * spectra, n_fft, hop, len(waves)).abs().max() < 10 * waves.abs().max()


def test_a_frame_is_the_windows_transform_around_its_centre():
    wave = noise(1000)
    spectra = spectrogram(wave, 128, 32)
    frame = wave[10 * 32 - 64 : 10 * 32 + 64].numpy() * get_window("hann", 128)
    np.testing.assert_allclose(spectra[:, 10].numpy(), np.fft.rfft(frame), atol=1e-12)


def test_frames_of_an_excerpt_are_those_of_the_song():
    wave = noise(4096)
    song, excerpt = spectrogram(wave, 256, 64), spectrogram(wave[1024:3072], 256, 64)
    torch.testing.assert_close(excerpt[:, 2:-2], song[:, 16 + 2 : 16 + 31])


def test_another_window_is_inverted_too():
    wave = noise(2048)
    window = torch.from_numpy(get_window("blackmanharris", 256))
    spectra = spectrogram(wave, 256, 64, window)
    torch.testing.assert_close(waveform(spectra, 256, 64, 2048, window), wave)
