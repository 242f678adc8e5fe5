"""Values in the form in which MLflow takes them."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

# MLflow refuses what is longer.
LONGEST_PARAM, LONGEST_TAG, LONGEST_DIGEST = 6000, 8000, 36


def flatten(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested maps, with their keys joined by dots."""
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def as_text(value: Any, longest: int) -> str:
    """Return texts as they are and other values as JSON, cut to ``longest`` characters."""
    return (value if isinstance(value, str) else json.dumps(value))[:longest]


def storable(value: float) -> float:
    """Return ``value``, or NaN where it is infinite: MLflow would store and draw 1.8e308."""
    return float("nan") if math.isinf(value) else float(value)


def same(one: float | None, other: float) -> bool:
    """Whether two values are equal; NaN equals NaN."""
    return one is not None and (one == other or (math.isnan(one) and math.isnan(other)))


def dataset_input(name: str, digest: str, source: str) -> Any:
    """Return what MLflow shows of a data set that a run has read.

    Args:
        name: the data set's.
        digest: of its content; MLflow takes its first 36 characters.
        source: the rendition that was read of it.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    told = json.dumps({"rendition": source})
    entity = Dataset(name, digest[:LONGEST_DIGEST], "mssbench", told)
    return DatasetInput(entity, [InputTag("mlflow.data.context", "training")])
