"""How estimates are scored."""

from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Annotated, Any, Literal

from mssbench import __version__
from mssbench.training.structure import Minimum

METRICS = ("SDR", "ISR", "SIR", "SAR")
"""The metrics of BSSEval, in the order in which museval gives them."""


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
        engine: what computes BSSEval: the package ``museval``, or ``bss_eval``, which gives the
            same values many times as fast.
    """

    window: Annotated[float, Minimum(0, excluded=True)]
    hop: Annotated[float, Minimum(0, excluded=True)]
    references: Literal["pcm16", "float"]
    engine: Literal["museval", "bss_eval"] = "museval"

    def samples(self, rate: int) -> tuple[int, int]:
        """Return window and hop in samples at ``rate`` (Hz), at least one each."""
        return max(1, round(self.window * rate)), max(1, round(self.hop * rate))

    def description(self) -> dict[str, Any]:
        """Return the protocol as a score table carries it."""
        how = asdict(self)
        museval = how.pop("engine") == "museval"
        engine = f"museval {version('museval')}" if museval else f"mssbench {__version__}"
        return {
            "version": f"BSSEval v4 ({engine})",
            **how,
            "si_sdr": "Le Roux et al. 2019, means kept",
        }
