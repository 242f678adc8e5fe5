"""The measures by name: what each is, and what computes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mssbench.scoring.htmd_net_silence import SEGMENT, SEGMENT_RATE, htmd_net_silence
from mssbench.scoring.improvement import improvement
from mssbench.scoring.sdr import csdr, sdr, usdr
from mssbench.scoring.si_sdr import si_sdr
from mssbench.scoring.si_sir_sar import si_sir_sar
from mssbench.scoring.signals import Signals
from mssbench.scoring.silent_energy import eps, pes

METRICS = ("SDR", "ISR", "SIR", "SAR")
"""The metrics of BSSEval, in the order in which museval gives them."""

Values = Mapping[str, np.ndarray | float]
"""Metric -> one value a window, or one of the whole song."""

Family = Callable[[Signals, int], Values]
"""From the signals and the number of a source to the metrics that are computed together."""


@dataclass(frozen=True)
class Measure:
    """A measure.

    Attributes:
        of: computes it, and others with it; None for BSSEval's, which the engine computes.
        per: what has a value: each window of the protocol, each second, each segment of HTMD-Net's
            evaluation, or the song.
        note: its definition in a clause; empty where the protocol says it.
        unit: ``dB`` or ``%``.
        lower: whether lower is better.
        target: the one target that it is defined for; empty for any.
    """

    of: Family | None
    per: Literal["window", "second", "segment", "song"] = "window"
    note: str = ""
    unit: str = "dB"
    lower: bool = False
    target: str = ""


LENGTHS = {"second": 1.0, "segment": SEGMENT / SEGMENT_RATE}
"""Length and distance (s) of windows that the measure itself defines."""


def each(signals: Signals, of_part: Callable[[slice], tuple[float, ...]]) -> np.ndarray:
    """Return values of the windows, (values, W); NaN where a source or an estimate is silent."""
    values = np.array([of_part(part) for part in signals.windows]).T
    values[:, ~signals.scored] = np.nan
    return values


def _si_sdr(signals: Signals, number: int) -> Values:
    truth, estimate = signals.truth[number], signals.estimates[number]
    (ratios,) = each(signals, lambda part: (si_sdr(truth[:, part], estimate[:, part]),))
    return {"SI-SDR": ratios}


def _si_sir_sar(signals: Signals, number: int) -> Values:
    truth, estimate = signals.truth, signals.estimates[number]
    sir, sar = each(signals, lambda part: si_sir_sar(truth[..., part], estimate[:, part], number))
    return {"SI-SIR": sir, "SI-SAR": sar}


def _improvements(signals: Signals, number: int) -> Values:
    three = signals.truth[number], signals.estimates[number], signals.mixture

    def of_part(part: slice) -> tuple[float, ...]:
        cut = [signal[:, part] for signal in three]
        return improvement(sdr, *cut), improvement(si_sdr, *cut)

    return dict(zip(("SDRi", "SI-SDRi"), each(signals, of_part), strict=True))


def _song_si_sdr(signals: Signals, number: int) -> Values:
    ratio = np.nan if signals.quiet else si_sdr(signals.truth[number], signals.estimates[number])
    return {"song SI-SDR": ratio}


def _song_si_sir_sar(signals: Signals, number: int) -> Values:
    sir, sar = np.nan, np.nan
    if not signals.quiet:
        sir, sar = si_sir_sar(signals.truth, signals.estimates[number], number)
    return {"song SI-SIR": sir, "song SI-SAR": sar}


def _song_improvements(signals: Signals, number: int) -> Values:
    three = signals.truth[number], signals.estimates[number], signals.mixture
    scale_free = np.nan if signals.quiet else improvement(si_sdr, *three)
    return {"song SDRi": improvement(usdr, *three), "song SI-SDRi": scale_free}


def _usdr(signals: Signals, number: int) -> Values:
    return {"uSDR": usdr(signals.truth[number], signals.estimates[number])}


def _csdr(signals: Signals, number: int) -> Values:
    truth, estimate, parts = signals.truth[number], signals.estimates[number], signals.seconds
    chunks = np.array([sdr(truth[:, part], estimate[:, part]) for part in parts])
    chunks[~signals.heard(parts)] = np.nan
    return {"cSDR": csdr(chunks)}


def _silent_energies(signals: Signals, number: int) -> Values:
    truth, estimate = signals.truth[number], signals.estimates[number]
    return {
        name: np.array([of(truth[:, part], estimate[:, part]) for part in signals.seconds])
        for name, of in (("PES", pes), ("EPS", eps))
    }


def _htmd_net(signals: Signals, number: int) -> Values:
    both = signals.truth[number], signals.estimates[number]
    energies, accuracies = htmd_net_silence(*both, signals.rate)
    return {"HTMD-Net PES": energies, "HTMD-Net VAD": accuracies}


LE_ROUX = "Le Roux et al. 2019, means kept"
PROJECTED = f"projection on all sources ({LE_ROUX})"
WASPAA = "Schulze-Forster et al., WASPAA 2019"

MEASURES: dict[str, Measure] = {
    **{name: Measure(None) for name in METRICS},
    "SI-SDR": Measure(_si_sdr, note=LE_ROUX),
    "SI-SIR": Measure(_si_sir_sar, note=PROJECTED),
    "SI-SAR": Measure(_si_sir_sar, note=PROJECTED),
    "SDRi": Measure(_improvements, note="SDR less that of the mixture"),
    "SI-SDRi": Measure(_improvements, note="SI-SDR less that of the mixture"),
    "song SI-SDR": Measure(_song_si_sdr, "song", LE_ROUX),
    "song SI-SIR": Measure(_song_si_sir_sar, "song", PROJECTED),
    "song SI-SAR": Measure(_song_si_sir_sar, "song", PROJECTED),
    "song SDRi": Measure(_song_improvements, "song", "uSDR less that of the mixture"),
    "song SI-SDRi": Measure(_song_improvements, "song", "song SI-SDR less that of the mixture"),
    "uSDR": Measure(_usdr, "song", "SDR of the whole song (Music Demixing Challenge 2021)"),
    "cSDR": Measure(_csdr, "song", "median of the SDR in chunks of one second"),
    "PES": Measure(
        _silent_energies,
        "second",
        f"energy of the estimate in seconds in which the source is silent ({WASPAA}); others NaN",
        lower=True,
    ),
    "EPS": Measure(
        _silent_energies,
        "second",
        f"energy of the source in seconds in which only the estimate is silent ({WASPAA}); "
        "others NaN",
        lower=True,
    ),
    "HTMD-Net PES": Measure(
        _htmd_net,
        "segment",
        "RMS of the estimate in segments of 186 ms in which WebRTC hears no voice in the source "
        "(Garoufis et al. 2021); others NaN",
        lower=True,
        target="vocals",
    ),
    "HTMD-Net VAD": Measure(
        _htmd_net,
        "segment",
        "frames of 20 ms in which WebRTC says the same of estimate and source (Garoufis et al. "
        "2021)",
        unit="%",
        target="vocals",
    ),
}


def measure(name: str) -> Measure:
    """Return a measure; of a name that is none of ours, one in dB of which higher is better."""
    return MEASURES.get(name, Measure(None))


def hops(rate: int) -> dict[str, float]:
    """Return the distance (s) of windows, at ``rate`` (Hz), where the measure itself defines it."""
    whole = {per: max(1, round(length * rate)) / rate for per, length in LENGTHS.items()}
    return {name: whole[each.per] for name, each in MEASURES.items() if each.per in whole}
