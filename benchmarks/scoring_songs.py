"""The songs that `benchmarks/scoring.py` scores, and estimates of their sources."""

import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np


class Case(NamedTuple):
    """What is scored: sources, mono or stereo, at a rate (Hz)."""

    layout: Literal["mono", "stereo"]
    sources: int
    rate: int


CASES = {
    "mono-2": Case("mono", 2, 22050),
    "mono-4": Case("mono", 4, 22050),
    "stereo-2": Case("stereo", 2, 44100),
    "stereo-4": Case("stereo", 4, 44100),
}


def song(case: Case, seconds: float, seed: int = 1) -> np.ndarray:
    """Return the sources of a rendered song, of (sources, channels, samples).

    Their samples are those of 16-bit audio, which float32 holds exactly.
    """
    # Not for the processes whose memory is measured.
    from mssbench.data.reader import read_song
    from mssbench.data.resample import resample, to_channels
    from mssbench.data.songs import find_songs
    from mssbench.data.synthetic.render import Settings, render_dataset

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(train_songs=1, test_songs=0, seconds=seconds, seed=seed)
        render_dataset(Path(folder), settings, workers=1)
        stems, rate = read_song(find_songs(folder)[0])
    sources = np.stack([resample(to_channels(s, case.layout), rate, case.rate) for s in stems[1:]])
    if case.sources == 2:
        sources = np.stack([sources[:-1].sum(axis=0), sources[-1]])
    return (np.round(sources.astype(np.float64) * 2**15) / 2**15).astype(np.float32)


def estimates_of(references: np.ndarray, seed: int) -> np.ndarray:
    """Return estimates that have a quarter of another source, and noise."""
    random = np.random.default_rng(seed)
    estimates = 0.003 * random.standard_normal(references.shape, dtype=np.float32)
    estimates += references
    for number in range(len(references)):
        estimates[number] += 0.25 * references[number - 1]
    return estimates
