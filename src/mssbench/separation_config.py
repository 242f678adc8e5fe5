"""How an experiment separates songs: its key ``separation``."""

from dataclasses import dataclass
from typing import Annotated, Literal

from mssbench.errors import UserError
from mssbench.post_processing.chain import PostProcessing
from mssbench.training.structure import Count, Minimum


@dataclass(frozen=True)
class SeparationConfig(PostProcessing):
    """How a song is cut for a model, and what is done to the estimates.

    An untrained method is given the whole song at once and heeds the post-processing alone.

    Attributes:
        segment: length of the model's input (samples).
        overlap: share of a segment's output that the next one covers too, from 0 to below 1.
        context: samples that the model hears more than it says at each side of a segment, beside
            those that it loses by itself. With at least its ``reach``, it says what it would say of
            the whole song: segments then begin on its ``grid``, to which the hop and the context
            are rounded.
        output: which of the model's outputs is kept: the ``final`` one, or HTMD-Net's
            ``intermediate`` one, before the denoising module.
        shifts: the estimates are the mean of those of so many copies of the song, delayed at
            random; 0 does not delay. Demucs takes 10.
        max_shift: delays are below this (samples; half a second in Demucs' paper), all different.
        shift_seed: seed of the delays.
        songs: which songs of a rendition are separated, and so scored: its ``test`` songs, or
            those ``held_out`` from the training, which are the fold of a cross-validation. By
            default the fold where there is one, else the test songs. Of a method that is not
            trained, all training songs are held out.

    Raises:
        UserError: the overlap is 1 or more, or there are more shifts than differ.
    """

    segment: Annotated[int, Minimum(1)]
    overlap: Annotated[float, Minimum(0)]
    context: Annotated[int, Minimum(0)] = 0
    output: str = "final"
    shifts: Annotated[int, Minimum(0)] = 0
    max_shift: Count = 22_050
    shift_seed: Annotated[int, Minimum(0)] = 0
    songs: Literal["test", "held_out"] | None = None

    def __post_init__(self) -> None:
        if self.overlap >= 1:
            raise UserError(f"separation.overlap is {self.overlap:g}; it must be below 1")
        if self.shifts > self.max_shift:
            raise UserError(
                f"separation.shifts is {self.shifts}; it must be at most separation.max_shift, "
                f"{self.max_shift}"
            )
