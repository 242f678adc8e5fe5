"""Published values of a study's own systems and of others', as its file has them."""

from collections.abc import Iterable, Sequence
from typing import Any

from mssbench.errors import UserError


def published_values(
    entries: Iterable[dict[str, Any]], experiments: Sequence[str], where: str
) -> list[dict[str, Any]]:
    """Return one map a value, with its ``target``, ``metric`` and ``value``.

    Args:
        entries: the key ``published`` of a study: what states the values (``source``, whether
            ``verified`` there, their ``aggregation``), which of the study's experiments they are
            of, or which other ``system``, and the ``values`` by target and metric (dB).
        experiments: those that the study defines.
        where: the study's file; begins messages.

    Raises:
        UserError: an experiment is not among them.
    """
    found = []
    for entry in entries:
        name = entry.get("experiment")
        if name is not None and name not in experiments:
            raise UserError(
                f"{where}: published: unknown experiment {name!r}; there are "
                f"{', '.join(experiments)}; for a system that the study does not run, write "
                "'system' in place of 'experiment'"
            )
        about = {key: value for key, value in entry.items() if key != "values"}
        found += [
            about | {"target": target, "metric": metric, "value": value}
            for target, metrics in entry["values"].items()
            for metric, value in metrics.items()
        ]
    return found
