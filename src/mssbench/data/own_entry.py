"""A data set of a user's own: its entry is a YAML file, beside those of the catalogue."""

import re
from pathlib import Path
from typing import Any

from mssbench.data.catalogue import CATALOGUE, Entry, Erratum, entry
from mssbench.data.own_songs import MIXTURE
from mssbench.errors import UserError
from mssbench.validation import load_yaml, validate

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
UNKNOWN = "not stated"

TEXT = {"type": "string", "minLength": 1}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "stems": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {
                "type": "string",
                "pattern": r"^[^./\\][^/\\]*$",
                "not": {"const": MIXTURE},
                "description": "the name of a stem's file without its ending, other than mixture",
            },
            "description": "a list of at least one stem, each named once",
        },
        "licence": TEXT,
        "citation": TEXT,
        "note": TEXT,
        "errata": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["song", "what"],
                "properties": {
                    "song": TEXT,
                    "what": TEXT,
                    "shows": {"enum": ["sum", "clipped", "silent"]},
                },
            },
        },
    },
}
"""What the file may hold. All keys may be left out."""


def own_entry(name: str, file: Path | None = None, **content: Any) -> Entry:
    """Return the entry of a data set of a user's own.

    Args:
        name: what it is called; a part of the paths of all its results.
        file: the YAML file that describes it, if there is one.
        content: what that file holds, see ``SCHEMA``.

    Raises:
        UserError: the name is taken or unfit, or the content does not fit the schema.
    """
    where = str(file or f"the data set {name!r}")
    if name in CATALOGUE or not NAME.fullmatch(name):
        fault = "is taken" if name in CATALOGUE else "is none for a data set"
        raise UserError(
            f"{where}: the name {name!r} {fault}; choose another one of small letters, digits, - "
            "and _"
        )
    validate(content, SCHEMA, where)
    return Entry(
        name=name,
        layout="own",
        train=None,
        test=None,
        licence=content.get("licence", UNKNOWN),
        citation=content.get("citation", UNKNOWN),
        note=content.get("note", "a data set of your own"),
        errata=tuple(Erratum(**erratum) for erratum in content.get("errata", ())),
        sources=tuple(content.get("stems", ())),
        file=file,
    )


def read_entry(file: Path | str) -> Entry:
    """Read the YAML file of a data set; its name is the data set's.

    Raises:
        UserError: there is no such file, it is not YAML, or see ``own_entry``.
    """
    file = Path(file)
    content = load_yaml(file)
    if not isinstance(content, dict | None):
        raise UserError(f"{file}: found {type(content).__name__}; it must be a map of keys")
    unknown = [key for key in content or {} if key not in SCHEMA["properties"]]
    if unknown:
        raise UserError(
            f"{file}: unknown key {unknown[0]!r}; allowed are {', '.join(SCHEMA['properties'])}"
        )
    return own_entry(file.stem, file, **(content or {}))


def entry_of(text: str) -> Entry:
    """Return the entry that ``text`` names: one of the catalogue, or a YAML file.

    Raises:
        UserError: there is none, or see ``read_entry``.
    """
    return read_entry(text) if Path(text).suffix in (".yaml", ".yml") else entry(text)


def find_entry(name: str, folder: Path) -> Entry:
    """Return the entry called ``name``, of the catalogue or of the YAML files in ``folder``.

    Raises:
        UserError: there is none; names those there are. Or see ``read_entry``.
    """
    own = {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    if name in own:
        return read_entry(own[name])
    if name in CATALOGUE:
        return CATALOGUE[name]
    raise UserError(
        f"dataset is {name!r}; allowed are {', '.join([*CATALOGUE, *own])}, or describe a data "
        f"set of your own in {folder / f'{name}.yaml'}"
    )
