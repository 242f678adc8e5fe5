import numpy as np
import pytest
import torch

from mssbench.stretching.phase_vocoder import Stretch, stretch, stretched_length

RATE = 8000
FACTORS = [0.5, 0.9, 1.1, 1.75]


def sine(pitch, samples, dtype=torch.float64):
    return torch.sin(2 * torch.pi * pitch * torch.arange(samples, dtype=torch.float64) / RATE).to(
        dtype
    )


def music(samples=3 * RATE, rows=3, dtype=torch.float64):
    """Return beats of noise over chords, with rests, a different one in each row."""
    random = torch.Generator().manual_seed(5)
    time = torch.arange(samples, dtype=torch.float64) / RATE
    made = []
    for row in range(rows):
        noise = torch.randn(samples, generator=random, dtype=torch.float64)
        beats = 0.3 * noise * torch.exp(-12 * (time % 0.5))
        chord = sum(0.1 * sine(110 * (row + ratio), samples) for ratio in (1, 5 / 4, 3 / 2))
        # Plus zero, as librosa gives silence of negative zeros another phase.
        made.append((beats + chord) * (time % 1.5 < 1.2) + 0.0)
    return torch.stack(made).to(dtype)


def decibels(power, reference):
    return 10 * np.log10(float(power.double().square().mean() / reference.double().square().mean()))


def middle(signal):
    return signal[..., signal.shape[-1] // 4 : -(signal.shape[-1] // 4)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_factor_one_leaves_the_signal_as_it_is(dtype):
    signal = music(dtype=dtype)
    same = stretch(signal, 1)
    assert same.dtype == dtype
    assert decibels(same - signal, signal) < (-110 if dtype == torch.float32 else -250)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("pitch", [200.0, 987.6])
def test_a_stretched_sine_keeps_its_frequency_and_level(factor, pitch):
    signal = sine(pitch, 4 * RATE)
    made = middle(stretch(signal, factor))
    assert abs(decibels(made, middle(signal))) < 1.5
    # The best sine of that frequency is all there is.
    time = torch.arange(made.shape[-1], dtype=torch.float64) / RATE
    turn = 2 * torch.pi * pitch * time
    waves = torch.stack([torch.sin(turn), torch.cos(turn)], dim=1)
    fitted = waves @ torch.linalg.lstsq(waves, made[:, None]).solution
    assert decibels(made - fitted[:, 0], made) < -40


@pytest.mark.parametrize("factor", FACTORS)
def test_a_beat_comes_earlier_by_the_factor(factor):
    signal = torch.zeros(4 * RATE)
    signal[2 * RATE : 2 * RATE + 400] = sine(500, 400, torch.float32)
    energy = stretch(signal, factor).square()
    centre = float((energy * torch.arange(len(energy))).sum() / energy.sum())
    assert abs(centre - (2 * RATE + 200) / factor) < 1024  # half a window


@pytest.mark.parametrize("factor", FACTORS)
def test_the_level_of_music_stays_within_four_decibels(factor):
    signal = music()
    assert abs(decibels(stretch(signal, factor), signal)) < 4


@pytest.mark.parametrize("factor", [0.3, 1.0, 1.3, 7.7])
@pytest.mark.parametrize("samples", [1, 511, 512, 2049, 70000])
def test_the_length_is_the_rounded_quotient_and_every_sample_is_finite(factor, samples):
    made = stretch(torch.ones(2, samples), factor)
    assert made.shape == (2, round(samples / factor)) == (2, stretched_length(samples, factor))
    assert made.isfinite().all()


@pytest.mark.parametrize("factor", FACTORS)
def test_single_precision_is_within_90_db_of_double_precision(factor):
    signal = music(8 * RATE, dtype=torch.float32)
    exact = stretch(signal.double(), factor)
    assert decibels(stretch(signal, factor) - exact, exact) < -90


def test_a_batch_is_stretched_as_one_by_one():
    signal = music(2 * RATE, rows=6).reshape(3, 2, -1)
    together = stretch(signal, 1.1)
    for stem, made in zip(signal, together, strict=True):
        for channel, one in zip(stem, made, strict=True):
            assert torch.allclose(stretch(channel, 1.1), one, rtol=0, atol=1e-12)


def test_silence_stays_silence_and_a_faint_signal_stays_faint():
    assert not stretch(torch.zeros(2, RATE), 0.7).any()
    signal = music(RATE, dtype=torch.float32)
    faint, loud = stretch(1e-6 * signal, 1.25), stretch(signal, 1.25)
    assert decibels(1e6 * faint - loud, loud) < -90


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pause_that_is_all_but_silent_keeps_its_phases(dtype):
    # What synthesis and resampling leave in a pause; at another level the phases are the same.
    time = torch.arange(3 * RATE, dtype=torch.float64) / RATE
    signal = music(3 * RATE, rows=1) * ((time < 1) | (time > 1.7))
    signal[:, int(1.1 * RATE) : int(1.6 * RATE) : 997] = 1e-14
    faint, loud = (stretch(level * signal.to(dtype), 1.1) for level in (1, 2.0**20))
    assert decibels(faint * 2.0**20 - loud, loud) < -90


def test_the_signal_itself_is_left_alone():
    signal = music(RATE)
    before = signal.clone()
    stretch(signal, 1.1)
    assert torch.equal(signal, before)


def test_the_module_is_the_function_with_its_parameters():
    signal = music(RATE)
    assert torch.equal(Stretch(1.2, n_fft=1024, hop=256)(signal), stretch(signal, 1.2, 1024, 256))
    assert not torch.allclose(Stretch(1.2)(signal), stretch(signal, 1.2, 1024, 256))


@pytest.mark.parametrize("factor", [0, -1.1, float("nan"), float("inf")])
def test_a_factor_without_meaning_is_refused(factor):
    with pytest.raises(ValueError, match="factor: found"):
        stretch(torch.ones(100), factor)
    with pytest.raises(ValueError, match="factor: found"):
        Stretch(factor)


@pytest.mark.parametrize("hop", [0, -512, 500, 1024])
def test_a_hop_that_leaves_gaps_is_refused(hop):
    with pytest.raises(ValueError, match=r"hop: found .* n_fft \(2048\)"):
        stretch(torch.ones(100), 1.1, hop=hop)


@pytest.mark.parametrize("factor", [*FACTORS, 1.0])
@pytest.mark.parametrize(("n_fft", "hop"), [(2048, 512), (1024, 128)])
def test_librosa_says_the_same(factor, n_fft, hop):
    librosa = pytest.importorskip("librosa")
    signal = music(5 * RATE + 77)
    # In double precision: in single, librosa's sum of phases loses all digits within a song.
    expected = librosa.effects.time_stretch(
        signal.numpy(), rate=factor, n_fft=n_fft, hop_length=hop
    )
    expected = torch.from_numpy(expected)
    assert decibels(stretch(signal, factor, n_fft, hop) - expected, expected) < -150
    single = stretch(signal.float(), factor, n_fft, hop)
    assert decibels(single - expected, expected) < -60
