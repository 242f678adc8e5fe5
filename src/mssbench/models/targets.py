"""Targets and the sources that they consist of."""

from collections.abc import Collection

from mssbench.errors import UserError

VOCALS, ACCOMPANIMENT = "vocals", "accompaniment"

PAIR = (VOCALS, ACCOMPANIMENT)

FIVE = (VOCALS, "drums", "bass", "other", ACCOMPANIMENT)
"""The four sources of MUSDB18 and DSD100, and all but the vocals."""


def members(target: str, names: Collection[str]) -> list[str]:
    """Return the sources that a target is the sum of: all but the vocals for the accompaniment.

    Args:
        target: a source, or ``accompaniment``.
        names: of the sources.

    Raises:
        UserError: there is no such source.
    """
    if target in names:
        return [target]
    if target != ACCOMPANIMENT:
        raise UserError(
            f"targets: the song has no source {target!r}; it has {', '.join(names)}, and "
            f"{ACCOMPANIMENT} for all but {VOCALS}"
        )
    return [name for name in names if name != VOCALS]
