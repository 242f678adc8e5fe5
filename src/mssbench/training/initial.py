"""Weights of another run that a training begins with."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mssbench.data.splits import FOLDS
from mssbench.errors import UserError
from mssbench.models.weights import opened, read_tensors
from mssbench.provenance import training_name
from mssbench.training.config import TrainingConfig


def read_initial(file: Path) -> tuple[dict[str, Tensor], str]:
    """Return the weights of a ``.safetensors`` file and the name of the run that made them.

    Where the file does not say what it was trained with, it is named by what it holds.

    Raises:
        UserError: the file is missing or damaged.
    """
    with opened(file) as content:
        weights = read_tensors(content, file)
        config = json.loads((content.metadata() or {}).get("config", "{}"))
    if {"model", "seed"} <= config.keys():
        return weights, training_name(config)
    return weights, f"weights-{_digest(dict(sorted(weights.items())))}"


def require_same_fold(file: Path, split: Mapping[str, Any]) -> None:
    """Refuse weights that may know the songs which a fold holds out.

    Args:
        file: ``.safetensors`` of the run to begin with.
        split: of the training that begins with it.

    Raises:
        UserError: the split is of kind ``folds`` and the weights were not trained with it, or do
            not say with what.
    """
    if split.get("kind") != FOLDS:
        return
    with opened(file) as content:
        found = json.loads((content.metadata() or {}).get("config", "{}")).get("split")
    if found != split:
        raise UserError(
            f"{file}: its split is {found}, so its weights may know songs that the training's, "
            f"{dict(split)}, holds out; begin with weights of the same split"
        )


def begun_with(config: TrainingConfig, run: str, parts: Sequence[str]) -> TrainingConfig:
    """Return a configuration that says what its training begins with, and is named by it.

    Args:
        config: what to train; if it says so already, it must be the same.
        run: name of the run whose weights are given.
        parts: of the model, that take them; none for those of the configuration.

    Raises:
        UserError: the configuration says otherwise.
    """
    stated = config.initial
    if stated is None:
        initial = {"run": run, "parts": list(parts)}
        return TrainingConfig.from_dict({**config.resolved, "initial": initial})
    if run != stated.run:
        raise UserError(
            f"the given initial weights are of {run}, initial.run of the configuration is "
            f"{stated.run}; give that run's"
        )
    if parts and tuple(parts) != stated.parts:
        raise UserError(
            f"the given parts are {', '.join(parts)}, initial.parts of the configuration is "
            f"{', '.join(stated.parts) or 'empty, for all'}; give one of them"
        )
    return config


def begin_with(model: nn.Module, weights: Mapping[str, Tensor], parts: Sequence[str]) -> str:
    """Load weights into a model, all of them or those of some of its parts.

    Args:
        model: the model; its other weights stay as they are.
        weights: a model's state, maybe of another kind of model.
        parts: dotted names of modules or weights, as in ``encoder``; none for the whole model.

    Returns:
        Digest of the loaded names and weights.

    Raises:
        UserError: the model has no such part, or its weights are missing or of other shapes.
    """
    own = model.state_dict()
    for part in parts:
        if not any(within(name, part) for name in own):
            tops = dict.fromkeys(name.split(".")[0] for name in own)
            raise UserError(
                f"initial weights: the model has no part {part!r}; it has {', '.join(tops)}"
            )
    wanted = {n: v for n, v in own.items() if not parts or any(within(n, part) for part in parts)}
    for name, values in wanted.items():
        if name not in weights:
            raise UserError(
                f"initial weights: there is no {name!r} among them; name the parts to take, or "
                "give the weights of a model that has it"
            )
        found, needed = tuple(weights[name].shape), tuple(values.shape)
        if found != needed:
            raise UserError(
                f"initial weights: {name!r} has shape {found}, the model needs {needed}; give the "
                "weights of a model of the same sizes"
            )
    model.load_state_dict({name: weights[name] for name in wanted}, strict=False)
    return _digest({name: weights[name] for name in sorted(wanted)})


def within(name: str, part: str) -> bool:
    """Tell whether a weight's name is that of a part or of what is in it."""
    return name == part or name.startswith(f"{part}.")


def _digest(weights: Mapping[str, Tensor]) -> str:
    summed = hashlib.sha256()
    for name, values in weights.items():
        summed.update(f"{name} {values.dtype} {tuple(values.shape)} ".encode())
        summed.update(values.detach().cpu().contiguous().numpy().tobytes())
    return summed.hexdigest()[:16]
