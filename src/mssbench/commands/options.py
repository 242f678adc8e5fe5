"""What the options that several verbs share stand for."""

import json
from pathlib import Path
from typing import Any

from mssbench.errors import UserError
from mssbench.own_gpu import take_own_gpu


def read_config(text: str) -> dict[str, Any]:
    """Read ``--config``: JSON text, or the path of a JSON or YAML file.

    Raises:
        UserError: it is neither, or not a map.
    """
    from mssbench.validation import load_yaml

    try:
        if text.lstrip().startswith("{"):
            config = json.loads(text, parse_constant=_no_number)
        elif text.endswith(".json"):
            # Not by the YAML reader, which takes 1e-4 for text.
            content = Path(text).read_text(encoding="utf-8")
            config = json.loads(content, parse_constant=_no_number)
        else:
            config = load_yaml(text)
    except FileNotFoundError:
        raise UserError(f"--config {text}: there is no such file") from None
    except ValueError as error:
        raise UserError(f"--config {text:.60} is not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise UserError(f"--config {text}: found {type(config).__name__}; it must be a map of keys")
    return config


def _no_number(word: str) -> None:
    """Refuse what Python's reader takes for JSON and its writer, for a run's name, does not."""
    raise ValueError(f"it has {word}")


def choose_device(asked: str) -> str:
    """Return ``cpu`` or ``cuda`` for ``--device``: ``auto`` takes the GPU where there is one.

    Raises:
        UserError: ``cuda`` was asked for and there is none.
    """
    import torch

    if asked != "cpu":
        take_own_gpu()
    available = torch.cuda.is_available()
    if asked == "cuda" and not available:
        raise UserError(
            "--device cuda: torch finds no GPU here; run on a machine that has one, or give "
            "--device cpu or auto"
        )
    return "cuda" if available and asked != "cpu" else "cpu"


def positive(text: str) -> int:
    """Read a whole number of at least 1 from the command line.

    Raises:
        ValueError: it is another.
    """
    number = int(text)
    if number < 1:
        raise ValueError(number)
    return number


def seconds(text: str) -> float:
    """Read a time of at least 0 (s) from the command line; infinity is one.

    Raises:
        ValueError: it is another.
    """
    number = float(text)
    if not number >= 0:
        raise ValueError(number)
    return number


def positive_seconds(text: str) -> float:
    """Read a time above 0 (s) from the command line.

    Raises:
        ValueError: it is another.
    """
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(number)
    return number
