"""Latent vectors of the sources in a plane, a panel a model.

After the figure of G. Brunner, N. Naas, S. Palsson, O. Richter and R. Wattenhofer, "Monaural Music
Source Separation using a ResNet Latent Separator Network", ICTAI 2019, which does not say how
latents become vectors: ``vectors`` chooses.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mssbench.report.aggregate import require
from mssbench.report.captions import data_line, span
from mssbench.report.config import ReportConfig
from mssbench.report.figures.style import COLOURS, GREY, PAGE, new_figure, remark
from mssbench.report.latent_vectors import (
    COMPONENTS,
    POINTS,
    VECTORS,
    Latent,
    LatentVectors,
    in_a_plane,
    latent_vectors,
)
from mssbench.report.sources import Sources
from mssbench.report.trained_models import trained_models

COLUMNS, HEIGHT = 3, 0.8  # panels in a row; their height in widths
# The paper's blue, magenta, yellow and cyan, as near as the palette comes.
SOURCES = {"vocals": COLOURS[0], "drums": COLOURS[3], "bass": COLOURS[4], "other": COLOURS[5]}
READINGS = {
    "mean": "the mean over bins and frames of a segment of {} s",
    "frames": f"a frame of a segment of {{}} s, reduced to {COMPONENTS} principal components",
}

log = logging.getLogger(__name__)


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_latents`` and, for its keys, ``latent_vectors``.

    Definition: vectors (default ``mean``), points (of a source, default 100) and rows (default all
    that have latents).

    Raises:
        UserError: a value or row is unknown, a row has no latents, or weights or songs are missing.
    """
    vectors, points = definition.get("vectors", "mean"), definition.get("points", POINTS)
    require("vectors", [vectors], VECTORS)
    rendition = sources.rendition()
    found = []
    for trained in trained_models(definition, config, sources, Latent, "latents"):
        found.append(
            latent_vectors(
                trained, rendition, points=points, vectors=vectors, device=sources.device
            )
        )
        log.info("%s: latents of %d songs", trained.label, found[-1].songs)
    return draw_latents(found, vectors, config)


def draw_latents(found: Sequence[LatentVectors], vectors: str, config: ReportConfig) -> Figure:
    """Draw each model's latent vectors as t-SNE places them, in the colours of their sources.

    Args:
        found: latent vectors of each model.
        vectors: what they are, ``mean`` or ``frames``.
        config: the study.
    """
    columns = min(len(found), COLUMNS) if len(found) != 4 else 2
    rows = -(-len(found) // columns)
    width = PAGE / max(columns, 2)
    figure = new_figure(width * columns, HEIGHT * width * rows + 0.6)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    colours = colours_of([target for each in found for target in each.targets])
    for panel, each in zip(panels, found, strict=False):
        draw_panel(panel, each, colours, COMPONENTS if vectors == "frames" else None)
    for unused in panels[len(found) :]:
        unused.remove()
    handles = [
        Line2D([], [], linestyle="none", marker="o", markersize=4, color=colour, label=target)
        for target, colour in colours.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    remark(figure, explanation(found, vectors, config))
    return figure


def colours_of(targets: Sequence[str]) -> dict[str, str]:
    """Return a colour for each source, those of the paper for its own."""
    free = [colour for colour in COLOURS if colour not in SOURCES.values()]
    others = [target for target in dict.fromkeys(targets) if target not in SOURCES]
    own = {target: colour for target, colour in SOURCES.items() if target in targets}
    return own | {target: free[place % len(free)] for place, target in enumerate(others)}


def draw_panel(
    panel: Axes, found: LatentVectors, colours: Mapping[str, str], components: int | None
) -> None:
    """Draw one model's vectors, none of the sources above the others."""
    places = in_a_plane(np.concatenate(found.vectors), components)
    points = found.vectors.shape[1]
    shades = np.repeat([colours[target] for target in found.targets], points)
    order = np.random.default_rng(0).permutation(len(places))
    panel.scatter(places[order, 0], places[order, 1], s=6, c=shades[order], linewidths=0)
    panel.set_title(found.label, loc="left", fontweight="bold")
    # Axes of t-SNE have no unit, and both have the same scale.
    panel.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    panel.spines[:].set(visible=True, color=GREY)


def explanation(found: Sequence[LatentVectors], vectors: str, config: ReportConfig) -> str:
    """Return what a point is, and what the picture does not say."""
    seconds = dict.fromkeys(f"{each.seconds:.2f}" for each in found)
    counts = span({each.vectors.shape[1] for each in found}, "point")
    songs = span({each.songs for each in found}, "test song")
    what = READINGS[vectors].format(" or ".join(seconds))
    return (
        f"t-SNE of latent vectors, {counts} a source from {songs}, each {what}. Neighbours are "
        f"alike; axes and distances between groups have no meaning; {data_line(config)}."
    )
