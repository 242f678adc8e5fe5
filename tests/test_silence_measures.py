import numpy as np
import pytest
import webrtcvad

from mssbench.data.resample import resample
from mssbench.scoring.htmd_net_silence import htmd_net_silence, segment_length
from mssbench.scoring.measures import hops
from mssbench.scoring.problems import PAIR, Problem
from mssbench.scoring.protocol import Protocol
from mssbench.scoring.silent_energy import eps, pes
from mssbench.scoring.song import score_song
from mssbench.scoring.table import score_table
from mssbench.scoring.voice_activity import voice_activity

RATE, SEGMENT = 22050, 4096
MEASURES = ("PES", "EPS", "HTMD-Net PES", "HTMD-Net VAD")


def voice(samples, rate=RATE, seed=0):
    """A buzz with formants and a little noise, which WebRTC takes for speech."""
    t = np.arange(samples) / rate
    random = np.random.default_rng(seed)
    wave = sum(
        np.sin(2 * np.pi * 150 * k * t + k) / (1 + ((150 * k - 600) / 300) ** 2)
        for k in range(1, 20)
    )
    return 0.2 * wave + 0.003 * random.standard_normal(samples)


def labels_one_by_one(segment):
    """pyvad's way with one segment, frame by frame."""
    at_16k = resample(segment.astype(np.float32), RATE, 16000)
    pcm = (at_16k * 2**15).astype("int16")
    padded = np.concatenate([pcm, np.zeros(320 * (len(pcm) // 320 + 1) - len(pcm), "int16")])
    detector = webrtcvad.Vad()
    detector.set_mode(3)
    raw = [detector.is_speech(f.tobytes(), 16000) for f in padded.reshape(-1, 320)]
    smooth = np.convolve(np.array(raw, float), np.ones(3) / 3, mode="same") > 0
    return np.repeat(smooth, 320)[: len(pcm)][0:-1:320]


def test_voice_activity_is_that_of_each_segment_alone_with_neighbours_joined():
    song = np.concatenate([voice(6 * SEGMENT), np.zeros(2 * SEGMENT), voice(4 * SEGMENT, seed=1)])
    song[SEGMENT : SEGMENT + 2500] *= 1e-4
    segments = song.reshape(-1, SEGMENT)
    found = voice_activity(segments, RATE)
    # 186 ms are 2973 samples at 16 kHz: nine frames and a part.
    assert found.shape == (12, 10)
    np.testing.assert_array_equal(found, [labels_one_by_one(segment) for segment in segments])
    assert not found[6:8].any()
    assert found[[0, 2, 9]].all()
    assert 0 < found[1].sum() < 10


def test_voice_beyond_full_scale_is_heard_as_at_full_scale():
    segments = voice(2 * SEGMENT).reshape(2, SEGMENT)
    loud = voice_activity(20 * segments, RATE)
    np.testing.assert_array_equal(loud, voice_activity(0.99 * segments / abs(segments).max(), RATE))
    assert loud.all()


@pytest.mark.parametrize("rate", [16000, 44100])
def test_voice_is_told_from_silence_at_other_rates(rate):
    length = segment_length(rate)
    assert length / rate == pytest.approx(SEGMENT / RATE, rel=1e-3)
    song = np.stack([voice(length, rate), np.zeros(length)])
    assert voice_activity(song, rate).all(axis=1).tolist() == [True, False]
    assert not voice_activity(song, rate)[1].any()


def vocals_and_estimate():
    """Two segments of voice and two of silence, and an estimate that errs in one of each."""
    sung, quiet = voice(2 * SEGMENT), np.zeros(2 * SEGMENT)
    truth = np.concatenate([sung, quiet, voice(10)])[None]
    guess = truth.copy()
    guess[0, SEGMENT : 2 * SEGMENT] = 0
    guess[0, 2 * SEGMENT : 3 * SEGMENT] = voice(SEGMENT, seed=3)
    return truth, guess


def test_htmd_nets_pes_is_the_level_where_the_source_has_no_voice():
    truth, guess = vocals_and_estimate()
    energies, accuracies = htmd_net_silence(truth, guess, RATE)
    assert np.isnan(energies[:2]).all()
    level = np.sqrt(np.mean(guess[0, 2 * SEGMENT : 3 * SEGMENT] ** 2))
    assert energies[2] == pytest.approx(20 * np.log10(level))
    assert energies[3] == -2000
    assert accuracies.tolist() == [100, 0, 0, 100]


def test_htmd_nets_pes_counts_a_source_without_voice_as_silent():
    hiss = 1e-3 * np.random.default_rng(0).standard_normal((1, 2 * SEGMENT + 1))
    energies, _ = htmd_net_silence(hiss, 0.5 * np.ones(hiss.shape), RATE)
    assert energies == pytest.approx([20 * np.log10(0.5)] * 2)


def test_htmd_nets_measures_average_the_channels():
    truth, guess = vocals_and_estimate()
    mono = htmd_net_silence(truth, guess, RATE)
    stereo = htmd_net_silence(np.vstack([2 * truth, 0 * truth]), np.vstack([guess, guess]), RATE)
    np.testing.assert_array_equal(mono, stereo)
    opposite, _ = htmd_net_silence(truth, np.vstack([guess, -guess]), RATE)
    assert opposite[2] == -2000


def test_a_segment_that_ends_the_song_is_left_out_as_in_the_script():
    for samples, segments in [(SEGMENT, 0), (SEGMENT + 1, 1), (3 * SEGMENT, 2), (100, 0)]:
        found = htmd_net_silence(np.zeros((1, samples)), np.zeros((1, samples)), RATE)
        assert [len(values) for values in found] == [segments, segments]


def test_segments_may_have_another_length():
    truth, guess = vocals_and_estimate()
    energies, accuracies = htmd_net_silence(truth, guess, RATE, segment=2 * SEGMENT)
    assert len(energies) == len(accuracies) == 2
    assert np.isnan(energies[0])


@pytest.mark.parametrize("shape", [(1, 400), (2, 200)])
def test_pes_and_eps_are_sums_of_energy_with_a_floor_of_120_db(shape):
    wave, nothing = np.full(shape, 0.5), np.zeros(shape)
    assert pes(nothing, wave) == eps(wave, nothing) == pytest.approx(10 * np.log10(100))
    assert pes(nothing, nothing) == pytest.approx(-120)
    assert np.isnan(pes(1e-9 * wave, wave))
    # Of a silent source the silent estimate is right.
    assert np.isnan(eps(nothing, nothing))
    assert np.isnan(eps(wave, 1e-9 * wave))


def test_measures_of_silence_have_windows_of_their_own():
    truth, guess = vocals_and_estimate()
    truth, guess = np.tile(truth, 6)[:, : 4 * RATE + 5], np.tile(guess, 6)[:, : 4 * RATE + 5]
    truth[:, :RATE] = 0
    guess[:, 3 * RATE :] = 0
    pair, estimates = ({"vocals": w, "accompaniment": w + 0.1} for w in (truth, guess))
    protocol = Protocol(2.0, 0.5, "float", "bss_eval", measures=MEASURES)
    scores = score_song(
        "song", [Problem(PAIR, PAIR)], pair, estimates, rate=RATE, protocol=protocol
    )
    own = scores.windows["vocals"]
    assert np.isnan(own["PES"]).tolist() == [False, True, True, True]
    assert own["PES"][0] == pytest.approx(10 * np.log10(np.sum(guess[:, :RATE] ** 2)))
    assert np.isnan(own["EPS"]).tolist() == [True, True, True, False]
    assert len(own["HTMD-Net VAD"]) == (4 * RATE + 4) // SEGMENT
    # HTMD-Net's are of the voice alone.
    assert set(scores.windows["accompaniment"]) == {"PES", "EPS"}
    table = score_table("run", scores)
    starts = {metric: part["window_start"] for metric, part in table.groupby("metric")}
    assert sorted(set(starts["PES"])) == [0, 1, 2, 3]
    assert np.diff(starts["HTMD-Net PES"]) == pytest.approx(SEGMENT / RATE)
    assert hops(44100)["HTMD-Net PES"] == pytest.approx(2 * SEGMENT / 44100)
