"""A source at the tempos that augmentation plays it at: same pitches, other lengths.

After G. Brunner, N. Naas, S. Palsson, O. Richter and R. Wattenhofer, "Monaural Music Source
Separation using a ResNet Latent Separator Network", ICTAI 2019, section IV-C.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from mssbench.errors import UserError
from mssbench.report.captions import data_line
from mssbench.report.config import ReportConfig
from mssbench.report.excerpt import Excerpt, Signal, cut_excerpt
from mssbench.report.figures.excerpt import TOP, draw_spectrogram, power
from mssbench.report.figures.style import PAGE, new_figure, remark
from mssbench.report.sources import Sources
from mssbench.stretching.tempos import KNOWN

SECONDS = 4
ROW = 0.95  # inches
N_FFT, HOP = 1024, 256  # samples; those of the augmentation


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_tempo``.

    Definition: factors (default those of RA's paper), target (default vocals, or the first source
    of songs without), seconds (default 4) and, instead of the loudest ones of the first test song,
    song (a name) and start (s).

    Raises:
        UserError: a song, target or factor is unknown.
    """
    where = {"seconds": SECONDS, **definition, "rows": []}
    excerpt = cut_excerpt(where, config, sources.rendition(), {})
    return draw_tempo(excerpt, definition.get("factors", KNOWN["ra_paper"].factors), config)


def draw_tempo(excerpt: Excerpt, factors: Sequence[float], config: ReportConfig) -> Figure:
    """Draw the true target's spectrogram at each factor, the slowest at the top.

    All panels share one scale of levels, relative to the loudest point of all, and one of time.

    Args:
        excerpt: the part of the target.
        factors: above 1 is faster.
        config: the study.

    Raises:
        UserError: a factor is not above 0.
    """
    signals = [at_tempo(excerpt.signals[0], factor) for factor in sorted(factors)]
    figure = new_figure(PAGE, ROW * len(signals) + 0.6)
    panels = figure.subplots(len(signals), 1, sharex="all", sharey="all", squeeze=False)[:, 0]
    spectra = [power(signal) for signal in signals]
    loudest = max(float(spectrum.max(initial=0.0)) for spectrum in spectra) or 1.0
    images = []
    for panel, signal, spectrum in zip(panels, signals, spectra, strict=True):
        images.append(draw_spectrogram(panel, signal, spectrum / loudest, 0.0))
        panel.set_title(signal.label, loc="left", pad=3, fontweight="bold")
    panels[0].set_xlim(0.0, len(signals[0].samples) / signals[0].rate)
    panels[0].set_ylim(0, min(TOP, signals[0].rate / 2) / 1000)
    middle, height = len(signals) // 2, 0.5 if len(signals) % 2 else 1.2
    panels[middle].set_ylabel("frequency (kHz)", y=height)
    panels[-1].set_xlabel("time (s)")
    bar = figure.colorbar(images[0], ax=panels, pad=0.02, aspect=8 * len(signals))
    bar.set_label("level relative to the loudest point (dB)")
    bar.outline.set_linewidth(0.6)
    seconds = len(excerpt.signals[0].samples) / excerpt.signals[0].rate
    remark(
        figure,
        f"{excerpt.target.capitalize()} of {excerpt.song}, {seconds:g} s from "
        f"{excerpt.start:.1f} s on, channels averaged, played by a phase vocoder at the tempos of "
        f"the augmentation: pitches stay, lengths change; {data_line(config)}.",
    )
    return figure


def at_tempo(signal: Signal, factor: float) -> Signal:
    """Return a signal at ``factor`` times its tempo.

    Raises:
        UserError: the factor is not above 0.
    """
    import torch

    from mssbench.stretching.phase_vocoder import stretch

    if not factor > 0:
        raise UserError(f"figures: factors has {factor:g}; a tempo factor is above 0")
    label = "As it is" if factor == 1 else f"{factor:g} times the tempo"
    played = stretch(torch.from_numpy(signal.samples.copy()), factor, N_FFT, HOP)
    return replace(signal, label=label, samples=played.numpy())
