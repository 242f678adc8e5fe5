"""Comparison of the two engines on the same songs."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mssbench.scoring.job import Job
from mssbench.scoring.protocol import METRICS

SEED = 0

# Of ratios above, rounding in the filters decides, in museval as in any other way to compute them.
CONDITIONED = 100  # dB


@dataclass(frozen=True)
class Agreement:
    """How far two engines agree on one metric.

    Attributes:
        values: how many they both gave.
        largest: difference (dB) among those that museval puts below ``CONDITIONED``; 0 of none.
        unlike: how many are NaN or infinite in one engine alone.
    """

    values: int
    largest: float
    unlike: int


def chosen(names: Sequence[str], count: int) -> list[str]:
    """Return the names of ``count`` songs, or all, drawn alike in every run."""
    ordered = sorted(names)
    return sorted(random.Random(SEED).sample(ordered, min(count, len(ordered))))


def verify(jobs: Sequence[Job]) -> dict[str, Agreement]:
    """Score songs with both engines and return how far they agree, metric by metric.

    Raises:
        UserError: the estimates are missing, damaged or not like the references.
    """
    values: dict[str, list[np.ndarray]] = {metric: [] for metric in METRICS}
    for job in jobs:
        own = replace(job.protocol, engine="bss_eval", measures=METRICS)
        musevals = replace(own, engine="museval", device="cpu")
        ours, theirs = (
            replace(job, protocol=protocol).scores().windows for protocol in (own, musevals)
        )
        for target, metrics in theirs.items():
            for metric in METRICS:
                values[metric].append(np.stack([ours[target][metric], metrics[metric]]))
    return {metric: agreement(*np.concatenate(found, 1)) for metric, found in values.items()}


def agreement(ours: np.ndarray, musevals: np.ndarray) -> Agreement:
    """Compare the values of two engines (dB)."""
    both = np.isfinite(ours) & np.isfinite(musevals)
    same = both | (np.isnan(ours) & np.isnan(musevals)) | (ours == musevals)
    compared = both & (np.abs(musevals) < CONDITIONED)
    largest = np.abs(ours[compared] - musevals[compared]).max(initial=0)
    return Agreement(ours.size, float(largest), int((~same).sum()))
