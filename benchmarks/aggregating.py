"""Aggregating score tables: seconds from rows to every value of a study's tables.

The rows are drawn at random and shaped as 20 systems on 50 songs with 4 targets, 5 metrics and as
many windows as it takes. Each step runs several times; medians are printed.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mssbench.report.aggregate import AGGREGATIONS, aggregate
from mssbench.report.imported import import_scores
from mssbench.scoring.results import read_scores, write_scores

SYSTEMS, SONGS, TARGETS = 20, 50, ("bass", "drums", "other", "vocals")
METRICS = ("ISR", "SAR", "SDR", "SI-SDR", "SIR")


def table(rows: int) -> pd.DataFrame:
    """Return about ``rows`` scores (dB), a tenth of them NaN, as text and numbers."""
    windows = max(1, round(rows / (SYSTEMS * SONGS * len(TARGETS) * len(METRICS))))
    parts = [range(SYSTEMS), range(SONGS), TARGETS, METRICS, np.arange(float(windows))]
    names = ["run", "track", "target", "metric", "window_start"]
    scores = pd.MultiIndex.from_product(parts, names=names).to_frame(index=False)
    scores["run"] = "system-" + scores["run"].astype(str)
    scores["track"] = "Artist - Song " + scores["track"].astype(str)
    random = np.random.default_rng(0)
    values = random.normal(5, 4, len(scores))
    scores["score"] = np.where(random.random(len(scores)) < 0.1, np.nan, values)
    scores.attrs["protocol"] = {"version": "random"}
    return scores


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the median time that ``work`` takes."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sisec", type=Path, help="a folder of archives of museval's JSON")
    args = parser.parse_args()
    scores = table(args.rows)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scores.parquet")
        write_scores(file, scores)
        steps: dict[str, Callable[[], object]] = {
            "read the table": lambda: read_scores(file),
            **{
                name: lambda name=name: aggregate(scores, TARGETS, METRICS, [name])
                for name in AGGREGATIONS
            },
            "all aggregations": lambda: aggregate(scores, TARGETS, METRICS, list(AGGREGATIONS)),
        }
        print(f"{len(scores)} rows, {file.stat().st_size / 1e6:.1f} MB", end="\n\n")
        print("| step | seconds |\n|---|---:|")
        for name, step in steps.items():
            print(f"| {name} | {seconds(step, args.rounds):.2f} |")
        for archive in sorted(args.sisec.iterdir()) if args.sisec else []:
            rows = len(import_scores("system", archive))
            taken = seconds(lambda archive=archive: import_scores("system", archive), 1)
            print(f"| import {archive.name}, {rows} rows | {taken:.2f} |")


if __name__ == "__main__":
    main()
