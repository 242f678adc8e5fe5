"""Trained weights on disk, and the configuration that they carry."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, uint8

from mssbench.errors import UserError
from mssbench.models.base import Model, Separator
from mssbench.models.registry import build

AGAIN = "train the model again with 'mssbench train', or give the weights of this configuration"

ABSENT = object()


def load_model(config: dict[str, Any], weights: Path | None) -> Model:
    """Build a configuration's model, with its trained weights if it has any.

    Args:
        config: what decides the weights: ``model`` with ``name`` and ``params``, and for a trained
            model all else that it was trained with.
        weights: a ``.safetensors`` file whose metadata has the ``config`` it was trained with, as
            JSON; None for a baseline.

    Returns:
        The model, on the CPU; a separator is in evaluation mode.

    Raises:
        UserError: weights are missing, superfluous, unreadable, of another configuration or of
            other shapes.
    """
    name = config["model"]["name"]
    model = build(name, config["model"]["params"])
    if not isinstance(model, Separator):
        if weights is not None:
            raise UserError(f"{weights}: model {name} is not trained; give no weights for it")
        return model
    if weights is None:
        raise UserError(f"model {name} needs its trained weights; give them with --weights")
    with opened(weights) as file:
        metadata = file.metadata() or {}
        state = read_tensors(file, weights)
    check_config(metadata, config, weights)
    try:
        model.load_state_dict(state)
    except RuntimeError:
        raise UserError(
            f"{weights}: its arrays are not those of {name}, whose code has changed since; {AGAIN}"
        ) from None
    return model.eval()


def load_trained(weights: Path) -> tuple[Model, dict[str, Any]]:
    """Return a trained model, in evaluation mode on the CPU, and what it was trained with.

    Args:
        weights: a ``.safetensors`` file; its metadata say both.

    Raises:
        UserError: it says nothing, or cannot be read or used.
    """
    config: dict[str, Any] = json.loads(read_metadata(weights).get("config", "{}"))
    if not config:
        raise UserError(f"{weights} does not say what it was trained with; give another run")
    return load_model(config, weights), config


def read_metadata(weights: Path) -> dict[str, str]:
    """Return what a file of weights says of itself.

    Raises:
        UserError: the file is missing or damaged.
    """
    with opened(weights) as file:
        metadata: dict[str, str] = file.metadata() or {}
        return metadata


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 (hex) of tensors' names and bytes; files of weights carry it."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(uint8).numpy().data)
    return found.hexdigest()


def write_weights(path: Path, tensors: Mapping[str, Tensor], config: str) -> None:
    """Write a ``.safetensors`` file: the same bytes for the same weights.

    Args:
        path: the file.
        tensors: the weights.
        config: what they were trained with, as JSON; goes into the metadata, with a digest.
    """
    content = save(dict(tensors), metadata={"config": config, "sha256": digest_of(tensors)})
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    # The library writes the metadata in an order that changes from call to call.
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.write(memoryview(content)[end:])


def read_tensors(file: Any, weights: Path) -> dict[str, Tensor]:
    """Return the tensors of an opened ``.safetensors`` file.

    Raises:
        UserError: they are not those that its digest is of; it has none where others wrote it.
    """
    tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    told = (file.metadata() or {}).get("sha256")
    if told is not None and told != digest_of(tensors):
        raise UserError(f"{weights} is damaged, its arrays' checksum is another; {AGAIN}")
    return tensors


@contextmanager
def opened(weights: Path) -> Iterator[Any]:
    """Open a ``.safetensors`` file.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        with safe_open(weights, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise UserError(f"{weights}: there is no such file; {AGAIN}") from None
    except SafetensorError as error:
        raise UserError(f"{weights} is not a whole .safetensors file ({error}); {AGAIN}") from None


def check_config(metadata: dict[str, str], config: dict[str, Any], weights: Path) -> None:
    """Refuse weights that were trained with another configuration.

    Raises:
        UserError: naming each key that differs, with both values.
    """
    if "config" not in metadata:
        raise UserError(f"{weights} does not say what it was trained with; {AGAIN}")
    found = list(differences(json.loads(metadata["config"]), config))
    if found:
        raise UserError(
            f"{weights} was trained with another configuration: {'; '.join(found)}; {AGAIN}"
        )


def differences(there: Any, here: Any, key: str = "") -> Iterator[str]:
    """Yield what differs between two configurations, one phrase a key."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in dict.fromkeys((*there, *here)):
            below = f"{key}.{name}" if key else name
            yield from differences(there.get(name, ABSENT), here.get(name, ABSENT), below)
    elif there != here:
        old, new = ("absent" if value is ABSENT else repr(value) for value in (there, here))
        yield f"{key} was {old}, is {new}"
