"""The post-processing of an experiment, in its order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mssbench.models.targets import ACCOMPANIMENT, PAIR, VOCALS
from mssbench.post_processing.rescale import rescaled
from mssbench.post_processing.soft_mask import SoftMaskConfig, soft_masked
from mssbench.post_processing.stacks import Stacks
from mssbench.post_processing.threshold import ThresholdConfig, thresholded
from mssbench.post_processing.wiener import WienerConfig, wiener_filtered


@dataclass(frozen=True, kw_only=True)
class PostProcessing:
    """What is done to the estimates, in this order, before the missing one of a pair is added.

    Attributes:
        rescale: ``least_squares`` gives the estimates the levels, constant in each channel of a
            song, that make up the mixture best, as Meta-TasNet does. It keeps the song until its
            end; a long one in a temporary file.
        soft_mask: makes the estimates shares of the mixture's spectrum.
        wiener: filters the mixture by their powers and directions.
        threshold: silences segments of little energy.
    """

    rescale: Literal["least_squares"] | None = None
    soft_mask: SoftMaskConfig | None = None
    wiener: WienerConfig | None = None
    threshold: ThresholdConfig | None = None


def adding_up(targets: Sequence[str]) -> list[str]:
    """Return those of the targets that do not overlap.

    Beside vocals and sources of the accompaniment, the accompaniment is left out: the mixture less
    the vocals gives it again.
    """
    overlapping = VOCALS in targets and set(targets) - set(PAIR)
    return [target for target in targets if not (overlapping and target == ACCOMPANIMENT)]


def post_processed(
    stacks: Stacks, targets: Sequence[str], config: PostProcessing, segment: int
) -> tuple[Stacks, list[str]]:
    """Return what is left of a song's estimates, and their names.

    Args:
        stacks: the mixture and its estimates.
        targets: names of the estimates.
        config: what is done to them.
        segment: length of the model's input (samples).
    """
    names = list(targets)
    if config.rescale or config.soft_mask or config.wiener:
        names = adding_up(targets)
        rows = np.array([0, *(1 + list(targets).index(name) for name in names)])
        stacks = (stack[rows] for stack in stacks)
    if config.rescale:
        stacks = rescaled(stacks)
    if config.soft_mask:
        stacks = soft_masked(stacks, config.soft_mask)
    if config.wiener:
        stacks = wiener_filtered(stacks, config.wiener)
    if config.threshold:
        stacks = thresholded(stacks, config.threshold, names, segment)
    return stacks, names
