"""The kinds of figures: each a module with what draws it; `needs` has the keys of definitions."""

from collections.abc import Mapping
from typing import Any, Protocol

from matplotlib.figure import Figure

from mssbench.report.config import ReportConfig
from mssbench.report.figures import (
    boxes,
    cost,
    excerpt,
    filters,
    latents,
    learning_curves,
    scatter,
    significance,
    spectrograms,
    sweep,
    tempo,
    windows,
)
from mssbench.report.sources import Sources


class Kind(Protocol):
    """What a figure's module has."""

    def draw(self, definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
        """Draw a figure of a study."""


KINDS: dict[str, Kind] = {
    "boxes": boxes,
    "cost": cost,
    "excerpt": excerpt,
    "filters": filters,
    "latents": latents,
    "learning_curves": learning_curves,
    "scatter": scatter,
    "significance": significance,
    "spectrograms": spectrograms,
    "sweep": sweep,
    "tempo": tempo,
    "windows": windows,
}
"""Kind -> its module."""
