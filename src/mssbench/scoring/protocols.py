"""Evaluation protocols by name: entries of a file, laid under what a study says itself."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mssbench.errors import UserError
from mssbench.validation import load_yaml

FILE = Path(__file__).with_name("protocols.yaml")

# What an entry has that does not say.
DEFAULTS = {"version": 4, "isolated": False}


@cache
def entries() -> dict[str, dict[str, Any]]:
    """Return the entries of ``protocols.yaml`` by name."""
    found: dict[str, dict[str, Any]] = load_yaml(FILE)
    return found


def entry(name: str) -> dict[str, Any]:
    """Return an entry.

    Raises:
        UserError: there is none of this name.
    """
    if not isinstance(name, str) or name not in entries():
        raise UserError(f"scoring.protocol is {name!r}; allowed are {', '.join(entries())}")
    return entries()[name]


def laid_over(scoring: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study's ``scoring`` laid over the protocol that it names, if it names one.

    Raises:
        UserError: the protocol is unknown.
    """
    name = scoring.get("protocol")
    return dict(scoring) if name is None else entry(name) | dict(scoring)


def changed(name: str, values: Mapping[str, Any]) -> list[str]:
    """Return which values are not those of the protocol's entry."""
    own = DEFAULTS | entry(name)
    return [key for key, value in values.items() if value != own[key]]
