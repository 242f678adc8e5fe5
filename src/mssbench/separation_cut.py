"""How a song is cut into segments: what a model hears and what is kept of its output."""

import math
from dataclasses import dataclass

from mssbench.errors import UserError
from mssbench.models.base import Separator
from mssbench.separation_config import SeparationConfig


@dataclass(frozen=True)
class Cut:
    """Segments of one song, all of one length (samples).

    Attributes:
        heard: what the model hears at once.
        kept: what is kept of its output.
        hop: from where one segment's kept output begins to where the next one's does.
        lead: what is heard before the kept output begins, where the song has so much.
        last: where the last segment begins; None where zeros are heard around the song.
    """

    heard: int
    kept: int
    hop: int
    lead: int
    last: int | None

    def first_heard(self, start: int) -> int:
        """Return where the segment begins whose kept output begins at ``start``.

        It is below 0 only where zeros are heard around the song.
        """
        first = start - self.lead
        return first if self.last is None else min(max(first, 0), self.last)


def cut_song(model: Separator, samples: int, config: SeparationConfig) -> Cut:
    """Return how a song is cut for a model.

    Without context that is asked for, segments are as the configuration says. With it, they are
    to say what the whole song would: each begins on the model's grid, so hop and context are
    rounded to it, and each is longer than asked for by so much that it ends at another point of
    the grid than it begins at just as the song does. For what a model completes to whole frames,
    strides or halvings, or puts on both sides for that, depends on the length.

    Args:
        model: what hears the segments.
        samples: length of the song.
        config: the segment, the overlap and the context.

    Raises:
        UserError: the segment or the context does not suit the model.
    """
    kept = output_length(model, config)
    hop = max(1, round(kept * (1 - config.overlap)))
    if not config.context:
        return Cut(config.segment, kept, hop, model.context, None)
    grid = math.lcm(model.multiple, model.grid)
    hop = max(grid, hop // grid * grid)
    kept = max(kept, hop)
    lead = model.context + rounded_up(config.context, grid)
    heard = lead + kept + config.context + model.context
    if model.context:
        return Cut(rounded_up(heard, model.multiple), kept, hop, lead, None)
    whole = rounded_up(samples, model.multiple)
    heard = min(whole, heard + (whole - heard) % grid)
    return Cut(heard, kept, hop, lead, whole - heard)


def rounded_up(samples: int, multiple: int) -> int:
    """Return the first multiple that is no less."""
    return math.ceil(samples / multiple) * multiple


def output_length(model: Separator, config: SeparationConfig) -> int:
    """Return how many samples are kept of a segment's output.

    Raises:
        UserError: the segment or the context is no multiple of what the model takes, or all of
            the segment is context.
    """
    name, multiple, segment = type(model).__name__, model.multiple, config.segment
    for key, value in (("segment", segment), ("context", config.context)):
        if value % multiple:
            raise UserError(
                f"separation.{key} is {value}; {name} takes multiples of {multiple} samples, such "
                f"as {rounded_up(value, multiple)}"
            )
    lost = 2 * (model.context + config.context)
    if segment <= lost:
        raise UserError(
            f"separation.segment is {segment}; {name} needs more than the {lost} samples "
            "of context that it loses"
        )
    return segment - lost
