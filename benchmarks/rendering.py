"""How much faster than real time the synthetic data set is rendered and written, on one core."""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

# Before numpy is loaded: one core is what is measured.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

from mssbench.data.synthetic.render import Settings, render_dataset


def ratio(seconds: float, seed: int) -> float:
    """Return the length of a song divided by the time to render and write it as WAV files."""
    settings = Settings(train_songs=1, test_songs=0, seconds=seconds, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        render_dataset(Path(folder), settings, workers=1)
        return seconds / (time.perf_counter() - start)


def main() -> None:
    """Print the median and the range for each length of song."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=9, help="songs of each length")
    parser.add_argument("--seconds", type=float, nargs="+", default=[30, 210])
    args = parser.parse_args()
    ratio(args.seconds[0], seed=0)  # imports and caches
    print("| song (s) | times real time, median | least | most |\n|---:|---:|---:|---:|")
    for seconds in args.seconds:
        ratios = [ratio(seconds, seed) for seed in range(1, args.songs + 1)]
        print(
            f"| {seconds:g} | {statistics.median(ratios):.0f} "
            f"| {min(ratios):.0f} | {max(ratios):.0f} |"
        )


if __name__ == "__main__":
    main()
