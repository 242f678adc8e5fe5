"""BSSEval versions 3 and 4 for images, exact and many times as fast as museval.

E. Vincent, R. Gribonval and C. Févotte, "Performance measurement in blind audio source
separation", IEEE TASLP 14(4), 2006; version 4: F.-R. Stöter, A. Liutkus and N. Ito, "The 2018
Signal Separation Evaluation Campaign", LVA/ICA 2018. An estimate is projected on all references
delayed by 0 to L - 1 samples, and on those of its own source. Version 4 takes the filters of the
whole song and applies them to the references of each window; version 3 finds filters for each.

The values are museval's wherever those do not hang on rounding, and so are the windows, the
permutations and NaN: of a window in which any reference or estimate is silent, nothing is scored,
and one such window makes version 4 keep the given order. In these points the rule is another:

- Silent is what has no sample but zeros. museval adds up the channels first, so that to it a
  source whose right channel is the negative of the left one is silent.
- A source or an estimate that is silent throughout leaves NaN everywhere. museval refuses the song.
- Where the references' Gram matrix is singular, the least-squares filters are close to those of
  least norm. museval means to take these, but fails with NumPy 2.
- An estimate that is its reference has an SDR of infinity, and so has one source alone an SIR.
  museval's rounding may leave some 300 dB.
- A sample that is NaN or infinite is refused. museval gives NaN for all windows.

How: the error of an estimate is all that its SDR needs. The other energies are quadratic forms of
the filters and the correlations of each window's signals at the filters' lags, so nothing is
filtered; where a form has lost its digits to cancellation (a projection some 80 dB below what it is
made of), that window is filtered after all.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mssbench.scoring.backends import backend_of
from mssbench.scoring.comparison import Comparison
from mssbench.scoring.decomposition import Estimates, Pair, pairs_of, ratios
from mssbench.scoring.references import References

WINDOW, HOP = 2 * 44100, 1.5 * 44100
"""museval's defaults (samples)."""


class Scores(NamedTuple):
    """Metrics (dB) of J sources in W windows.

    Attributes:
        SDR: source to distortion ratio, (J, W).
        ISR: image to spatial distortion ratio, (J, W).
        SIR: source to interference ratio, (J, W).
        SAR: source to artefacts ratio, (J, W).
        permutation: which estimate is scored as that of each source: (J, 1) for the whole song,
            (J, W) with filters for each window.
    """

    SDR: np.ndarray
    ISR: np.ndarray
    SIR: np.ndarray
    SAR: np.ndarray
    permutation: np.ndarray


def bss_eval(  # noqa: PLR0917 (museval's)
    reference_sources: np.ndarray,
    estimated_sources: np.ndarray,
    window: float = WINDOW,
    hop: float = HOP,
    compute_permutation: bool = False,
    filters_len: int = 512,
    framewise_filters: bool = False,
    bsseval_sources_version: bool = False,
    *,
    threads: int = 1,
    device: str = "cpu",
) -> Scores:
    """Return SDR, ISR, SIR and SAR of estimates in windows, and the estimates' order.

    The positional arguments are those of ``museval.metrics.bss_eval``.

    Args:
        reference_sources: the true sources (sources, samples, channels); a source or a channel
            that is the only one may lack its axis.
        estimated_sources: of the same shape.
        window: length of a window (samples); infinite for the whole signals.
        hop: distance of two windows (samples).
        compute_permutation: score the estimates in the order of the greatest mean SIR, of the
            song or with ``framewise_filters`` of each window.
        filters_len: taps of the distortion filters, L.
        framewise_filters: filters of each window, as in version 3.
        bsseval_sources_version: must be False: what is computed is BSSEval for images.
        threads: how many work at once; the values do not hang on it.
        device: where the heavy parts are computed: by NumPy on ``cpu``, by torch in float64 on
            another, such as ``cuda``, whose values differ by rounding.

    Raises:
        ValueError: the shapes differ or have no samples, a sample is NaN or infinite, torch cannot
            compute on the device, or ``bsseval_sources_version`` is True.
    """
    if bsseval_sources_version:
        raise ValueError(
            "bsseval_sources_version is True; only False, BSSEval for images, is computed here: "
            "call museval.metrics.bss_eval for the other"
        )
    truth, guess = (
        np.moveaxis(np.atleast_3d(s), 1, 2) for s in (reference_sources, estimated_sources)
    )
    prepared = References(
        truth,
        window,
        hop,
        filters_len,
        framewise_filters=framewise_filters,
        threads=threads,
        backend=backend_of(device, truth.size),
    )
    (scores,) = evaluate(prepared, [guess], compute_permutation)
    return scores


def evaluate(
    references: References, systems: Sequence[np.ndarray], compute_permutation: bool = False
) -> list[Scores]:
    """Return the scores of systems' estimates of one song.

    All systems are gone through at once, which takes W (J C)^2 L numbers for each of them beside
    its audio.

    Args:
        references: of the song.
        systems: estimates, each (J, C, N).
        compute_permutation: as for ``bss_eval``.

    Raises:
        ValueError: the estimates' shape is not the references', or a sample is NaN or infinite.
    """
    truth = references.signals
    for estimates in systems:
        if estimates.shape != truth.shape:
            raise ValueError(
                f"estimates are {estimates.shape} (sources, channels, samples), "
                f"the references {truth.shape}; they must be alike"
            )
    compared = [Comparison(references, system) for system in systems]
    J, C, _ = truth.shape
    energies = np.empty((len(references.windows), len(systems) * J * C))
    parts, song = references.correlations_with([one.cut for one in compared], energies)
    if not (np.isfinite(parts[..., 0]).all() and (song is None or np.isfinite(song).all())):
        raise ValueError("an estimate has samples that are NaN or infinite")
    made = []
    for number, one in enumerate(compared):
        own = slice(number * J * C, (number + 1) * J * C)
        of_one = energies[:, own].reshape(-1, J, C).sum(axis=2)
        errors = one.errors(of_one, compute_permutation)
        scored: np.ndarray = ~np.any(references.silent | one.silent, axis=1)
        made.append(Estimates(one.shifts, one.cut, of_one, errors, scored, parts[:, :, own]))
    orders = np.array(list(itertools.permutations(range(J))) if compute_permutation else [range(J)])
    wanted = sorted({(j, k) for order in orders.tolist() for j, k in enumerate(order)})
    every = np.full((len(made), 4, J, J, len(references.windows)), np.nan)
    for windows, of_systems in _filters(references, made, parts, song, wanted):
        for system, pairs, scores in zip(made, of_systems, every, strict=True):
            found = ratios(references, system, pairs, windows)
            for pair, of_pair in zip(pairs, found, strict=True):
                scores[:, pair.source, pair.estimate, windows] = of_pair
    return [
        _ordered(scores, system.scored, orders, framewise=song is None)
        for system, scores in zip(made, every, strict=True)
    ]


def _filters(
    references: References,
    systems: Sequence[Estimates],
    parts: np.ndarray,
    song: np.ndarray | None,
    wanted: Sequence[tuple[int, int]],
) -> Iterator[tuple[slice, list[list[Pair]]]]:
    """Yield windows and the filters of each system that hold in them."""
    shifts = np.stack([one.shifts for one in systems])
    scored = np.any([one.scored for one in systems], axis=0)
    if song is None:
        for window in np.flatnonzero(scored).tolist():
            projections = references.projections_of(references.correlations[0][window])
            yield slice(window, window + 1), pairs_of(projections, parts[window], shifts, wanted)
    elif scored.any():
        yield slice(None), pairs_of(references.projections, song, shifts, wanted)


def _ordered(
    every: np.ndarray, scored: np.ndarray, orders: np.ndarray, *, framewise: bool
) -> Scores:
    """Return the scores of one system in the best order: NaN but in the windows that can be scored.

    Args:
        every: metrics of source j and estimate k, (4, J, J, W) of [metric, j, k, w].
        scored: whether nothing is silent in a window, (W,).
        orders: of the estimates, (orders, J).
        framewise: choose an order for each window, not one for all of them.
    """
    _, J, _, W = every.shape
    every = np.where(scored, every, np.nan)
    sources = np.arange(J)
    sir = np.stack([every[2, sources, order] for order in orders])
    mean = sir.mean(axis=1) if framewise else sir.mean(axis=(1, 2))[:, None]
    chosen = orders[np.argmax(mean, axis=0)].T
    sdr, isr, sir, sar = every[:, sources[:, None], chosen, np.arange(W)]
    return Scores(sdr, isr, sir, sar, chosen)
