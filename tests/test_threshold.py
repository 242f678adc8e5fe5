"""Silence where there is little energy."""

import numpy as np
import pytest
import torch
from told_estimates import processed

from mssbench.models.spectrogram import spectrogram
from mssbench.post_processing.threshold import Bounds, ThresholdConfig


@pytest.mark.parametrize("energy", ["mean_square", "sum", "spectrum"])
def test_segments_below_a_threshold_are_silent_and_others_as_they_were(energy):
    # From segment to segment the estimate is twice as loud; the mixture is so at first, then rests.
    levels = np.repeat(2.0 ** np.arange(6), 100)[None].astype(np.float32)
    mixture = np.where(np.arange(600) < 500, levels, 0)[None, 0]
    factor = {"mean_square": 1, "sum": 100, "spectrum": 1}[energy]
    bound = 10.0 * factor
    if energy == "spectrum":
        spectra = spectrogram(torch.full((1, 100), 4.0, dtype=torch.float64), 1024, 256)
        bound = float(spectra.abs().square().sum()) * 10 / 16
    config = ThresholdConfig(bound, bound, {}, energy)
    found = processed(mixture, {"vocals": levels}, threshold=config)["vocals"]
    kept = (levels**2 >= 10) & (mixture**2 >= 10)
    assert np.array_equal(found, np.where(kept, levels, 0))
    assert kept.any() != kept.all()


def test_each_target_has_bounds_and_the_defaults_are_those_of_the_paper():
    assert ThresholdConfig().bounds_of("vocals") == Bounds(0.001, 0.001)
    assert ThresholdConfig().bounds_of("other") == Bounds(0.0001, 0.0)
    quiet = np.full((1, 300), 0.02, np.float32)
    found = processed(quiet, {"vocals": quiet, "other": quiet}, threshold=ThresholdConfig())
    assert not found["vocals"].any()
    assert np.array_equal(found["other"], quiet)
    assert np.array_equal(found["accompaniment"], quiet)


def test_a_threshold_has_segments_of_its_own():
    wave = np.repeat(np.float32([1, 0.01, 1]), 50)[None]
    config = ThresholdConfig(samples=50)
    assert not processed(wave, {"vocals": wave}, threshold=config)["vocals"][0, 50:100].any()
    assert np.array_equal(
        processed(wave, {"vocals": wave}, 75, threshold=ThresholdConfig())["vocals"], wave
    )
