"""The mean over delayed copies of a song, and the memory that post-processing takes."""

import tracemalloc

import numpy as np
import pytest
import torch
from told_estimates import noise, separated
from torch import nn

from mssbench.models.base import Separator
from mssbench.post_processing.shifts import delayed, delays
from mssbench.post_processing.soft_mask import SoftMaskConfig
from mssbench.post_processing.threshold import ThresholdConfig
from mssbench.post_processing.wiener import WienerConfig
from mssbench.separation import SeparationConfig, separate_stream

SMALL = {"n_fft": 64, "hop": 16}
MASK, WIENER = SoftMaskConfig(**SMALL), WienerConfig(frames=20, **SMALL)


class Echo(Separator):
    """Gives the mixture's running sum over four samples: invariant to shifts."""

    targets, channels = ("vocals",), 1

    def forward(self, mixture):
        padded = nn.functional.pad(mixture, (3, 0))
        return {"final": padded.unfold(-1, 4, 1).sum(-1)[:, None]}


class Grid(Echo):
    """Doubles every fourth sample of what it hears: not invariant."""

    def forward(self, mixture):
        places = torch.arange(mixture.shape[-1]) % 4 == 0
        return {"final": (mixture * (1.0 + places))[:, None]}


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_shifts_change_nothing_of_a_model_that_shifts_do_not_change(count, overlap):
    mixture = noise(1, 700)
    # With the context that it needs, it says of segments what it says of the song.
    shared = {"context": 4, "overlap": overlap}
    plain = separated(Echo(), mixture, **shared)
    found = separated(Echo(), mixture, shifts=count, max_shift=50, **shared)
    for target, wave in plain.items():
        np.testing.assert_allclose(found[target], wave, atol=1e-6)


def test_shifts_average_over_the_grid_of_a_model():
    mixture = np.ones((1, 400), np.float32)
    plain = separated(Grid(), mixture)["vocals"]
    assert set(plain[0]) == {1.0, 2.0}
    found = separated(Grid(), mixture, shifts=4, max_shift=4)["vocals"]
    np.testing.assert_allclose(found, 1.25 * mixture, atol=1e-6)


def test_delays_are_all_different_and_decided_by_their_seed():
    assert sorted(delays(8, 8, seed=1)) == list(range(8))
    assert delays(4, 1000, 1) == delays(4, 1000, 1) != delays(4, 1000, 2)
    read = delayed(lambda a, b: np.arange(10.0)[None, a:b], 3)
    whole = np.concatenate((read(0, 2), read(2, 5), read(5, 13)), axis=1)[0]
    assert whole.tolist() == [0, 0, 0, *range(10)]


def test_memory_does_not_grow_with_the_song(monkeypatch):
    monkeypatch.setattr("mssbench.post_processing.rescale.IN_MEMORY", 1 << 16)
    monkeypatch.setattr("mssbench.post_processing.shifts.BLOCK", 1 << 12)
    post = {"shifts": 2, "max_shift": 100, "rescale": "least_squares", "soft_mask": MASK}
    config = SeparationConfig(4096, 0.0, wiener=WIENER, threshold=ThresholdConfig(), **post)
    peaks = []
    for samples in (20 * 4096, 200 * 4096):
        tracemalloc.start()
        for _ in separate_stream(
            Echo(), lambda a, b: np.ones((1, b - a), np.float32), samples, config, batch=1
        ):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
