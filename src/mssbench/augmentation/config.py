"""The augmentations that a configuration may list, and whether the list fits the examples.

Imports nothing heavy: configurations are checked before any job starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from mssbench.errors import UserError
from mssbench.training.structure import Minimum


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
    """Each source permuted over the whole batch."""

    kind: Literal["remix"]


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


AugmentationConfig = (
    GainConfig
    | FlipSignConfig
    | SwapChannelsConfig
    | ShiftConfig
    | RemixConfig
    | RemixGroupsConfig
    | RemixHalfConfig
    | RandomChannelConfig
)

KEY = "training.augmentation"
NEED_STEREO = ("swap_channels", "random_channel")
KINDS = tuple(get_args(cls.__annotations__["kind"])[0] for cls in get_args(AugmentationConfig))


def margin(augmentations: Sequence[AugmentationConfig]) -> int:
    """Return how many samples longer crops must be than what is left of them at the end."""
    return sum(step.max_shift for step in augmentations if isinstance(step, ShiftConfig))


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
