"""What was separated, what is true, what a system made of it and what is wrong about that."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mssbench.errors import UserError
from mssbench.report.captions import data_line
from mssbench.report.config import ReportConfig
from mssbench.report.excerpt import Excerpt, Signal, cut_excerpt
from mssbench.report.figures.excerpt import TOP, draw_spectrogram, power
from mssbench.report.figures.style import PAGE, new_figure, remark, with_minus
from mssbench.report.sources import Sources

ROW = 1.55  # inches


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_spectrograms``."""
    excerpt = cut_excerpt(definition, config, sources.rendition(), sources.estimates)
    return draw_spectrograms(excerpt, config)


def draw_spectrograms(excerpt: Excerpt, config: ReportConfig) -> Figure:
    """Draw the mixture and the true target, and below them each system's estimate and its error.

    The error is the estimate less the true target, sample by sample, so that a wrong phase is an
    error too. All panels share one scale of levels, relative to the mixture's loudest point.

    Raises:
        UserError: an estimate has another sampling rate than the true target.
    """
    truth, *estimates = excerpt.signals
    rows = [(excerpt.mixture, truth)]
    rows += [(estimate, error_of(estimate, truth)) for estimate in estimates]
    figure = new_figure(PAGE, ROW * len(rows) + 0.6)
    panels = figure.subplots(len(rows), 2, sharex="all", sharey="all", squeeze=False)
    loudest = float(power(excerpt.mixture).max(initial=0.0)) or 1.0
    images = []
    for pair, signals in zip(panels, rows, strict=True):
        for panel, signal in zip(pair, signals, strict=True):
            spectrum = power(signal) / loudest
            images.append(draw_spectrogram(panel, signal, spectrum, excerpt.start))
            panel.set_title(signal.label, loc="left", pad=3, fontweight="bold")
    panels[0, 0].set_xlim(excerpt.start, excerpt.start + len(truth.samples) / truth.rate)
    panels[0, 0].set_ylim(0, min(TOP, truth.rate / 2) / 1000)
    for panel in panels[:, 0]:
        panel.set_ylabel("frequency (kHz)")
    for panel in panels[-1]:
        panel.set_xlabel("time in the song (s)")
    bar = figure.colorbar(images[0], ax=panels, pad=0.02, aspect=14 * len(rows))
    bar.set_label("level relative to the mixture's loudest point (dB)")
    bar.outline.set_linewidth(0.6)
    levels = "In brackets: the error's energy relative to the true target's."
    remark(figure, f"{excerpt.song}, channels averaged; {data_line(config)}. {levels}")
    return figure


def error_of(estimate: Signal, truth: Signal) -> Signal:
    """Return what is wrong about an estimate, with its energy relative to the truth's.

    Raises:
        UserError: their sampling rates differ.
    """
    if estimate.rate != truth.rate:
        raise UserError(
            f"figures: the estimate {estimate.label!r} has {estimate.rate} Hz, the true target "
            f"{truth.rate} Hz; spectrograms of errors need rows of one rendition"
        )
    length = min(len(estimate.samples), len(truth.samples))
    error = estimate.samples[:length] - truth.samples[:length]
    ratio = energy(error) / (energy(truth.samples) or np.nan)
    level = with_minus(f" ({10 * np.log10(ratio):z.1f} dB)") if ratio > 0 else ""
    return Signal(f"Error of {estimate.label}{level}", error, truth.rate)


def energy(samples: np.ndarray) -> float:
    """Return the sum of squares."""
    return float(np.sum(samples.astype(np.float64) ** 2))
