"""Which songs a run separates, and so is scored on."""

from collections.abc import Mapping
from typing import Any

from mssbench.data.splits import FOLDS
from mssbench.errors import UserError

TEST, HELD_OUT = "test", "held_out"
"""What there is to choose; see `mssbench.separation_config.SeparationConfig`."""


def scored_songs(config: Mapping[str, Any]) -> str:
    """Return which songs are separated, and so scored: ``test`` or ``held_out``.

    Args:
        config: has ``separation`` and, of a trained model, ``split``.

    Raises:
        UserError: songs are asked for that the split does not hold out.
    """
    kind = config["split"].get("kind") if "split" in config else None
    asked = config["separation"].get("songs")
    if asked == HELD_OUT and kind not in (None, FOLDS):
        raise UserError(
            f"separation.songs is {HELD_OUT}, but split.kind is {kind!r}, which holds none out; "
            f"take split.kind {FOLDS}, or {TEST} songs"
        )
    return asked or (HELD_OUT if kind == FOLDS else TEST)
