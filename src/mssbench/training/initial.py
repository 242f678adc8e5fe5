"""Weights of another run that a training begins with."""

import hashlib
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mssbench.errors import UserError


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
