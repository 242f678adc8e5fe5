"""How many of a model's parameters are in which of its parts."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from mssbench.errors import UserError
from mssbench.report.config import Experiment
from mssbench.report.costs import Cost
from mssbench.report.sources import Sources, read_json

PARAMETERS_OF = "parameters of "
"""Begins the kind of such a cost, as in ``parameters of encoder``."""


def part_costs(
    systems: Sequence[Experiment], parts: Sequence[str], sources: Sources
) -> dict[str, dict[str, Cost]]:
    """Return the trainable parameters of parts of systems by the system's name and kind of cost.

    The parts are what the model is made of in its code, such as ``encoder``; the configuration in
    ``run.json`` says which model it is. Systems that nothing is learned for have none.

    Args:
        systems: experiments of the study.
        parts: names of attributes that each trained system's model has.
        sources: the files.

    Raises:
        UserError: a file is missing or says of no model, or a model has no such part.
    """
    return {
        each.name: {f"{PARAMETERS_OF}{part}": part_cost(each, part, sources) for part in parts}
        for each in systems
    }


def part_cost(system: Experiment, part: str, sources: Sources) -> Cost:
    """Return the parameters of one part of a system; the mean over its trainings."""
    values = []
    for name in (row.trained for row in system.rows if row.trained):
        model = model_of(name, sources)
        counts = counts_of(json.dumps(model, sort_keys=True))
        if part not in counts:
            raise UserError(
                f"parts: model {model['name']} of {system.name} has no part {part!r}; "
                f"allowed are {', '.join(counts)}"
            )
        values.append(counts[part])
    return Cost(sum(values) / len(values) if values else None, frozenset())


def model_of(name: str, sources: Sources) -> dict[str, Any]:
    """Return the model, name and params, that a training's ``run.json`` tells of."""
    content = read_json("--runs", sources.runs, name, "run.json")
    match content.get("config"):
        case {"model": {"name": str(), "params": dict()} as model}:
            return model
    raise UserError(
        f"{sources.runs[name]}: it lacks the model in 'config'; give a run.json that mssbench wrote"
    )


@cache
def counts_of(model: str) -> dict[str, int]:
    """Return the trainable parameters of each part that has any, of a model given as JSON."""
    from torch import nn

    from mssbench.models.registry import build

    made = build(**json.loads(model))
    parts = made.named_children() if isinstance(made, nn.Module) else ()
    counts = {
        name: sum(weights.numel() for weights in part.parameters() if weights.requires_grad)
        for name, part in parts
    }
    return {name: count for name, count in counts.items() if count}
