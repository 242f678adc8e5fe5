"""The model that a person names: a trained run, or a method that needs no training."""

import re
from pathlib import Path
from typing import Any

from mssbench.errors import UserError
from mssbench.models.base import Model, Separator
from mssbench.models.registry import UNTRAINED, build, model_class
from mssbench.models.weights import load_trained

WEIGHTS = "model.safetensors"
RESULTS = Path("results")


def load_run(text: str) -> tuple[Model, dict[str, Any]]:
    """Return a model that separates, and the configuration it was trained with.

    Args:
        text: a ``.safetensors`` file, the folder of a training run, a training run's name under
            ``results/``, the id of an MLflow run, or the name of an untrained method, whose
            configuration is empty.

    Raises:
        UserError: there is no such run, or the method must be told the true sources.
    """
    if text in UNTRAINED:
        model = build(text, {})
        if not isinstance(model, Separator) and model.needs_sources:
            raise UserError(
                f"--run {text}: it must be told the true sources; choose another, such as "
                f"{', '.join(told_nothing())}"
            )
        return model, {}
    return load_trained(find_weights(text))


def find_weights(text: str) -> Path:
    """Return the weights that ``--run`` names; see `load_run`.

    Raises:
        UserError: none or several fit.
    """
    path = Path(text)
    if path.is_file() and path.suffix != ".safetensors":
        raise UserError(
            f"--run {text}: a file of weights ends in .safetensors; what was exported to .pt or "
            ".onnx is for other programs: give the run it was made of, or its model.safetensors"
        )
    for candidate in (path, path / WEIGHTS):
        if candidate.is_file():
            return candidate
    name = name_of(text) if re.fullmatch("[0-9a-f]{32}", text) else text
    found = sorted(RESULTS.glob(f"*/*/train/{name}/{WEIGHTS}")) if "/" not in name else []
    if len(found) > 1:
        folders = ", ".join(str(file.parent) for file in found)
        raise UserError(f"--run {text}: several runs have this name: {folders}; give a folder")
    if not found:
        known = sorted(p.parent.name for p in RESULTS.glob(f"*/*/train/*/{WEIGHTS}"))
        raise UserError(
            f"--run {text}: there is no such run; give a .safetensors file, a run's folder, an "
            f"untrained method ({', '.join(told_nothing())}) or one of the runs under "
            f"{RESULTS}/: {', '.join(known) or 'none yet'}"
        )
    return found[0]


def told_nothing() -> list[str]:
    """Return the untrained methods that need not be told the true sources."""
    classes = {name: model_class(name) for name in sorted(UNTRAINED)}
    return [name for name, cls in classes.items() if not getattr(cls, "needs_sources", False)]


def name_of(run_id: str) -> str:
    """Return the name of the training whose MLflow run, or a study's run of it, has this id.

    Raises:
        UserError: no tracking store is known, or it has no such run.
    """
    from mssbench.tracking import OFF, address
    from mssbench.tracking.connection import connect
    from mssbench.tracking.failures import first_line

    uri = address()
    if uri == OFF:
        raise UserError(
            f"--run {run_id} looks like an MLflow run, but no store is known; set "
            "MLFLOW_TRACKING_URI, or give the run's name or folder"
        )
    from mlflow.exceptions import MlflowException

    try:
        run = connect(uri).get_run(run_id)
        return str(run.data.tags.get("trained", run.info.run_name))
    except MlflowException as error:
        raise UserError(f"--run {run_id}: {first_line(error)}") from None
