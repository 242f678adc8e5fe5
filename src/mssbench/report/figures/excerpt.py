"""A part of a song as waveforms and spectrograms: the true target above each estimate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mssbench.report.captions import data_line
from mssbench.report.config import ReportConfig
from mssbench.report.excerpt import Excerpt, Signal, cut_excerpt
from mssbench.report.figures.style import COLOURS, DARK_GREY, PAGE, new_figure, remark
from mssbench.report.sources import Sources

ROW = 0.82  # inches
COLUMNS = 1200  # of a waveform's envelope or a spectrogram: more than a print can show
FRAME, FRAMES_PER_WINDOW = 0.046, 4  # seconds, and how far neighbouring windows overlap
FLOOR, TOP = -70.0, 10_000.0  # dB below the loudest point, Hz


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_excerpt``."""
    excerpt = cut_excerpt(definition, config, sources.rendition(), sources.estimates)
    return draw_excerpt(excerpt, config)


def draw_excerpt(excerpt: Excerpt, config: ReportConfig) -> Figure:
    """Draw a row a signal: left its waveform, right its spectrogram.

    All rows share their scales; levels are relative to the loudest point of all spectrograms.
    """
    signals = excerpt.signals
    figure = new_figure(PAGE, ROW * len(signals) + 0.75)
    panels = figure.subplots(
        len(signals), 2, sharex="all", sharey="col", squeeze=False, width_ratios=[1, 1.2]
    )
    peak = max(float(np.abs(signal.samples).max(initial=0.0)) for signal in signals)
    spectra = [power(signal) for signal in signals]
    loudest = max(float(spectrum.max(initial=0.0)) for spectrum in spectra) or 1.0
    images = []
    for number, (row, signal) in enumerate(zip(panels, signals, strict=True)):
        colour = DARK_GREY if number == 0 else COLOURS[0]
        draw_waveform(row[0], signal, excerpt.start, colour)
        images.append(draw_spectrogram(row[1], signal, spectra[number] / loudest, excerpt.start))
        row[0].set_title(signal.label, loc="left", pad=3, fontweight="bold")
    end = excerpt.start + max(len(signal.samples) / signal.rate for signal in signals)
    panels[0, 0].set_xlim(excerpt.start, end)
    panels[0, 0].set_ylim(-1.05 * peak or -1.0, 1.05 * peak or 1.0)
    panels[0, 1].set_ylim(0, min(TOP, *(signal.rate / 2 for signal in signals)) / 1000)
    # One label a column, at half height: of an even number of rows, that is above the panel.
    middle, height = len(signals) // 2, 0.5 if len(signals) % 2 else 1.2
    panels[middle, 0].set_ylabel("amplitude (full scale = 1)", y=height)
    panels[middle, 1].set_ylabel("frequency (kHz)", y=height)
    for panel in panels[-1]:
        panel.set_xlabel("time in the song (s)")
    bar = figure.colorbar(images[0], ax=panels[:, 1], pad=0.02, aspect=10 * len(signals))
    bar.set_label("level relative to the loudest point (dB)")
    bar.outline.set_linewidth(0.6)
    remark(figure, f"{excerpt.song}; {data_line(config)}.")
    return figure


def draw_waveform(panel: Axes, signal: Signal, start: float, colour: str) -> None:
    """Draw the range of the samples in each of many short spans of time."""
    span = max(1, len(signal.samples) // COLUMNS)
    count = len(signal.samples) // span
    spans = signal.samples[: count * span].reshape(count, span)
    times = start + (np.arange(count) + 0.5) * span / signal.rate
    low, high = spans.min(axis=1), spans.max(axis=1)
    panel.fill_between(times, low, high, color=colour, linewidth=0.3)
    panel.grid(axis="x")


def draw_spectrogram(panel: Axes, signal: Signal, spectrum: np.ndarray, start: float) -> AxesImage:
    """Draw a spectrogram whose loudest point is at most 1."""
    level = 10 * np.log10(np.maximum(spectrum, 10 ** (FLOOR / 10)))
    end = start + len(signal.samples) / signal.rate
    return panel.imshow(
        level,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(start, end, 0.0, signal.rate / 2000),
        cmap="magma",
        vmin=FLOOR,
        vmax=0.0,
    )


def power(signal: Signal) -> np.ndarray:
    """Return the power spectrogram, (frequencies, frames), of Hann windows of about 46 ms.

    Of a long signal neighbouring frames are averaged, so that there are fewer than 2400 left.
    """
    size = 2 * round(FRAME * signal.rate / 2)
    padded = np.pad(signal.samples, size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // FRAMES_PER_WINDOW]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    span = max(1, len(spectrum) // COLUMNS)
    count = len(spectrum) // span
    means: np.ndarray = spectrum[: count * span].reshape(count, span, -1).mean(axis=1).T
    return means
