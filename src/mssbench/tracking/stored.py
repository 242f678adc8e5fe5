"""A run as MLflow stores it. Everything here may raise what MLflow raises."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from mssbench.tracking.experiments import experiment_id
from mssbench.tracking.form import (
    LONGEST_PARAM,
    LONGEST_TAG,
    as_text,
    dataset_input,
    flatten,
    same,
    storable,
)

KEY, ATTEMPT, STATE = "mssbench.key", "attempt", "mssbench.state"

# Which attempts have been counted, by name.
ATTEMPTS, MOST_ATTEMPTS = "mssbench.attempts", 200

# How a run's end is called in MLflow. A stopped run will be continued; MLflow has no word for it.
STATUS = {"FINISHED": "FINISHED", "FAILED": "FAILED", "STOPPED": "KILLED"}


class Refused(Exception):  # noqa: N818 (MLflow's answer, not an error of ours)
    """A record that can never be stored."""


@dataclass
class Curve:
    """What a store has of a metric.

    Attributes:
        last_step: the highest step; -1 without points.
        value: the value there.
        points: moment (ms) and value, as text, of each point.
    """

    last_step: int = -1
    value: float | None = None
    points: set[tuple[int, str]] = field(default_factory=set)


class StoredRun:
    """One run of an MLflow store.

    What the run has already is passed over, so that all may be given again. Points of curves wait
    until `flush` sends them together.

    Args:
        client: the MLflow client.
        run: the MLflow run, with its data.
    """

    def __init__(self, client: Any, run: Any) -> None:
        self._client, self.id = client, str(run.info.run_id)
        self.status: str = run.info.status
        self.experiment = str(run.info.experiment_id)
        self.tags: dict[str, str] = dict(run.data.tags)
        self.params: dict[str, str] = dict(run.data.params)
        # Its curves are read when they are continued.
        self._curves: dict[str, Curve | None] = dict.fromkeys(run.data.metrics)
        self._waiting: list[tuple[str, float, int, int]] = []

    @classmethod
    def begin(cls, client: Any, record: Mapping[str, Any]) -> Self:
        """Continue the run that a journal's first record tells of, or create it.

        Where its tags have ``code``, a run of other code is not continued: its curves would be
        those of other weights.
        """
        given, attempt, moment = record["tags"], record["attempt"], record["at"]
        found = cls.find(client, record["experiment"], record["key"], given.get("code"))
        known = found.tags.get(ATTEMPTS, "").split() if found else []
        if found and attempt in known:
            run = found
        else:
            count = int(found.tags.get(ATTEMPT, 0)) + 1 if found else 1
            of_attempt = {ATTEMPTS: " ".join([*known, attempt][-MOST_ATTEMPTS:]), ATTEMPT: count}
            tags = {**given, **of_attempt, STATE: "running"}
            where, key, name = record["experiment"], record["key"], record["name"]
            run = found or cls.create(client, where, key, name, tags, moment=moment)
            if found:
                client.update_run(run.id, status="RUNNING")
                run.set_tags(tags)
        run.describe(record["params"], record["dataset"])
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
        cls,
        client: Any,
        experiment: str,
        key: str,
        name: str,
        tags: Mapping[str, Any],
        *,
        moment: int | None = None,
    ) -> Self:
        """Create a run with ``key``, begun at ``moment`` (ms); MLflow calls it RUNNING."""
        text = {tag: as_text(value, LONGEST_TAG) for tag, value in tags.items()}
        where, text[KEY] = experiment_id(client, experiment), key
        return cls(client, client.create_run(where, moment, run_name=name, tags=text))

    def apply(self, record: Mapping[str, Any]) -> None:
        """Store a record of a journal, but for its first.

        Raises:
            Refused: there is no such kind of record.
        """
        moment = record["at"]
        match record["kind"]:
            case "epoch":
                self.add_epoch(record["step"], record["metrics"], moment)
            case "metrics":
                self.add_metrics(record["metrics"], moment)
            case "sample":
                self.add_sample(record["metrics"], moment)
            case "tags":
                self.set_tags(record["tags"])
            case "artifact":
                self.log_artifact(Path(record["path"]), record["folder"])
            case "text":
                self._client.log_text(self.id, record["text"], record["file"])
            case "finish":
                self.finish(record["state"], moment)
            case other:
                raise Refused(f"records of kind {other!r} are not known")

    def describe(self, params: Mapping[str, Any], dataset: Mapping[str, str] | None) -> None:
        """Store the resolved configuration, as parameters and as a file, and the data set."""
        self.log_params(params)
        if params:
            text = yaml.safe_dump(dict(params), sort_keys=False, allow_unicode=True)
            self._client.log_text(self.id, text, "config.yaml")
        if dataset:
            self._client.log_inputs(self.id, datasets=[dataset_input(**dataset)])

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Store those of the parameters that the run lacks; stored ones can never change."""
        from mlflow.entities import Param

        missing = [
            Param(name, as_text(value, LONGEST_PARAM))
            for name, value in flatten(params)
            if name not in self.params
        ]
        self._client.log_batch(self.id, params=missing)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags, all at once."""
        from mlflow.entities import RunTag

        text = {name: as_text(value, LONGEST_TAG) for name, value in tags.items()}
        self._client.log_batch(self.id, tags=[RunTag(*tag) for tag in text.items()])
        self.tags |= text

    def add_epoch(self, step: int, metrics: Mapping[str, float | None], moment: int) -> None:
        """Add the values of one step that have no value there or later yet.

        Infinity becomes NaN. None is left out.
        """
        for name, value in metrics.items():
            if value is not None and step > self._curve(name).last_step:
                self._add(name, value, step, moment)

    def add_metrics(self, metrics: Mapping[str, float], moment: int) -> None:
        """Add values that a run has once; a changed one becomes the curve's next point."""
        for name, value in metrics.items():
            if not same(self._curve(name).value, storable(value)):
                self.add_sample({name: value}, moment)

    def add_sample(self, metrics: Mapping[str, float], moment: int) -> None:
        """Add values at their curves' next step, unless they have them of this moment (ms)."""
        for name, value in metrics.items():
            curve = self._curve(name)
            if (moment, repr(storable(value))) not in curve.points:
                self._add(name, value, curve.last_step + 1, moment)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Store values that a run has once, at once."""
        self.add_metrics(metrics, int(time.time() * 1000))
        self.flush()

    def flush(self) -> None:
        """Send the points that wait."""
        from mlflow.entities import Metric

        waiting, self._waiting = self._waiting, []
        if waiting:
            points = [Metric(name, value, at, step) for name, value, step, at in waiting]
            self._client.log_batch(self.id, metrics=points)

    def log_artifact(self, path: Path, folder: str | None) -> None:
        """Copy the file ``path`` into ``folder`` of the run's files, over one of its name."""
        self._client.log_artifact(self.id, str(path), folder)

    def finish(self, state: str, moment: int | None = None) -> None:
        """End the run as ``FINISHED``, ``FAILED`` or ``STOPPED``, at ``moment`` (ms)."""
        self.flush()
        self.set_tags({STATE: state.lower()})
        self._client.set_terminated(self.id, STATUS[state], moment)
        self.status = STATUS[state]

    def _add(self, name: str, value: float, step: int, moment: int) -> None:
        curve = self._curve(name)
        curve.last_step, curve.value = step, storable(value)
        curve.points.add((moment, repr(curve.value)))
        self._waiting.append((name, curve.value, step, moment))

    def _curve(self, name: str) -> Curve:
        curve = self._curves.get(name)
        if curve is None:
            found = self._client.get_metric_history(self.id, name) if name in self._curves else []
            last = max(found, key=lambda point: (point.step, point.timestamp), default=None)
            curve = Curve(last.step, last.value) if last else Curve()
            curve.points = {(point.timestamp, repr(point.value)) for point in found}
            self._curves[name] = curve
        return curve
