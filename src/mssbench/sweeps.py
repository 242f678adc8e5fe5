"""Sweeps: an experiment at every combination of some values of its keys."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from mssbench.errors import UserError
from mssbench.models.registry import parameters_of

if TYPE_CHECKING:
    from mssbench.runs import Run

Config = dict[str, Any]

MOST_RUNS = 200
"""Of one sweep, over all seeds: more is hardly meant."""

PARTS = (
    *("model", "params", "rendition", "stretching", "split", "initial"),
    *("training", "separation", "scoring"),
)
"""The keys of an experiment that a sweep may reach into."""


def points(name: str, experiment: Config, where: str) -> dict[str, Config]:
    """Return the experiments that a sweep stands for, by name; one that sweeps nothing is alone.

    Each has a label and a name that say its values, as in ``HTMD-Net, lr 0.001`` and
    ``htmd-net/lr=0.001``, and the key ``swept`` with the sweep's name and its values.

    Args:
        name: of the experiment.
        experiment: resolved; its ``sweep`` maps dotted keys, as in ``training.optimiser.lr``, to
            lists of values, of which all combinations are made.
        where: begins messages.

    Raises:
        UserError: a key is unknown, a list is empty, or there are more than `MOST_RUNS`
            combinations.
    """
    plain = {key: value for key, value in experiment.items() if key != "sweep"}
    grid: dict[str, list[Any]] = experiment.get("sweep") or {}
    if not grid:
        return {name: plain}
    for key, values in grid.items():
        check_key(plain, key, f"{where}: sweep.{key}")
        if not values:
            raise UserError(f"{where}: sweep.{key} is an empty list; give it at least one value")
    check_count(math.prod(map(len, grid.values())), where)
    short = short_names(grid)
    found: dict[str, Config] = {}
    for combination in product(*grid.values()):
        swept = dict(zip(grid, combination, strict=True))
        point = plain
        for key, value in swept.items():
            point = put(point, key.split("."), value)
        told = {short[key]: text(value) for key, value in swept.items()}
        label = ", ".join([plain["label"], *(f"{key} {value}" for key, value in told.items())])
        full = f"{name}/{','.join(f'{key}={value}' for key, value in told.items())}"
        if full in found:
            raise UserError(
                f"{where}: sweep gives two runs the label {label!r}; give each value once"
            )
        found[full] = point | {"label": label, "swept": {"experiment": name, "values": swept}}
    return found


def check_key(experiment: Config, key: str, where: str) -> None:
    """Refuse a dotted key that the experiment cannot have.

    A key of the training, separation or scoring that is not given may have a default; their own
    checks know them.

    Raises:
        UserError: naming what there is.
    """
    head, *rest = key.split(".")
    if head not in PARTS:
        raise UserError(f"{where}: there is no such key; sweep one in {', '.join(PARTS)}")
    below: Any = experiment
    for depth, name in enumerate([head, *rest][:-1], 1):
        below = below.get(name)
        if below is None:
            break
        if not isinstance(below, dict):
            way = ".".join(key.split(".")[:depth])
            raise UserError(f"{where}: {way} is {below!r}, no map of keys; sweep {way} as a whole")
    if head == "params" and rest and rest[0] not in experiment["params"]:
        # Only where the experiment does not tell it: this imports the model.
        allowed = parameters_of(experiment.get("model", ""))
        if rest[0] not in allowed:
            raise UserError(
                f"{where}: model {experiment['model']} has no parameter {rest[0]!r}; allowed are "
                f"{', '.join(allowed) or 'none at all'}"
            )


def check_count(runs: int, where: str) -> None:
    """Refuse a sweep of too many runs.

    Raises:
        UserError: there are more than `MOST_RUNS`.
    """
    if runs > MOST_RUNS:
        raise UserError(
            f"{where}: sweep makes {runs} runs, at most {MOST_RUNS} are allowed; give fewer values"
        )


def check_runs(study: str, runs: Sequence["Run"]) -> None:
    """Refuse sweeps whose runs cannot be told apart, or from those of other experiments.

    Args:
        study: name of the study.
        runs: all of its runs.

    Raises:
        UserError: a sweep makes too many runs, the same run twice, or a label that there is.
    """
    counts = Counter(run.sweep for run in runs if run.sweep)
    made: dict[tuple[str, str], str] = {}
    labels: dict[str, Run] = {}
    for run in runs:
        where = f"study {study}, experiment {run.sweep or run.experiment!r}"
        other = labels.setdefault(run.label, run)
        if other.experiment != run.experiment and (run.sweep or other.sweep):
            raise UserError(
                f"{where}: label {run.label!r} is that of {other.experiment!r}, too; change one "
                "of them"
            )
        if run.sweep is None:
            continue
        check_count(counts[run.sweep], where)
        twin = made.setdefault((run.sweep, run.id), run.experiment)
        if twin != run.experiment:
            raise UserError(
                f"{where}: sweep makes {twin!r} and {run.experiment!r}, which are the same run: "
                f"nothing there depends on {', '.join(run.swept)}"
            )


def put(config: Config, path: list[str], value: Any) -> Config:
    """Return ``config`` with the value at the end of ``path``, a list of keys, replaced."""
    head, *rest = path
    return {**config, head: put(config.get(head) or {}, rest, value) if rest else value}


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """Return the shortest end of each dotted key that no other one has."""
    names = list(keys)
    ends = {name: ends_of(name) for name in names}
    return {
        name: next(
            (end for end in ends[name] if not any(end in ends[o] for o in names if o != name)), name
        )
        for name in names
    }


def ends_of(name: str) -> list[str]:
    """Return the ends of a dotted key, from its last part to the whole."""
    parts = name.split(".")
    return [".".join(parts[first:]) for first in reversed(range(len(parts)))]


def text(value: Any) -> str:
    """Return a value as labels show it."""
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def tags(sweep: str | None, swept: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that group a sweep's tracked runs: its name, and each value."""
    if sweep is None:
        return {}
    return {"sweep": sweep} | {f"sweep.{key}": text(value) for key, value in swept.items()}
