"""MLflow's experiments: one of all trainings, and one a study."""

import logging
from typing import Any
from urllib.parse import quote

from mssbench.errors import UserError
from mssbench.tracking.connection import is_server

log = logging.getLogger(__name__)

# The experiment of all trainings: studies share them. A study has one of its own.
TRAININGS = "trainings"

# MLflow's pages open with curves and scores, not with what they have for language models.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}


def experiment_id(connected: Any, name: str) -> str:
    """Return the id of the experiment called ``name``.

    Raises:
        UserError: the store has no such experiment, or it was deleted.
    """
    experiment = connected.get_experiment_by_name(name)
    if experiment is None or experiment.lifecycle_stage != "active":
        raise UserError(
            f"the MLflow store has no experiment {name!r}; 'mssbench track init' makes it"
        )
    return str(experiment.experiment_id)


def add_experiment(connected: Any, name: str, location: str | None) -> None:
    """Create an experiment unless there is one; take back its deletion.

    Args:
        connected: an MLflow client.
        name: the experiment's.
        location: address of the folder for its files; fixed for good once it exists.
    """
    found = connected.get_experiment_by_name(name)
    if found is None:
        try:
            connected.create_experiment(name, artifact_location=location, tags=EXPERIMENT_TAGS)
        except Exception:
            # Another process may have been faster.
            if connected.get_experiment_by_name(name) is None:
                raise
    elif found.lifecycle_stage == "deleted":
        log.info("Restoring the deleted MLflow experiment %r: its name is needed", name)
        connected.restore_experiment(found.experiment_id)


def prepare(connected: Any, uri: str) -> None:
    """Make the trainings' experiment on a server that was away when ``init`` asked for it.

    A store of another kind is made by ``init`` alone, which knows where its files shall lie.

    Args:
        connected: an MLflow client.
        uri: the store's address.
    """
    if is_server(uri) and connected.get_experiment_by_name(TRAININGS) is None:
        add_experiment(connected, TRAININGS, None)


def add_study(connected: Any, uri: str, study: str, description: str) -> None:
    """Add the experiment of a study, whose files lie beside those of the trainings.

    Args:
        connected: an MLflow client.
        uri: the store's address. A server decides itself where files lie.
        study: names the experiment.
        description: what MLflow's page says of it, in Markdown.

    Raises:
        UserError: the store lacks the experiment of the trainings.
    """
    trainings = connected.get_experiment(experiment_id(connected, TRAININGS))
    beside = f"{trainings.artifact_location.rpartition('/')[0]}/{quote(study)}"
    add_experiment(connected, study, None if is_server(uri) else beside)
    made = experiment_id(connected, study)
    connected.set_experiment_tag(made, "mlflow.note.content", description)
