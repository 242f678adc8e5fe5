"""Where the sources of a mixture stand, and how a source sounds from there."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from mssbench.errors import UserError
from mssbench.training.structure import Minimum

MIDDLE, WIDEST = 45.0, 90.0
"""The pan angle of the centre, and that of the right alone (degrees); the left alone is 0."""


@dataclass(frozen=True)
class Fan:
    """Sources side by side at equal angles, symmetric about the centre.

    As in the evaluation of PROJET (D. FitzGerald, A. Liutkus and R. Badeau, IEEE/ACM TASLP 24(9),
    2016), which moves four sources 10, 20 and 30 degrees apart, then delays them. Its delays, the
    middle of its fan and its excerpts are not known: UNVERIFIED.

    Attributes:
        spacing: angle between neighbours (degrees); all must lie between left and right.
        delay: delay of the outermost sources between the channels (samples). The first source
            reaches the right channel earlier by it, the last one later, those between in equal
            steps, to whole samples.
        seconds: length of the excerpt, from the middle of each song; None for the whole song.
    """

    spacing: Annotated[float, Minimum(0)]
    delay: Annotated[int, Minimum(0)] = 0
    seconds: Annotated[float, Minimum(0, excluded=True)] | None = None

    @property
    def name(self) -> str:
        """What files are called by, as in ``fan20`` and ``fan7.5-delay10-30s``."""
        delay = f"-delay{self.delay}" if self.delay else ""
        excerpt = "" if self.seconds is None else f"-{self.seconds:g}s"
        return f"fan{self.spacing:g}{delay}{excerpt}"

    def places(self, sources: int) -> list[tuple[float, int]]:
        """Return each source's pan angle (degrees) and its delay (samples), from left to right.

        Raises:
            UserError: the outermost sources would stand beyond left and right.
        """
        steps = np.arange(sources) - (sources - 1) / 2
        width = (sources - 1) * self.spacing
        if width > WIDEST:
            raise UserError(
                f"panning.spacing is {self.spacing:g} degrees, which {sources} sources spread over "
                f"{width:g}; it must be at most {WIDEST / (sources - 1):g}"
            )
        delays = np.round(self.delay * steps / max(steps[-1], 0.5)).astype(int)
        angles = MIDDLE + self.spacing * steps
        return [(float(angle), int(delay)) for angle, delay in zip(angles, delays, strict=True)]

    def excerpt(self, samples: int, rate: int) -> slice:
        """Return which samples of a song are taken."""
        wanted = samples if self.seconds is None else min(samples, round(self.seconds * rate))
        first = (samples - wanted) // 2
        return slice(first, first + wanted)


def pan_and_delay(source: np.ndarray, angle: float, delay: int) -> np.ndarray:
    """Return the stereo image (2, samples) of a source (samples,), of the same energy.

    Left is cos(angle) s(t), right sin(angle) s(t - delay); a negative delay delays the left
    instead. What is delayed beyond the end is lost.

    Args:
        source: the source.
        angle: 0 is left, 90 right (degrees).
        delay: of the right channel behind the left (samples).
    """
    radians = np.deg2rad(angle)
    left, right = (shifted(source, max(sign * delay, 0)) for sign in (-1, 1))
    image: np.ndarray = np.stack([np.cos(radians) * left, np.sin(radians) * right])
    return image.astype(source.dtype)


def shifted(source: np.ndarray, samples: int) -> np.ndarray:
    """Return a source (samples,) later by ``samples``, as long as it was."""
    return np.pad(source, (samples, 0))[: len(source)]
