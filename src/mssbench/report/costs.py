"""What systems cost: parameters, time to train, time to separate."""

from collections.abc import Sequence
from dataclasses import dataclass

from mssbench.errors import UserError
from mssbench.report.aggregate import require
from mssbench.report.config import Experiment
from mssbench.report.sources import Sources, read_json

COSTS = {
    "parameters": "trainable parameters",
    "training": "time to train (s)",
    "separation": "time to separate (s a second of music)",
}
"""Cost -> what an axis calls it."""


@dataclass(frozen=True)
class Cost:
    """What a system costs.

    Attributes:
        value: mean over seeds, in the unit of ``COSTS``; None where there is no such cost, since
            nothing is learned.
        devices: what it was measured on, as in ``cpu``; empty for parameters.
    """

    value: float | None
    devices: frozenset[str]


def cost_of(system: Experiment, kind: str, sources: Sources) -> Cost:
    """Return one cost of a system.

    Parameters and seconds of training stand in ``run.json``, the share of a song's length that
    separating it took in ``estimates.json``. A training that continued counts as a whole.

    Args:
        system: a system of the study.
        kind: a key of ``COSTS``.
        sources: the files.

    Raises:
        UserError: the kind is unknown, or a file is missing or lacks the cost.
    """
    require("costs", [kind], COSTS)
    if kind == "separation":
        names = [row.separated for row in system.rows]
        option, files, file, key = (
            "--estimates",
            sources.estimates,
            "estimates.json",
            "realtime_factor",
        )
    else:
        names = [row.trained for row in system.rows if row.trained]
        option, files, file = "--runs", sources.runs, "run.json"
        key = "parameters" if kind == "parameters" else "seconds"
    contents = [read_json(option, files, name, file) for name in names]
    for name, content in zip(names, contents, strict=True):
        if not isinstance(content.get(key), int | float):
            raise UserError(
                f"{files[name]}: it lacks {key!r}, a number; give a {file} that mssbench wrote"
            )
    values = [float(content[key]) for content in contents]
    devices = set() if kind == "parameters" else {str(each.get("device")) for each in contents}
    return Cost(sum(values) / len(values) if values else None, frozenset(devices))


def costs_of(
    systems: Sequence[Experiment], kinds: Sequence[str], sources: Sources
) -> dict[str, dict[str, Cost]]:
    """Return the costs of systems by name and kind.

    Bounds, which are no systems, and systems whose scores alone are known have none.

    Args:
        systems: experiments of the study.
        kinds: keys of ``COSTS``.
        sources: the files.

    Raises:
        UserError: a kind is unknown, or a file is missing or lacks the cost.
    """
    require("columns", kinds, COSTS)
    return {
        each.name: {
            kind: Cost(None, frozenset())
            if each.is_bound or any(row.imported for row in each.rows)
            else cost_of(each, kind, sources)
            for kind in kinds
        }
        for each in systems
    }


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return which points no other one beats, from the cheapest to the dearest.

    A point is beaten by one that costs no more and is no worse, and differs in one of the two.

    Args:
        points: cost and quality of each.
    """
    front = [
        place
        for place, (cost, quality) in enumerate(points)
        if not any(c <= cost and q >= quality and (c, q) != (cost, quality) for c, q in points)
    ]
    return sorted(front, key=lambda place: points[place])
