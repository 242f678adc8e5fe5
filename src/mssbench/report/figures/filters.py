"""Centre frequency and bandwidth of learned filters, band by band.

I. Papantonakis, C. Garoufis and P. Maragos, "Multi-band Masking for Waveform-based Singing Voice
Separation", EUSIPCO 2022, look at the filters of each band so. What they mean by the two is not
published: ``centre`` and ``bandwidth`` choose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mssbench.report.aggregate import require
from mssbench.report.captions import data_line, span
from mssbench.report.config import ReportConfig
from mssbench.report.figures.style import PAGE, colour_of, new_figure, remark
from mssbench.report.sources import Sources
from mssbench.report.trained_models import trained_models

ROW, GAP = 0.27, 0.35  # inches; boxes between models
LANES, STRIDE = 7, 3  # heights that the points of a box take, and from one's to the next one's
MARGIN = 0.03  # of the axis, below 0 Hz
CENTRES = {
    "peak": "peak of the power spectrum",
    "centroid": "mean frequency, weighted by power",
}
BANDWIDTHS = {
    "noise": "of a flat filter that is as high and lets as much noise through",
    "half_power": "range around the peak in which at least half of its power passes",
    "deviation": "twice the standard deviation of frequency, weighted by power",
}


@dataclass(frozen=True)
class FilterBands:
    """Where the filters of a group lie.

    Attributes:
        label: the experiment.
        group: the group, such as a band; empty if it is the only one.
        place: of the group among its model's, from 0.
        centre: centre frequency of each filter (Hz).
        bandwidth: of each filter (Hz).
    """

    label: str
    group: str
    place: int
    centre: np.ndarray
    bandwidth: np.ndarray


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_filters``.

    Definition: rows (default all that have learned filters), centre (default ``peak``) and
    bandwidth (default ``noise``), as `mssbench.models.filter_bands.bands_of` has them.

    Raises:
        UserError: a value or row is unknown, a row has no learned filters, or weights are missing.
    """
    from mssbench.models.filter_bands import LearnedFilters, bands_of

    centre, bandwidth = definition.get("centre", "peak"), definition.get("bandwidth", "noise")
    require("centre", [centre], CENTRES)
    require("bandwidth", [bandwidth], BANDWIDTHS)
    found = []
    for trained in trained_models(definition, config, sources, LearnedFilters, "learned filters"):
        model: Any = trained.model
        groups = model.filter_groups(trained.config["rendition"]["rate"])
        for place, group in enumerate(groups):
            bands = bands_of(group.filters, group.rate, centre=centre, bandwidth=bandwidth)
            values = [each.numpy() for each in bands]
            found.append(FilterBands(trained.label, group.name, place, *values))
    return draw_filters(found, config, centre, bandwidth)


def draw_filters(
    found: Sequence[FilterBands], config: ReportConfig, centre: str, bandwidth: str
) -> Figure:
    """Draw a box a group of filters, of centre frequencies on the left and bandwidths beside them.

    Boxes reach from quartile to quartile, whiskers at most 1.5 times as far beyond. Each point is
    a filter.

    Args:
        found: the groups; those of a model follow each other.
        config: the study.
        centre: what a centre is, a key of ``CENTRES``.
        bandwidth: what a bandwidth is, a key of ``BANDWIDTHS``.
    """
    models = np.cumsum([each.place == 0 for each in found]) - 1
    heights = np.arange(len(found)) + GAP * models
    figure = new_figure(PAGE, 0.9 + ROW * (heights[-1] + 1))
    panels = figure.subplots(1, 2, sharey=True)
    for panel, name in zip(panels, ("centre", "bandwidth"), strict=True):
        for each, height in zip(found, heights, strict=True):
            draw_group(panel, getattr(each, name) / 1000, height, colour_of(each.place))
        panel.set_xlim(-MARGIN * panel.get_xlim()[1], None)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x")
    panels[0].set_xlabel("centre frequency (kHz)")
    panels[1].set_xlabel("bandwidth (kHz)")
    panels[0].set_yticks(heights, [name_of(each) for each in found])
    panels[0].set_ylim(heights[-1] + 0.5, -0.5)
    counts = span({len(each.centre) for each in found}, "filter")
    remark(
        figure,
        f"Points: {counts} of the encoder a line; boxes: quartiles and median; whiskers: at most "
        f"1.5 interquartile ranges. Centre frequency: {CENTRES[centre]}; bandwidth: "
        f"{BANDWIDTHS[bandwidth]}; audio channels summed in power; {data_line(config)}.",
    )
    return figure


def draw_group(panel: Axes, values: np.ndarray, height: float, colour: str) -> None:
    """Draw the filters of one group: a box, and the points above it and below it."""
    drawn = panel.boxplot(
        [values],
        positions=[height],
        orientation="horizontal",
        widths=0.7,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        medianprops={"color": "black", "linewidth": 1.4, "solid_capstyle": "butt"},
    )
    drawn["boxes"][0].set(facecolor=(colour, 0.25), edgecolor=colour, linewidth=0.8)
    for line in (*drawn["whiskers"], *drawn["caps"]):
        line.set(color=colour, linewidth=0.8)
    # Neighbours in value are set apart, so that no point hides another.
    lanes = np.empty(len(values))
    lanes[np.argsort(values, kind="stable")] = STRIDE * np.arange(len(values)) % LANES - LANES // 2
    panel.scatter(values, height + 0.6 * lanes / LANES, s=2.5, color=colour, linewidths=0, zorder=3)


def name_of(group: FilterBands) -> str:
    """Return what the axis calls a group: the first of a model bears its label, too."""
    if not group.group:
        return group.label
    return group.group if group.place else f"{group.label}: {group.group}"
