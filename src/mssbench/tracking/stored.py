"""A run as MLflow stores it. Everything here may raise what MLflow raises."""

import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from mssbench.tracking.connection import experiment_id
from mssbench.tracking.origin import code_tags, process_tags

KEY, ATTEMPT, STATE = "mssbench.key", "attempt", "mssbench.state"

# How a run's end is called in MLflow. A stopped run will be continued; MLflow has no word for it.
STATUS = {"FINISHED": "FINISHED", "FAILED": "FAILED", "STOPPED": "KILLED"}

# MLflow refuses what is longer.
LONGEST_PARAM, LONGEST_TAG = 6000, 8000


class StoredRun:
    """One run of an MLflow store.

    Args:
        client: the MLflow client.
        run: the MLflow run, with its data.
    """

    def __init__(self, client: Any, run: Any) -> None:
        self._client, self.id = client, str(run.info.run_id)
        self.status: str = run.info.status
        self.tags: dict[str, str] = dict(run.data.tags)
        self._params = dict(run.data.params)
        self._values: dict[str, float] = dict(run.data.metrics)
        self._last_steps = {key: self._last_step(key) for key in self._values}

    @classmethod
    def begin(
        cls,
        client: Any,
        experiment: str,
        key: str,
        *,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, Any],
    ) -> Self:
        """Continue the run that has ``key``, or create it.

        Where ``tags`` has ``code``, a run of other code is not continued: its curves would be
        those of other weights.
        """
        found = cls.find(client, experiment, key, tags.get("code"))
        attempt = int(found.tags.get(ATTEMPT, 0)) + 1 if found else 1
        origin = {**code_tags(), **process_tags(), ATTEMPT: attempt, STATE: "running"}
        run = found or cls.create(client, experiment, key, name, {**tags, **origin})
        if found:
            found.set_tags({**tags, **origin})
            client.update_run(found.id, status="RUNNING")
        run.log_params(params)
        return run

    @classmethod
    def find(cls, client: Any, experiment: str, key: str, code: str | None = None) -> Self | None:
        """Return the newest run with ``key`` (and ``code``, unless that is None), or None."""
        wanted = f"tags.`{KEY}` = '{key}'"
        if code is not None:
            wanted += f" and tags.code = '{code}'"
        order = ["attributes.start_time DESC"]
        experiments = [experiment_id(client, experiment)]
        found = client.search_runs(experiments, wanted, order_by=order, max_results=1)
        return cls(client, found[0]) if found else None

    @classmethod
    def create(
        cls, client: Any, experiment: str, key: str, name: str, tags: Mapping[str, Any]
    ) -> Self:
        """Create a run with ``key``; MLflow gives it the status RUNNING."""
        text = {tag: as_text(value, LONGEST_TAG) for tag, value in tags.items()}
        where = experiment_id(client, experiment)
        return cls(client, client.create_run(where, run_name=name, tags={**text, KEY: key}))

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Store those of the parameters that the run lacks; stored ones can never change."""
        from mlflow.entities import Param

        missing = [
            Param(name, as_text(value, LONGEST_PARAM))
            for name, value in flatten(params)
            if name not in self._params
        ]
        self._client.log_batch(self.id, params=missing)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags, all at once."""
        from mlflow.entities import RunTag

        text = {name: as_text(value, LONGEST_TAG) for name, value in tags.items()}
        self._client.log_batch(self.id, tags=[RunTag(*tag) for tag in text.items()])
        self.tags |= text

    def log_epoch(self, step: int, metrics: Mapping[str, float | None]) -> None:
        """Store the values of one step that have no value there or later yet.

        Infinity becomes NaN, because MLflow would store and draw 1.8e308. None is left out.
        """
        self._append(
            {
                name: (storable(value), step)
                for name, value in metrics.items()
                if value is not None and step > self._last_steps.get(name, -1)
            }
        )

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Store values that a run has once; a changed one becomes the curve's next point."""
        self._append(
            {
                name: (storable(value), self._last_steps.get(name, -1) + 1)
                for name, value in metrics.items()
                if not same(self._values.get(name), storable(value))
            }
        )

    def log_artifact(self, path: Path, folder: str | None) -> None:
        """Copy the file ``path`` into ``folder`` of the run's files, over one of its name."""
        self._client.log_artifact(self.id, str(path), folder)

    def finish(self, state: str) -> None:
        """End the run as ``FINISHED``, ``FAILED`` or ``STOPPED``."""
        self.set_tags({STATE: state.lower()})
        self._client.set_terminated(self.id, STATUS[state])
        self.status = STATUS[state]

    def _append(self, points: Mapping[str, tuple[float, int]]) -> None:
        from mlflow.entities import Metric

        if not points:
            return
        moment = int(time.time() * 1000)
        batch = [Metric(name, value, moment, step) for name, (value, step) in points.items()]
        self._client.log_batch(self.id, metrics=batch)
        for name, (value, step) in points.items():
            self._values[name], self._last_steps[name] = value, step

    def _last_step(self, name: str) -> int:
        history = self._client.get_metric_history(self.id, name)
        return max((point.step for point in history), default=-1)


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
    """Return ``value``, or NaN where it is infinite."""
    return float("nan") if math.isinf(value) else float(value)


def same(one: float | None, other: float) -> bool:
    """Whether two values are equal; NaN equals NaN."""
    return one is not None and (one == other or (math.isnan(one) and math.isnan(other)))
