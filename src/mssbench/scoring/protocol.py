"""How estimates are scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any, Literal

from mssbench import __version__
from mssbench.data.song_array import CHANNEL_COUNTS, Channels
from mssbench.errors import UserError
from mssbench.scoring.measures import LE_ROUX, MEASURES, METRICS
from mssbench.scoring.protocols import changed, laid_over
from mssbench.training.structure import Minimum, structure

DEFAULT = (*METRICS, "SI-SDR", "song SI-SDR")
"""The measures of a protocol that names none."""


@dataclass(frozen=True)
class Protocol:
    """What decides scores beside the audio.

    Attributes:
        window: length of a window (s).
        hop: distance of two windows (s).
        references: ``pcm16`` rounds the references to the grid of 16-bit audio, ``float`` takes
            them as they are. Resampled audio is empty near the band edge; without the rounding
            noise there, the least-squares problem behind ISR, SIR and SAR is singular to working
            precision and SIR and SAR fall by many dB. SDR is the same but for that noise.
        engine: what computes BSSEval: ``bss_eval`` of this package, or the package ``museval``,
            whose values are the same and take many times as long.
        device: where ``bss_eval`` computes: by NumPy on the ``cpu``, by torch on a GPU with
            ``cuda``; the values differ by rounding.
        version: of BSSEval: 4 has distortion filters of the whole song, 3 of each window.
        isolated: whether each window is scored as a song of its own. Its version 4 filters are
            then those of the window, so that the scores are version 3's.
        measures: what is computed, names in ``MEASURES``. BSSEval's four come together.
        protocol: the name of the entry in ``protocols.yaml`` that the others are from; empty
            where none is named.
        rate: what sample rate (Hz) that entry is for; None for any.
        channels: what channels it is for; None for any.

    Raises:
        UserError: no measure is named, or an unknown one, or the engine has not the device.
    """

    window: Annotated[float, Minimum(0, excluded=True)]
    hop: Annotated[float, Minimum(0, excluded=True)]
    references: Literal["pcm16", "float"]
    engine: Literal["bss_eval", "museval"] = "bss_eval"
    device: Literal["cpu", "cuda"] = "cpu"
    version: Literal[3, 4] = 4
    isolated: bool = False
    measures: tuple[str, ...] = DEFAULT
    protocol: str = ""
    rate: int | None = None
    channels: Channels | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.measures if name not in MEASURES]
        if unknown or not self.measures:
            found = f"has {unknown[0]!r}" if unknown else "is empty"
            raise UserError(f"scoring.measures {found}; allowed are {', '.join(MEASURES)}")
        if self.device != "cpu" and self.engine != "bss_eval":
            raise UserError(
                f"scoring.device is {self.device!r}, and {self.engine} computes on the CPU alone; "
                "give engine: bss_eval, or device: cpu"
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Protocol":
        """Return the protocol that a study's ``scoring`` describes.

        Raises:
            UserError: a key or value is not allowed, or the protocol it names is unknown.
        """
        return structure(cls, laid_over(config), "scoring")

    def samples(self, rate: int) -> tuple[int, int]:
        """Return window and hop in samples at ``rate`` (Hz), at least one each."""
        return max(1, round(self.window * rate)), max(1, round(self.hop * rate))

    @property
    def bsseval(self) -> bool:
        """Whether BSSEval is computed."""
        return any(name in METRICS for name in self.measures)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What a score table made by it holds."""
        return tuple(dict.fromkeys([*(METRICS if self.bsseval else ()), *self.measures]))

    @property
    def framewise_filters(self) -> bool:
        """Whether each window has distortion filters of its own."""
        return self.version == 3 or self.isolated

    def unlike(self, rate: int, channels: int) -> str:
        """Return in what audio of ``rate`` (Hz) differs from the protocol's; empty if it does not.

        Args:
            rate: sample rate (Hz).
            channels: how many.
        """
        meant, found = [], []
        if self.rate not in (None, rate):
            meant.append(f"{self.rate} Hz")
            found.append(f"{rate} Hz")
        if self.channels is not None and CHANNEL_COUNTS[self.channels] != channels:
            names = {count: name for name, count in CHANNEL_COUNTS.items()}
            meant.append(self.channels)
            found.append(names.get(channels, f"{channels} channels"))
        if not meant:
            return ""
        return (
            f"the protocol {self.protocol} is for audio of {' '.join(meant)}, this is of "
            f"{' '.join(found)}: the scores are not comparable with others of that protocol"
        )

    def description(self) -> dict[str, Any]:
        """Return the protocol as a score table carries it: what is not as usual stands behind."""
        museval = self.engine == "museval"
        engine = f"museval {version('museval')}" if museval else f"mssbench {__version__}"
        how: dict[str, Any] = {
            "version": f"BSSEval v{self.version} ({engine})",
            "window": self.window,
            "hop": self.hop,
            "references": self.references,
            "si_sdr": LE_ROUX,
        }
        if self.device != "cpu":
            how["device"] = self.device
        if self.isolated:
            how["isolated"] = True
        if self.measures != DEFAULT:
            how["measures"] = list(self.measures)
        if self.protocol:
            keys = ("version", "window", "hop", "isolated", "references")
            how |= {
                "protocol": self.protocol,
                "changed": changed(self.protocol, {key: getattr(self, key) for key in keys}),
                "rate": self.rate,
                "channels": self.channels,
            }
        return how
