"""What of a study is checked before any job starts, though jobs would refuse it too."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mssbench.data.splits import check_split
from mssbench.errors import UserError
from mssbench.scoring.measures import MEASURES
from mssbench.scoring.protocol import Protocol
from mssbench.scoring.protocols import laid_over
from mssbench.study import Config, Study
from mssbench.training.config import TrainingConfig

if TYPE_CHECKING:
    from mssbench.runs import Run


@contextmanager
def naming(experiment: str) -> Iterator[None]:
    """Let a UserError say which experiment it is about."""
    try:
        yield
    except UserError as error:
        raise UserError(f"experiment {experiment!r}: {error}") from None


def check_training(name: str, config: Config) -> None:
    """Check what a training would refuse, before any job starts.

    Raises:
        UserError: naming the experiment and the key.
    """
    with naming(name):
        TrainingConfig.from_dict(config)
        check_split(config["split"], config["dataset"]["name"])


def scored(name: str, scoring: Config) -> Config:
    """Return an experiment's ``scoring`` with the protocol that it names spelled out.

    Raises:
        UserError: naming the experiment and the key that a scoring would refuse.
    """
    with naming(name):
        Protocol.from_config(scoring)
        return laid_over(scoring)


def check_tables(study: Study, runs: "Sequence[Run]") -> None:
    """Check that the tables' metrics are computed and tests possible, before any job starts.

    Raises:
        UserError: naming the table, and the metric that none of its rows is scored with or the
            experiment that there is not.
    """
    for name, table in study.tables.items():
        against, names = table.get("test", {}).get("against", "best"), [*study.experiments]
        if against not in ("best", *names, *study.imported):
            raise UserError(
                f"study {study.name!r}: tables.{name}.test.against is {against!r}; allowed are "
                f"{', '.join(['best', *names, *study.imported])}"
            )
        chosen = table.get("rows", study.experiments)
        rows = [run for run in runs if {run.experiment, run.sweep}.intersection(chosen)]
        protocols = [Protocol.from_config(run.config["scoring"]) for run in rows]
        there = dict.fromkeys(metric for protocol in protocols for metric in protocol.metrics)
        for metric in table["metrics"]:
            where = f"study {study.name!r}: tables.{name}.metrics has {metric!r}"
            if metric not in MEASURES:
                raise UserError(f"{where}; allowed are {', '.join(MEASURES)}")
            if there and metric not in there:
                raise UserError(
                    f"{where}, which scoring.measures of its rows does not name (they have "
                    f"{', '.join(there)}): add it there"
                )
