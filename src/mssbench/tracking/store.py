"""The store as a whole: made before any job uses it, and mended when jobs have died."""

import logging
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mssbench.atomic import atomic_path
from mssbench.errors import UserError
from mssbench.masking import masked
from mssbench.tracking.connection import (
    OFF,
    WHAT_NEXT,
    client,
    database_file,
    is_server,
    reach,
)
from mssbench.tracking.experiments import add_experiment
from mssbench.tracking.failures import telling_failures
from mssbench.tracking.origin import is_alive
from mssbench.tracking.stored import STATE, STATUS
from mssbench.tracking.sync import sync

log = logging.getLogger(__name__)

MOST_RUNS = 50_000


def initialise(uri: str, experiments: Iterable[str], artifact_root: Path | str) -> None:
    """Make the store and its experiments; what is there already is kept.

    This comes before several jobs use the store: of several that open an empty SQLite file, or
    create the same experiment, all but one fail.

    Args:
        uri: the store's address, or ``OFF``, for which nothing is done.
        experiments: their names.
        artifact_root: folder for the runs' files, a folder an experiment. A server keeps files
            where it was told when it was started.

    Raises:
        UserError: the store cannot be made, opened or reached.
    """
    if uri == OFF:
        return
    with telling_failures(uri, WHAT_NEXT):
        connected = opened(uri)
        for name in experiments:
            location = (
                None if is_server(uri) else Path(artifact_root).absolute().joinpath(name).as_uri()
            )
            add_experiment(connected, name, location)


def opened(uri: str) -> Any:
    """Return an MLflow client of a store, which is made or migrated before.

    Raises:
        UserError: the store cannot be made, opened or reached.
    """
    file = database_file(uri)
    if file is not None:
        create(file) if not file.exists() else migrate(uri)
    return reach(uri)


def create(file: Path) -> None:
    """Make an empty SQLite store, which takes seconds; a killed process leaves no part of one."""
    log.info("Making an MLflow store at %s", file)
    with atomic_path(file) as temporary:
        client(f"sqlite:///{temporary.absolute()}").search_experiments()


def migrate(uri: str) -> None:
    """Bring a store of an older MLflow to the present one's form.

    Raises:
        UserError: MLflow cannot do it.
    """
    try:
        client(uri).search_experiments(max_results=1)
    except Exception as error:
        if "out-of-date" not in str(error):
            return  # reported where the store is opened
    else:
        return
    log.info("Migrating the MLflow store %s", masked(uri))
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", uri]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        log.info("%s", masked(done.stderr))
        raise UserError(f"MLflow cannot migrate its store {masked(uri)}; the reason stands above")


def repair(uri: str) -> list[str]:
    """Mark runs as failed whose process has died without a word.

    MLflow shows them as running for ever. What jobs have left in the outbox is sent before: it may
    hold that word. Runs of other hosts count as alive unless SLURM says that their job has ended.

    Returns:
        The names of those runs.

    Raises:
        UserError: the store cannot be reached.
    """
    if uri == OFF:
        return []
    connected = reach(uri)
    sync(uri)
    with telling_failures(uri, WHAT_NEXT):
        lost = lost_runs(connected)
        for run in lost:
            connected.set_tag(run.info.run_id, STATE, "lost")
            connected.set_terminated(run.info.run_id, STATUS["FAILED"])
    return [run.info.run_name for run in lost]


def lost_runs(connected: Any) -> list[Any]:
    """Return MLflow's runs that say RUNNING and whose process has died."""
    experiments = [experiment.experiment_id for experiment in connected.search_experiments()]
    wanted = "attributes.status = 'RUNNING'"
    running = connected.search_runs(experiments, wanted, max_results=MOST_RUNS)
    return [run for run in running if not is_alive(run.data.tags)]
