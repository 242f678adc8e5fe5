"""BSSEval version 4 by the engines bss_eval and museval: time, memory and difference.

The two take turns. Sources are rendered songs rounded to 16 bit, estimates have a leak and noise.
Memory is read from Linux's /proc.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is loaded

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import museval.metrics
import numpy as np

from mssbench.scoring.bss_eval import Scores, evaluate
from mssbench.scoring.references import References

METRICS = ("SDR", "ISR", "SIR", "SAR")


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


def song(case: Case, seconds: float) -> np.ndarray:
    """Return the sources of a rendered song, float64 of (sources, channels, samples)."""
    # Not for the processes whose memory is measured.
    from mssbench.data.reader import read_song
    from mssbench.data.resample import resample, to_channels
    from mssbench.data.songs import find_songs
    from mssbench.data.synthetic.render import Settings, render_dataset

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(train_songs=1, test_songs=0, seconds=seconds, seed=1)
        render_dataset(Path(folder), settings, workers=1)
        stems, rate = read_song(find_songs(folder)[0])
    sources = np.stack([resample(to_channels(s, case.layout), rate, case.rate) for s in stems[1:]])
    if case.sources == 2:
        sources = np.stack([sources[:-1].sum(axis=0), sources[-1]])
    return np.round(sources.astype(np.float64) * 2**15) / 2**15


def estimates_of(references: np.ndarray, seed: int) -> np.ndarray:
    """Return estimates that have a quarter of another source, and noise."""
    random = np.random.default_rng(seed)
    estimates = 0.003 * random.standard_normal(references.shape)
    estimates += references + 0.25 * np.roll(references, 1, axis=0)
    return estimates


def by_museval(references: np.ndarray, estimates: np.ndarray, rate: int) -> list[Scores]:
    """Score one system with museval, in windows of 1 s."""
    signals = (references.swapaxes(1, 2), estimates.swapaxes(1, 2))
    return [Scores(*museval.metrics.bss_eval(*signals, window=rate, hop=rate))]


def timed(work: Callable[[], list[Scores]]) -> tuple[float, list[Scores]]:
    """Return the CPU seconds that ``work`` takes, which other processes disturb little."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def difference(found: Scores, expected: Scores) -> float:
    """Return the largest difference (dB) among values below 100 dB."""
    largest = 0.0
    for own, other in zip(found[: len(METRICS)], expected, strict=False):
        if not np.array_equal(np.isnan(own), np.isnan(other)):
            sys.exit("the engines differ in which values there are")
        below = np.abs(other) < 100
        largest = max(largest, np.abs(own[below] - other[below]).max(initial=0))
    return largest


def measure(name: str, seconds: float, rounds: int, systems: int) -> str:
    """Return the table's line of one case."""
    case = CASES[name]
    references = song(case, seconds)
    made = [estimates_of(references, seed) for seed in range(systems)]
    rate = case.rate
    spent: dict[str, list[float]] = {"museval": [], "one": [], "all": []}
    largest = 0.0
    for _ in range(rounds):
        for what, work in {
            "museval": lambda: by_museval(references, made[0], rate),
            "one": lambda: evaluate(References(references, rate, rate), made[:1]),
            "all": lambda: evaluate(References(references, rate, rate), made),
        }.items():
            elapsed, result = timed(work)
            spent[what].append(elapsed)
            if what == "museval":
                expected = result[0]
            largest = max(largest, difference(result[0], expected))
    theirs, one, every = (statistics.median(spent[what]) for what in ("museval", "one", "all"))
    return (
        f"| {case.layout} | {case.sources} | {seconds:g} | {theirs:.2f} | {one:.3f} "
        f"| {theirs / one:.0f} | {every:.3f} | {systems * theirs / every:.0f} | {largest:.0e} |"
    )


def memory(name: str, seconds: float) -> str:
    """Return the line of a case's memory; each engine runs in a process of its own."""
    case, peaks = CASES[name], []
    for engine in ("museval", "bss_eval"):
        words = [sys.executable, __file__, "--peak", engine, "--cases", name]
        done = subprocess.run(
            [*words, "--seconds", str(seconds)], check=True, stdout=subprocess.PIPE, text=True
        )
        peaks.append(json.loads(done.stdout))
    (theirs, inputs), (ours, _) = peaks
    return (
        f"| {case.layout} | {case.sources} | {seconds:g} | {inputs:.0f} | {theirs - inputs:.0f} "
        f"| {ours - inputs:.0f} | {ours / theirs:.2f} |"
    )


def peak(name: str, engine: str, seconds: float) -> tuple[float, float]:
    """Score one system; return the peak memory (MiB), and that before."""
    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        # Rendered elsewhere: the peak of this process is to be that of the scoring.
        path = Path(folder) / "song.npy"
        words = [sys.executable, __file__, "--render", str(path), "--cases", name]
        subprocess.run([*words, "--seconds", str(seconds)], check=True)
        references, estimates = np.load(path)
    before = held("VmRSS")
    if engine == "museval":
        by_museval(references, estimates, case.rate)
    else:
        evaluate(References(references, case.rate, case.rate), [estimates])
    return held("VmHWM"), before


def held(field: str) -> float:
    """Return a field of this process's state, such as its greatest memory so far (MiB)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", type=int, default=8, help="on the same song")
    parser.add_argument("--no-memory", action="store_true", help="leave the second table out")
    parser.add_argument("--peak", choices=["museval", "bss_eval"], help=argparse.SUPPRESS)
    parser.add_argument("--render", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.render:
        references = song(CASES[args.cases[0]], args.seconds)
        np.save(args.render, np.stack([references, estimates_of(references, 0)]))
        return
    if args.peak:
        print(json.dumps(peak(args.cases[0], args.peak, args.seconds)))
        return
    print(
        "| channels | sources | song (s) | museval (CPU s) | bss_eval (CPU s) | times as fast "
        f"| {args.systems} systems (CPU s) | times as fast as {args.systems} times museval "
        "| difference (dB) |\n" + "|---:" * 9 + "|"
    )
    for name in args.cases:
        print(measure(name, args.seconds, args.rounds, args.systems), flush=True)
    if not args.no_memory:
        print(
            "\n| channels | sources | song (s) | before (MiB) | museval adds | bss_eval adds "
            "| peak, of museval's |\n" + "|---:" * 7 + "|"
        )
        for name in args.cases:
            print(memory(name, args.seconds), flush=True)


if __name__ == "__main__":
    main()
