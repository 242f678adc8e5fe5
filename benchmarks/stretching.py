"""The phase vocoder against librosa's on the same stems: time and difference.

librosa is no dependency of mssbench: install it beside mssbench in an environment of its own.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from mssbench.data.reader import read_song
from mssbench.data.resample import resample, to_channels
from mssbench.data.songs import find_songs
from mssbench.data.synthetic.render import Settings, render_dataset
from mssbench.stretching.phase_vocoder import stretch

try:
    import librosa
except ImportError:
    sys.exit("benchmarks/stretching.py: librosa is not installed; run 'uv pip install librosa'")


def sources(seconds: float, rate: int, seed: int) -> np.ndarray:
    """Return the four sources of a rendered song, mono, float32 of (4, samples)."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(train_songs=1, test_songs=0, seconds=seconds, seed=seed)
        render_dataset(Path(folder), settings, workers=1)
        stems, source_rate = read_song(find_songs(folder)[0])
    return np.concatenate([resample(to_channels(s, "mono"), source_rate, rate) for s in stems[1:]])


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the seconds that ``work`` takes, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the greatest difference of a source, in dB of that source's power."""
    expected = expected.astype(np.float64)
    error, power = (np.square(x).sum(axis=-1) for x in (found - expected, expected))
    return float(10 * np.log10(error[power > 0] / power[power > 0]).max())


def measure(stems: np.ndarray, factor: float, rounds: int) -> str:
    """Return the table's line for one factor; each round does each of the three works once."""
    works: dict[str, Callable[[], np.ndarray]] = {
        "mssbench": lambda: stretch(torch.from_numpy(stems), factor).numpy(),
        "librosa32": lambda: librosa.effects.time_stretch(stems, rate=factor),
        "librosa64": lambda: librosa.effects.time_stretch(stems.astype(np.float64), rate=factor),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    made: dict[str, np.ndarray] = {}
    for _ in range(rounds):
        for name, work in works.items():
            spent, made[name] = timed(work)
            seconds[name].append(spent)
    middle = {name: statistics.median(spent) for name, spent in seconds.items()}
    ratios = [
        statistics.median(
            other / own for own, other in zip(seconds["mssbench"], seconds[name], strict=True)
        )
        for name in ("librosa32", "librosa64")
    ]
    exact = made.pop("librosa64")
    errors = {name: difference(found, exact) for name, found in made.items()}
    return (
        f"| {factor:g} | {middle['mssbench']:.2f} | {middle['librosa32']:.2f} "
        f"| {middle['librosa64']:.2f} | {ratios[0]:.1f} | {ratios[1]:.1f} "
        f"| {errors['mssbench']:.0f} | {errors['librosa32']:.0f} |"
    )


def main() -> None:
    """Print a line a factor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--rate", type=int, default=22050, help="Hz")
    parser.add_argument("--factors", type=float, nargs="+", default=[0.5, 0.9, 1.1, 1.75])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    stems = sources(args.seconds, args.rate, seed=1)
    measure(stems[:, : args.rate], 1.1, 1)  # librosa compiles on its first use
    print(
        "| factor | mssbench (s) | librosa float32 (s) | librosa float64 (s) | times as fast as "
        "float32 | as float64 | mssbench to librosa float64 (dB) | librosa float32 to it (dB) |\n"
        + "|---:" * 8
        + "|"
    )
    for factor in args.factors:
        print(measure(stems, factor, args.rounds), flush=True)


if __name__ == "__main__":
    main()
