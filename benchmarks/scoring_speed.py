"""BSSEval version 4 by museval and by the engine bss_eval, in turns."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import museval.metrics
import numpy as np
from scoring_songs import CASES, estimates_of, song

from mssbench.scoring.backends import backend_of
from mssbench.scoring.bsseval import Scores, evaluate
from mssbench.scoring.protocol import METRICS
from mssbench.scoring.references import References

CONDITIONED = 100  # dB: above, rounding decides


class Time(NamedTuple):
    """Seconds by the clock, and of CPU, which other processes disturb less."""

    clock: float
    cpu: float


def by_museval(references: np.ndarray, estimates: np.ndarray, rate: int) -> list[Scores]:
    """Score one system with museval, in windows of 1 s."""
    signals = (s.astype(np.float64).swapaxes(1, 2) for s in (references, estimates))
    return [Scores(*museval.metrics.bss_eval(*signals, window=rate, hop=rate))]


def by_ours(
    references: np.ndarray, systems: list[np.ndarray], rate: int, threads: int, device: str = "cpu"
) -> list[Scores]:
    """Score systems on one song as `mssbench score` does, in windows of 1 s."""
    how = {"threads": threads, "backend": backend_of(device, references.size)}
    return evaluate(References(references, rate, rate, **how), systems)


def timed(work: Callable[[], list[Scores]]) -> tuple[Time, list[Scores]]:
    """Return the time that ``work`` takes and what it returns."""
    clock, cpu = time.perf_counter(), time.process_time()
    result = work()
    return Time(time.perf_counter() - clock, time.process_time() - cpu), result


def medians(times: list[Time]) -> Time:
    """Return the median of each kind of seconds."""
    return Time(*(statistics.median(kind) for kind in zip(*times, strict=True)))


def difference(found: Scores, expected: Scores) -> float:
    """Return the largest difference (dB) among values below 100 dB; infinite if others are NaN."""
    largest = 0.0
    for own, other in zip(found[: len(METRICS)], expected, strict=False):
        if not np.array_equal(np.isnan(own), np.isnan(other)):
            return float("inf")
        below = np.abs(other) < CONDITIONED
        largest = max(largest, np.abs(own[below] - other[below]).max(initial=0))
    return largest


def against_museval(
    name: str, seconds: float, rounds: int, systems: int, *, threads: int, device: str
) -> str:
    """Return the table's line of one case; ours is on ``device``."""
    case = CASES[name]
    references = song(case, seconds)
    made = [estimates_of(references, seed) for seed in range(systems)]
    work = {
        "museval": lambda: by_museval(references, made[0], case.rate),
        "one": lambda: by_ours(references, made[:1], case.rate, threads, device),
        "all": lambda: by_ours(references, made, case.rate, threads, device),
        "one alone": lambda: by_ours(references, made[:1], case.rate, 1, device),
        "all alone": lambda: by_ours(references, made, case.rate, 1, device),
    }
    spent: dict[str, list[Time]] = {what: [] for what in work}
    largest = 0.0
    work["one alone"]()  # compiled code is loaded, or compiled the first time
    for _ in range(rounds):
        for what, run in work.items():
            elapsed, result = timed(run)
            spent[what].append(elapsed)
            if what == "museval":
                expected = result[0]
            largest = max(largest, difference(result[0], expected))
    took = {what: medians(times) for what, times in spent.items()}
    theirs = took["museval"]
    cells = [f"{case.layout} | {case.sources} | {seconds:g} | {theirs.clock:.2f}"]
    for what, count in {"one": 1, "all": systems}.items():
        ours, alone = took[what], took[f"{what} alone"]
        cells += [f"{ours.clock:.3f}", f"{count * theirs.clock / ours.clock:.0f}"]
        cells += [f"{count * theirs.cpu / alone.cpu:.0f}"]
    return f"| {' | '.join(cells)} | {largest:.0e} |"


def cost(name: str, seconds: float, rounds: int, systems: int, *, device: str) -> str:
    """Return the line of what a case costs without museval: CPU seconds of one thread.

    On another device, seconds by the clock.
    """
    case = CASES[name]
    references = song(case, seconds)
    made = [estimates_of(references, seed) for seed in range(systems)]
    spent, now = [], time.process_time if device == "cpu" else time.perf_counter
    for _ in range(rounds):
        start = now()
        backend = backend_of(device, references.size)
        prepared = References(references, case.rate, case.rate, backend=backend)
        _ = prepared.correlations
        correlated = now()
        _ = prepared.projections
        factorised = now()
        evaluate(prepared, made)
        done = now()
        spent.append((correlated - start, factorised - correlated, (done - factorised) / systems))
    took = [statistics.median(kind) for kind in zip(*spent, strict=True)]
    cells = [case.layout, str(case.sources), f"{seconds:g}", str(systems)]
    return f"| {' | '.join(cells + [f'{seconds:.3f}' for seconds in took])} |"
