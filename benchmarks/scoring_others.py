"""The engine bss_eval beside packages that compute version 3 over a whole song.

Of the filtered "sources" metrics of fast_bss_eval and mir_eval, SIR and SAR of mono signals are
those of version 3 for images; their SDR is another measure. Neither is needed for anything else.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from scoring_songs import CASES, estimates_of, song
from scoring_speed import medians, timed

from mssbench.scoring.bsseval import Scores, bss_eval

Signals = tuple[np.ndarray, np.ndarray]


def by_fast_bss_eval(signals: Signals) -> Scores:
    """Score by solving for the filters exactly, in float64.

    By way of torch: the package's code for NumPy fails with NumPy 2.
    """
    import torch
    from fast_bss_eval import bss_eval_sources

    torch.set_num_threads(1)
    tensors = [torch.from_numpy(signal) for signal in signals]
    found = bss_eval_sources(*tensors, compute_permutation=False)
    sdr, sir, sar = (values.numpy() for values in found[:3])
    return Scores(sdr, sdr, sir, sar, np.arange(len(sdr)))


def by_mir_eval(signals: Signals) -> Scores:
    """Score by mir_eval, which says at each call that this part of it is old."""
    from mir_eval.separation import bss_eval_sources

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        sdr, sir, sar, order = bss_eval_sources(*signals, compute_permutation=False)
    return Scores(sdr, sdr, sir, sar, order)


OTHERS: dict[str, Callable[[Signals], Scores]] = {
    "fast_bss_eval": by_fast_bss_eval,
    "mir_eval": by_mir_eval,
}


def against_others(sources: int, seconds: float, rounds: int) -> list[str]:
    """Return a line for each package: one thread, mono, a whole song as one window."""
    case = CASES[f"mono-{sources}"]
    references = song(case, seconds)
    signals = tuple(s[:, 0].astype(np.float64) for s in (references, estimates_of(references, 0)))
    lines = []
    for package, theirs in OTHERS.items():
        if find_spec(package) is None:
            lines.append(f"{package} is not installed: left out")
            continue
        spent = []
        for _ in range(rounds):
            own_time, own = timed(lambda: [_whole_song(signals)])
            their_time, other = timed(lambda theirs=theirs: [theirs(signals)])
            spent.append((own_time, their_time))
        ours, others = (medians(list(times)) for times in zip(*spent, strict=True))
        apart = max(
            np.abs(getattr(own[0], metric)[:, 0] - getattr(other[0], metric)).max()
            for metric in ("SIR", "SAR")
        )
        lines.append(
            f"| {package} | {sources} | {seconds:g} | {others.cpu:.2f} | {ours.cpu:.2f} "
            f"| {others.cpu / ours.cpu:.1f} | {apart:.0e} |"
        )
    return lines


def _whole_song(signals: Signals) -> Scores:
    return bss_eval(*signals, window=np.inf, hop=np.inf, framewise_filters=True)
