import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.audio import (
    scale_invariant_signal_distortion_ratio,
    signal_noise_ratio,
)

from mssbench.scoring.improvement import improvement
from mssbench.scoring.problems import PAIR, Problem
from mssbench.scoring.protocol import METRICS, Protocol
from mssbench.scoring.sdr import csdr, sdr, usdr
from mssbench.scoring.si_sdr import si_sdr
from mssbench.scoring.si_sir_sar import si_sir_sar
from mssbench.scoring.song import score_song
from mssbench.scoring.table import score_table

RATE = 4000
WINDOWED = ("SDR", "SI-SDR", "SI-SIR", "SI-SAR", "SDRi", "SI-SDRi")
WHOLE = ("song SI-SDR", "song SI-SIR", "song SI-SAR", "song SDRi", "song SI-SDRi", "uSDR", "cSDR")


def song(seconds=4.5, channels=1, seed=0):
    """Sources, estimates and a mixture that is not quite the sources' sum."""
    random = np.random.default_rng(seed)
    truth = 0.1 * random.standard_normal((2, channels, round(seconds * RATE)))
    guess = truth + 0.3 * truth[::-1] + 0.02 * random.standard_normal(truth.shape)
    return truth, guess, truth.sum(axis=0) + 0.01 * random.standard_normal(truth.shape[1:])


def scores_of(truth, guess, mixture, measures=WINDOWED + WHOLE, **protocol):
    return score_song(
        "song",
        [Problem(PAIR, PAIR)],
        dict(zip(PAIR, truth, strict=True)),
        dict(zip(PAIR, guess, strict=True)),
        rate=RATE,
        protocol=Protocol(1.0, 1.0, "float", "bss_eval", measures=measures, **protocol),
        mixture=mixture,
    )


def orthonormal(count, seed=0, samples=600):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((samples, count)))[0].T


@pytest.mark.parametrize("shape", [(600,), (1, 600), (2, 300)])
def test_si_sir_and_si_sar_of_orthogonal_parts_are_the_ratios_of_their_amplitudes(shape):
    one, other, third, noise = (part.reshape(shape) for part in orthonormal(4))
    sources = np.stack([7 * one, 0.001 * other, 3 * third])
    estimate = -4 * one + 0.3 * other + 0.4 * third + 0.2 * noise
    found = si_sir_sar(sources, estimate, 0)
    assert found == pytest.approx((20 * np.log10(4 / 0.5), 20 * np.log10(4 / 0.2)), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    J=st.integers(2, 5),
    channels=st.integers(1, 2),
    scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
def test_noise_to_signal_ratios_of_si_sir_and_si_sar_add_up_to_that_of_si_sdr(
    J, channels, scale, seed
):
    random = np.random.default_rng(seed)
    sources = random.standard_normal((J, channels, 200)) * random.uniform(0.01, 10, (J, 1, 1))
    estimate = scale * (random.standard_normal(J) @ sources.reshape(J, -1)).reshape(channels, 200)
    estimate = estimate + scale * 0.1 * random.standard_normal((channels, 200))
    sir, sar = si_sir_sar(sources, estimate, 1)
    together = -10 * np.log10(10 ** (-sir / 10) + 10 ** (-sar / 10))
    assert together == pytest.approx(si_sdr(sources[1], estimate), abs=1e-8)
    assert si_sir_sar(sources, 5 * estimate, 1) == pytest.approx((sir, sar), abs=1e-8)


def test_si_sir_and_si_sar_at_their_ends():
    one, other, noise = orthonormal(3)
    sources = np.stack([one, other])
    assert si_sir_sar(sources, one + other, 0)[1] > 250
    assert si_sir_sar(sources, one + noise, 0)[0] > 250
    assert np.isnan(si_sir_sar(sources, 0 * one, 0)).all()
    assert np.isnan(si_sir_sar(np.stack([0 * one, other]), one, 0)).all()
    # A silent other source interferes with nothing.
    sir, sar = si_sir_sar(np.stack([one, 0 * other]), one + 0.1 * noise, 0)
    assert sir > 250
    assert sar == pytest.approx(20)


@pytest.mark.parametrize("channels", [1, 2])
def test_si_sdr_and_sdr_are_those_of_torchmetrics(channels):
    truth, guess, _ = song(channels=channels)
    # It scores rows: a batch of one is a source with all its channels in a row.
    rows = [torch.from_numpy(signal.reshape(2, -1)) for signal in (guess, truth)]
    scale_free = scale_invariant_signal_distortion_ratio(*rows, zero_mean=False)
    plain = signal_noise_ratio(*rows, zero_mean=False)
    one = scale_invariant_signal_distortion_ratio(rows[0][:1], rows[1][:1], zero_mean=False)
    assert one[0] == scale_free[0]
    for number in range(2):
        assert si_sdr(truth[number], guess[number]) == pytest.approx(float(scale_free[number]))
        assert sdr(truth[number], guess[number]) == pytest.approx(float(plain[number]))
        assert usdr(truth[number], guess[number]) == pytest.approx(float(plain[number]), abs=1e-6)


def test_usdr_of_silence_is_finite():
    wave, nothing = np.ones((1, 100)), np.zeros((1, 100))
    assert usdr(nothing, nothing) == 0
    assert usdr(wave, wave) == pytest.approx(10 * np.log10(100 / 1e-7))
    assert usdr(nothing, wave) == pytest.approx(-usdr(wave, wave))
    assert sdr(wave, wave) == np.inf
    assert sdr(nothing, wave) == -np.inf
    assert np.isnan(sdr(nothing, nothing))


def test_csdr_is_the_median_of_the_chunks_that_have_a_value():
    assert csdr(np.array([1.0, np.nan, 5.0, 2.0])) == 2.0
    assert csdr(np.array([np.inf, 1.0, np.inf])) == np.inf
    assert np.isnan(csdr(np.array([np.nan])))
    truth, guess, mixture = song()
    truth[1, :, :RATE] = 0
    scores = scores_of(truth, guess, mixture)
    median = np.median(scores.windows["vocals"]["SDR"][1:])
    assert scores.song["vocals"]["cSDR"] == pytest.approx(median)


def test_csdr_has_chunks_of_a_second_whatever_the_windows_are():
    truth, guess, mixture = song()
    half, one = (
        score_song(
            "song",
            [Problem(PAIR, PAIR)],
            dict(zip(PAIR, truth, strict=True)),
            dict(zip(PAIR, guess, strict=True)),
            rate=RATE,
            protocol=Protocol(window, window, "float", "bss_eval", measures=("cSDR", "uSDR")),
            mixture=mixture,
        )
        for window in (0.5, 1.0)
    )
    assert half.song == one.song
    assert half.windows == {target: {} for target in PAIR}


def test_improvements_are_over_the_mixture_and_ignore_what_both_have():
    truth, guess, mixture = song()
    scores = scores_of(truth, guess, mixture)
    part = slice(RATE, 2 * RATE)
    for number, target in enumerate(PAIR):
        cut = [signal[:, part] for signal in (truth[number], guess[number], mixture)]
        own = scores.windows[target]
        assert own["SDRi"][1] == pytest.approx(own["SDR"][1] - sdr(cut[0], cut[2]))
        assert own["SI-SDRi"][1] == own["SI-SDR"][1] - si_sdr(cut[0], cut[2])
        whole = scores.song[target]
        assert whole["song SDRi"] == whole["uSDR"] - usdr(truth[number], mixture)
        assert whole["song SI-SDRi"] == improvement(si_sdr, truth[number], guess[number], mixture)
    nothing_gained = scores_of(truth, np.stack([mixture, mixture]), mixture)
    for metric in ("SDRi", "SI-SDRi"):
        assert nothing_gained.windows["vocals"][metric] == pytest.approx(0)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("engine", ["museval", "bss_eval"])
def test_windows_with_silence_have_no_ratio_of_any_kind(channels, engine):
    truth, guess, mixture = song(channels=channels)
    truth[0, :, :RATE] = 0
    guess[1, :, 2 * RATE : 3 * RATE] = 0
    found = score_song(
        "song",
        [Problem(PAIR, PAIR)],
        dict(zip(PAIR, truth, strict=True)),
        dict(zip(PAIR, guess, strict=True)),
        rate=RATE,
        protocol=Protocol(1.0, 1.0, "float", engine, measures=WINDOWED + WHOLE),
        mixture=mixture,
    )
    for target in PAIR:
        for metric in WINDOWED:
            none = np.isnan(found.windows[target][metric]).tolist()
            assert none == [True, False, True, False], metric
        assert np.isfinite([found.song[target][metric] for metric in WHOLE]).all()


def test_song_with_a_silent_target_has_the_mdx_measures_alone():
    truth, guess, mixture = song()
    truth[0] = 0
    scores = scores_of(truth, guess, mixture)
    assert scores.silent == ("reference of vocals",)
    valued = {m for m in WHOLE if np.isfinite(scores.song["accompaniment"][m])}
    assert valued == {"uSDR", "song SDRi"}
    assert all(np.isnan(scores.windows["accompaniment"][m]).all() for m in WINDOWED)


def test_only_the_named_measures_are_computed_and_bssevals_come_together():
    truth, guess, mixture = song()
    whole = scores_of(truth, guess, mixture)
    for measures, metrics in [
        (("uSDR",), {"uSDR"}),
        (("SI-SAR", "song SI-SDR"), {"SI-SAR", "song SI-SDR"}),
        (("SAR", "cSDR"), {*METRICS, "cSDR"}),
    ]:
        table = score_table("run", scores_of(truth, guess, mixture, measures))
        assert set(table["metric"]) == metrics
        expected = score_table("run", whole)
        keys = ["target", "metric", "window_start"]
        both = table.merge(expected, on=keys, suffixes=("", "_of_all"))
        assert len(both) == len(table) > 0
        np.testing.assert_array_equal(both["score"], both["score_of_all"])
