"""A run's final weights as an MLflow model, and the best of a study in the registry."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import mssbench
from mssbench.models.base import Separator
from mssbench.recordings.separating import written_targets
from mssbench.recordings.trained import load_run

NAME, ALIAS = "model", "best"

SCRIPT = Path(__file__).with_name("separator_model.py")

# Stated, as finding them would take MLflow a minute and an import of all that the model imports.
REQUIREMENTS = ("mlflow", "torch", "numpy", "safetensors")

# Samples of the example: enough to see the form, and short as a text.
EXAMPLE = 256


def log_model(client: Any, uri: str, run_id: str, weights: Path) -> str:
    """Store the weights as the run's model, unless it has one.

    ``mlflow.pyfunc.load_model`` gives a function from mixtures (batch, channels, samples) to
    estimates (batch, targets, channels, samples), float32 at the training's rate.

    Args:
        client: the MLflow client.
        uri: the store's address.
        run_id: the MLflow run.
        weights: the training's ``.safetensors``, which names its configuration.

    Returns:
        The model's id.

    Raises:
        UserError: the weights cannot be read.
    """
    run = client.get_run(run_id)
    if run.outputs and run.outputs.model_outputs:
        return str(run.outputs.model_outputs[0].model_id)
    import mlflow
    from mlflow.models import Model

    model, config = load_run(str(weights))
    assert isinstance(model, Separator)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    # Or it would be one of MLflow's default experiment, whatever its run is of.
    mlflow.set_experiment(experiment_id=run.info.experiment_id)
    noise = np.random.default_rng(0).standard_normal((1, model.channels, EXAMPLE))
    logged = Model.log(
        None,
        mlflow.pyfunc,
        name=NAME,
        run_id=run_id,
        python_model=str(SCRIPT),
        artifacts={"weights": str(weights.absolute())},
        signature=signature_of(model),
        input_example=0.1 * noise.astype(np.float32),
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        metadata={
            "targets": list(written_targets(model)),
            "rate": config["rendition"]["rate"],
            "mssbench": mssbench.__version__,
        },
    )
    return str(logged.model_id)


def signature_of(model: Separator) -> Any:
    """Return what MLflow checks of a call; -1 stands for any number."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    samples, channels = np.dtype(np.float32), model.channels
    estimates = (-1, len(written_targets(model)), channels, -1)
    return ModelSignature(
        inputs=Schema([TensorSpec(samples, (-1, channels, -1))]),
        outputs=Schema([TensorSpec(samples, estimates)]),
    )


def register(client: Any, study: str, run_id: str, model_id: str) -> None:
    """Make a model the one called ``best`` under the study's name in the registry.

    It becomes a new version there unless it is one.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(study)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        client.create_registered_model(study)
    versions = client.search_model_versions(f"name = '{study}' and run_id = '{run_id}'")
    if not versions:
        source = f"models:/{model_id}"
        versions = [client.create_model_version(study, source, run_id, model_id=model_id)]
    client.set_registered_model_alias(study, ALIAS, versions[0].version)


def best_run(medians: Mapping[str, Mapping[str, float]]) -> str | None:
    """Return the run with the highest median SDR of vocals; of all targets where there are none.

    Args:
        medians: run -> ``test/SDR/<target>`` and others -> value (dB).
    """
    values = {run: sdr(named) for run, named in medians.items()}
    heard = {run: value for run, value in values.items() if value == value}  # noqa: PLR0124 (NaN)
    return max(heard, key=lambda run: heard[run], default=None)


def sdr(named: Mapping[str, float]) -> float:
    """Return a run's median SDR (dB) of vocals, or its mean over the targets; else NaN."""
    of_all = [value for name, value in named.items() if name.startswith("test/SDR/")]
    return named.get("test/SDR/vocals", sum(of_all) / len(of_all) if of_all else float("nan"))
