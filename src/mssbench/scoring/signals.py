"""The signals of one problem, as the measures see them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mssbench.scoring.framing import frames

Silent = Callable[[np.ndarray], np.ndarray]
"""From signals (J, channels, samples) to which of them are silent, (J,)."""


@dataclass(frozen=True)
class Signals:
    """Sources that are scored together, their estimates and the mixture.

    Attributes:
        truth: J sources, (J, channels, samples).
        estimates: theirs, in the same shape.
        mixture: (channels, samples).
        rate: sample rate (Hz).
        window: length of a window (samples).
        hop: distance of two windows (samples).
        silent: what is held to be silent.
    """

    truth: np.ndarray
    estimates: np.ndarray
    mixture: np.ndarray
    rate: int
    window: int
    hop: int
    silent: Silent

    @property
    def samples(self) -> int:
        """Length of the song."""
        return int(self.truth.shape[-1])

    @cached_property
    def windows(self) -> list[slice]:
        """The windows of the protocol."""
        return frames(self.samples, self.window, self.hop)

    @cached_property
    def seconds(self) -> list[slice]:
        """Windows of one second that do not overlap."""
        return frames(self.samples, self.rate, self.rate)

    @cached_property
    def scored(self) -> np.ndarray:
        """In which windows no source and no estimate is silent, (W,)."""
        return self.heard(self.windows)

    @cached_property
    def quiet(self) -> bool:
        """Whether a source or an estimate is silent throughout."""
        return not self.heard([slice(None)])[0]

    def heard(self, parts: list[slice]) -> np.ndarray:
        """Return in which parts no source and no estimate is silent."""
        both = (self.truth, self.estimates)
        return np.array(
            [not any(self.silent(signals[..., part]).any() for signals in both) for part in parts]
        )
