import pytest
import torch

from mssbench.stretching.phase_vocoder import stretch
from mssbench.stretching.pitch import ShiftPitch, pitch_ratio, shift_pitch

RATE = 8000
SEMITONES = [-2, -1, 1, 2, 7]


def sine(pitch, seconds=4, dtype=torch.float64):
    time = torch.arange(int(seconds * RATE), dtype=torch.float64) / RATE
    return torch.sin(2 * torch.pi * pitch * time).to(dtype)


def frequency(signal):
    """Return the frequency (Hz) of a sine, by the turns of its analytic signal."""
    spectrum = torch.fft.fft(signal)
    spectrum[len(signal) // 2 :] = 0
    middle = torch.fft.ifft(spectrum)[len(signal) // 4 : -(len(signal) // 4)]
    turn = (middle[1:] * middle[:-1].conj()).sum().angle()
    return float(turn) * RATE / (2 * torch.pi)


@pytest.mark.parametrize("semitones", range(-12, 13))
def test_the_ratio_is_within_a_cent_of_equal_temperament(semitones):
    found = torch.tensor(float(pitch_ratio(semitones)), dtype=torch.float64).log2() * 1200
    assert abs(float(found) - 100 * semitones) < 1


@pytest.mark.parametrize("semitones", SEMITONES)
@pytest.mark.parametrize("pitch", [220.0, 987.6])
def test_a_sine_moves_by_the_ratio_and_keeps_its_duration_and_level(pitch, semitones):
    signal = sine(pitch)
    made = shift_pitch(signal, semitones)
    assert made.shape == signal.shape
    assert frequency(made) == pytest.approx(pitch * 2 ** (semitones / 12), rel=3e-4)
    middle = slice(len(signal) // 4, -(len(signal) // 4))
    assert float(made[middle].std() / signal[middle].std()) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("factor", [0.75, 1.25])
def test_tempo_and_pitch_change_together(factor):
    made = shift_pitch(sine(440), 2, factor)
    assert len(made) == round(4 * RATE / factor)
    assert frequency(made) == pytest.approx(440 * 2 ** (2 / 12), rel=3e-4)


def test_zero_semitones_change_nothing_but_the_tempo():
    signal = torch.randn(2, 5000, generator=torch.Generator().manual_seed(1))
    assert torch.equal(shift_pitch(signal, 0), signal)
    assert torch.equal(shift_pitch(signal, 0, 1.25), stretch(signal, 1.25))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("samples", [1, 700, 20011])
def test_every_axis_is_shifted_on_its_own_to_the_rounded_length(samples, dtype):
    signal = torch.randn(2, 3, samples, generator=torch.Generator().manual_seed(2)).to(dtype)
    made = shift_pitch(signal, -2, 1.1)
    assert made.shape == (2, 3, round(samples / 1.1))
    assert made.dtype == dtype
    assert made.isfinite().all()
    alone = shift_pitch(signal[1, 2], -2, 1.1)
    assert torch.allclose(made[1, 2], alone, atol=1e-5)


def test_the_module_is_the_function_with_its_parameters():
    signal = sine(440, 1)
    shifted = ShiftPitch(1, 0.9, n_fft=1024, hop=256)(signal)
    assert torch.equal(shifted, shift_pitch(signal, 1, 0.9, 1024, 256))
