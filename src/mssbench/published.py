"""Published values of a study's own systems and of others', as its file has them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mssbench.errors import UserError

Entry = Mapping[str, Any]


def published_values(
    entries: Iterable[Entry],
    experiments: Sequence[str],
    tables: Mapping[str, Entry],
    where: str,
    dataset: str | None = None,
) -> list[dict[str, Any]]:
    """Return one map a value, with its ``target``, ``metric`` and ``value``.

    Args:
        entries: the key ``published`` of a study: what states the values (``source``, whether
            ``verified`` there, their ``aggregation``), which of the study's experiments they are
            of, or which other ``system``, and the ``values`` by target and metric (dB).
        experiments: those that the study defines.
        tables: those that it defines, selected or not, by name.
        where: the study's file; begins messages.
        dataset: whose test songs the values are of where an entry has no ``dataset`` of its own.

    Raises:
        UserError: an experiment is not among them, or no table has room for a value.
    """
    found = []
    for number, entry in enumerate(entries):
        name = entry.get("experiment")
        if name is not None and name not in experiments:
            raise UserError(
                f"{where}: published: unknown experiment {name!r}; there are "
                f"{', '.join(experiments)}; for a system that the study does not run, write "
                "'system' in place of 'experiment'"
            )
        about = {"dataset": dataset} | {
            key: value for key, value in entry.items() if key != "values"
        }
        of_entry = [
            about | {"target": target, "metric": metric, "value": value}
            for target, metrics in entry["values"].items()
            for metric, value in metrics.items()
        ]
        fitting = tables_of(entry, tables, f"{where}: published.{number}")
        for value in of_entry:
            require_room(value, fitting, f"{where}: published.{number}")
        found += of_entry
    return found


def tables_of(entry: Entry, tables: Mapping[str, Entry], where: str) -> dict[str, Entry]:
    """Return the tables that have a line for what an entry is of.

    Raises:
        UserError: there is none.
    """
    name, key = entry.get("experiment"), "rows"
    if name is None:
        name, key = entry["system"], "literature"
    found = {
        title: table
        for title, table in tables.items()
        if name in table.get(key, [name] if key == "rows" else [])
    }
    if not found:
        kind = "experiment" if key == "rows" else "system"
        raise UserError(
            f"{where}.{kind} is {name!r}, which no table has among its {key} (there are "
            f"{', '.join(tables) or 'none'}); name it there, or remove the entry"
        )
    return found


def require_room(value: Entry, tables: Mapping[str, Entry], where: str) -> None:
    """Refuse a value that stands in none of the tables of its line.

    Raises:
        UserError: naming the key that fits none, and what the tables have.
    """
    left = dict(tables)
    for key, listed in (("aggregation", "aggregations"), ("metric", "metrics")):
        if value[key] is not None:
            left = require_listed(left, key, listed, str(value[key]), where)
    require_listed(left, "target", "targets", value["target"], where)


def require_listed(
    tables: Mapping[str, Entry], key: str, listed: str, wanted: str, where: str
) -> dict[str, Entry]:
    """Return the tables that list a name under one of their keys.

    Raises:
        UserError: there is none.
    """
    found = {name: table for name, table in tables.items() if wanted in table[listed]}
    if not found:
        allowed = dict.fromkeys(each for table in tables.values() for each in table[listed])
        raise UserError(
            f"{where}.{key if key == 'aggregation' else 'values'} has the {key} {wanted!r}, which "
            f"no table of it shows; {listed} of {', '.join(tables)} are {', '.join(allowed)}: name "
            "it there, or remove the value"
        )
    return found
