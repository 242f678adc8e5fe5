"""The augmentations that a configuration may list, and whether the list fits the examples.

Imports nothing heavy: configurations are checked before any job starts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from mssbench.errors import UserError
from mssbench.stretching.length import longest_reach
from mssbench.stretching.tempos import KNOWN, Tempos
from mssbench.training.structure import Maximum, Minimum


@dataclass(frozen=True)
class GainConfig:
    """A gain for each source, uniform in a range.

    Attributes:
        low: least factor, not in dB.
        high: greatest factor.
    """

    kind: Literal["gain"]
    low: Annotated[float, Minimum(0)]
    high: Annotated[float, Minimum(0)]


@dataclass(frozen=True)
class FlipSignConfig:
    """The sign of each source turned with probability 1/2."""

    kind: Literal["flip_sign"]


@dataclass(frozen=True)
class SwapChannelsConfig:
    """Left and right of each source exchanged with probability 1/2."""

    kind: Literal["swap_channels"]


@dataclass(frozen=True)
class ShiftConfig:
    """Each source cut at its own place of a longer crop.

    Attributes:
        max_shift: greatest delay between two sources (samples); crops are drawn longer by it.
    """

    kind: Literal["shift"]
    max_shift: Annotated[int, Minimum(1)]


@dataclass(frozen=True)
class RemixConfig:
    """Each source permuted over the whole batch.

    Attributes:
        probability: of a batch to be mixed at all.
    """

    kind: Literal["remix"]
    probability: Annotated[float, Minimum(0), Maximum(1)] = 1.0


@dataclass(frozen=True)
class RemixGroupsConfig:
    """Each source permuted within groups of examples.

    Attributes:
        group: examples a group; must divide the batch size.
    """

    kind: Literal["remix_groups"]
    group: Annotated[int, Minimum(2)]


@dataclass(frozen=True)
class RemixHalfConfig:
    """Half of the batch mixed anew."""

    kind: Literal["remix_half"]


@dataclass(frozen=True)
class RandomChannelConfig:
    """Left or right of each source, for a model that hears one channel."""

    kind: Literal["random_channel"]


@dataclass(frozen=True)
class TempoConfig:
    """Each example at a tempo of its own, with its pitch.

    Attributes:
        like: factors and probabilities of RA's paper or of its code.
        factors: tempo factors, above 1 is faster, in place of ``like``; crops are drawn longer by
            the greatest.
        probabilities: one a factor; equal ones if they are left out.
        n_fft: length of the phase vocoder's window and transform (samples); RA's by default.
        hop: samples from one of its frames to the next.
    """

    kind: Literal["tempo"]
    like: Literal["ra_paper", "ra_code"] | None = None
    factors: tuple[float, ...] | None = None
    probabilities: tuple[float, ...] | None = None
    n_fft: Annotated[int, Minimum(4)] = 1024
    hop: Annotated[int, Minimum(1)] = 256

    def tempos(self) -> Tempos:
        """Return the factors and their probabilities.

        Raises:
            UserError: keys do not go together or have values that are not allowed; the message
                begins with the key.
        """
        if (self.like is None) == (self.factors is None):
            found = "neither" if self.like is None else "both"
            raise UserError(f"factors: found {found} of like and factors; give one of them")
        if self.like and self.probabilities:
            raise UserError("probabilities: goes with factors only")
        if self.n_fft % self.hop or self.n_fft < 4 * self.hop:
            raise UserError(
                f"hop: found {self.hop}; allowed is n_fft ({self.n_fft}) divided by a whole number "
                "of 4 or more"
            )
        if self.factors is None:
            return KNOWN[self.like or ""]
        return Tempos(self.factors, self.probabilities)


AugmentationConfig = (
    GainConfig
    | FlipSignConfig
    | SwapChannelsConfig
    | ShiftConfig
    | RemixConfig
    | RemixGroupsConfig
    | RemixHalfConfig
    | RandomChannelConfig
    | TempoConfig
)

KEY = "training.augmentation"
NEED_STEREO = ("swap_channels", "random_channel")
KINDS = tuple(get_args(cls.__annotations__["kind"])[0] for cls in get_args(AugmentationConfig))


def margin(augmentations: Sequence[AugmentationConfig], samples: int | None = None) -> int:
    """Return how many samples longer crops must be than what is left of them at the end.

    Args:
        augmentations: in the order in which they are done.
        samples: how many are to be left; only ``tempo`` needs to know.

    Raises:
        ValueError: there is a ``tempo``, and ``samples`` is None.
    """
    length = wanted = samples or 0
    for step in reversed(augmentations):
        if isinstance(step, ShiftConfig):
            length += step.max_shift
        elif isinstance(step, TempoConfig):
            if samples is None:
                raise ValueError("the margin of tempo depends on the length of the crops")
            length = math.ceil(length * longest_reach(step.tempos().factors))
    return length - wanted


def heard_channels(augmentations: Sequence[AugmentationConfig], channels: int) -> int:
    """Return the channels that are left of a rendition's."""
    return 1 if any(isinstance(step, RandomChannelConfig) for step in augmentations) else channels


def check(
    augmentations: Sequence[AugmentationConfig], channels: Literal["mono", "stereo"], batch: int
) -> None:
    """Check that each augmentation can do something to what the ones before it leave.

    Args:
        augmentations: in the order in which they are done.
        channels: of the rendition.
        batch: examples a batch.

    Raises:
        UserError: naming the key, what was found and what is allowed.
    """
    mono = "rendition.channels is mono" if channels == "mono" else ""
    for position, step in enumerate(augmentations):
        key = f"{KEY}[{position}]"
        if mono and step.kind in NEED_STEREO:
            allowed = ", ".join(kind for kind in KINDS if kind not in NEED_STEREO)
            raise UserError(
                f"{key}.kind is {step.kind!r}, which needs two channels, but {mono}; "
                f"allowed here are {allowed}"
            )
        if isinstance(step, RandomChannelConfig):
            mono = f"{key} leaves one"
        if isinstance(step, TempoConfig):
            try:
                step.tempos()
            except UserError as error:
                raise UserError(f"{key}.{error}") from None
        if isinstance(step, GainConfig) and step.low > step.high:
            raise UserError(f"{key}.low is {step.low:g}; it must be at most high, {step.high:g}")
        if isinstance(step, RemixGroupsConfig) and batch % step.group:
            divisors = [str(n) for n in range(2, batch + 1) if batch % n == 0]
            raise UserError(
                f"{key}.group is {step.group}, which does not divide training.batch_size {batch}; "
                f"allowed are {', '.join(divisors) or 'none: choose a larger batch_size'}"
            )
        # Fewer leave nobody to exchange with.
        needed = {"remix": 2, "remix_half": 3}.get(step.kind, 1)
        if batch < needed:
            raise UserError(
                f"{key}.kind is {step.kind!r}, which needs training.batch_size of at least "
                f"{needed}; it is {batch}"
            )
