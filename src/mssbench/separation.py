"""Separation of whole songs, segment by segment, in memory that does not grow with the song."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

from mssbench.errors import UserError
from mssbench.models.base import Model, Separator, Untrained
from mssbench.overlap_add import OverlapAdd
from mssbench.training.structure import Minimum

Read = Callable[[int, int], np.ndarray]
"""From ``start`` and ``stop`` (samples) to that part of a mixture, (channels, samples)."""

Estimates = dict[str, np.ndarray]
"""Target -> waveform (channels, samples), float32."""

PAIR = ("vocals", "accompaniment")
"""Two targets that add up to the mixture."""

BATCH = 8


@dataclass(frozen=True)
class SeparationConfig:
    """How a song is cut for a model.

    Attributes:
        segment: length of the model's input (samples).
        overlap: share of a segment's output that the next one covers too, from 0 to below 1.

    Raises:
        UserError: the overlap is 1 or more.
    """

    segment: Annotated[int, Minimum(1)]
    overlap: Annotated[float, Minimum(0)]

    def __post_init__(self) -> None:
        if self.overlap >= 1:
            raise UserError(f"separation.overlap is {self.overlap:g}; it must be below 1")


def separate_song(
    model: Model, stems: np.ndarray, names: Sequence[str], config: SeparationConfig
) -> Iterator[Estimates]:
    """Separate one song.

    Args:
        model: a separator, which hears the mixture alone, or an untrained method, which is given
            the whole song at once.
        stems: (stems, channels, samples); may be memory-mapped.
        names: of the stems, the mixture first.
        config: how to cut the song; an untrained method does not heed it.

    Yields:
        Consecutive blocks of the estimates, completed by `with_complement`.

    Raises:
        UserError: segments or channels do not suit the model.
    """
    mixture = stems[0]
    if isinstance(model, Untrained):
        sources = dict(zip(names[1:], stems[1:], strict=True)) if model.needs_sources else {}
        yield with_complement(model.separate(mixture, sources), mixture)
        return
    yield from separate_stream(
        model,
        lambda start, stop: np.asarray(mixture[:, start:stop]),
        mixture.shape[-1],
        config.segment,
        config.overlap,
    )


def separate_stream(
    model: Separator,
    read: Read,
    samples: int,
    segment: int,
    overlap: float,
    *,
    batch: int = BATCH,
) -> Iterator[Estimates]:
    """Separate a mixture that is read piece by piece.

    Segments without overlap follow each other, as in HTMD-Net's separation (Garoufis, Zlatintsi
    and Maragos, EUSIPCO 2021). Its script leaves what fills no whole segment silent; here zeros
    complete the last segment and its output is cut. Overlapping ones are cross-faded. Around the
    song, a model that loses context hears zeros.

    Args:
        model: is put into evaluation mode.
        read: gives a part of the mixture.
        samples: length of the mixture.
        segment: length of the model's input (samples).
        overlap: share of a segment's output that the next one covers too, from 0 to below 1.
        batch: segments that the model hears at once; memory grows with it.

    Yields:
        Consecutive blocks of the estimates, as long together as the mixture; the missing one of
        vocals and accompaniment is the mixture minus the other.

    Raises:
        UserError: the segment does not suit the model.
    """
    length = output_length(model, segment)
    hop = max(1, round(length * (1 - overlap)))
    count = 1 + max(0, math.ceil((samples - length) / hop))
    joined = OverlapAdd(length, hop)
    model.eval()
    begin = 0
    for first in range(0, count, batch):
        starts = range(first * hop, min(first + batch, count) * hop, hop)
        pieces = [joined.add(output) for output in infer(model, read, samples, starts, segment)]
        if starts[-1] + length >= samples:
            pieces.append(joined.rest())
        block = np.concatenate(pieces, axis=-1)[..., : samples - begin].astype(np.float32)
        end = begin + block.shape[-1]
        estimates = dict(zip(model.targets, block, strict=True))
        yield with_complement(estimates, read(begin, end))
        begin = end


def output_length(model: Separator, segment: int) -> int:
    """Return how many samples a model gives for a segment.

    Raises:
        UserError: the segment is no multiple of what the model takes, or all of it is context.
    """
    name, multiple, context = type(model).__name__, model.multiple, model.context
    if segment % multiple:
        raise UserError(
            f"separation.segment is {segment}; {name} takes multiples of {multiple} samples, such "
            f"as {math.ceil(segment / multiple) * multiple}"
        )
    if segment <= 2 * context:
        raise UserError(
            f"separation.segment is {segment}; {name} needs more than the {2 * context} samples "
            "of context that it loses"
        )
    return segment - 2 * context


def infer(
    model: Separator, read: Read, samples: int, starts: range, segment: int
) -> Iterator[np.ndarray]:
    """Yield the model's outputs (targets, channels, length), which begin at ``starts``.

    A song of another number of channels than the model's is heard channel by channel, each one
    repeated in all of the model's channels, whose outputs are averaged.
    """
    start, stop = starts[0] - model.context, starts[-1] - model.context + segment
    audio = read(max(start, 0), min(stop, samples))
    audio = np.pad(audio, ((0, 0), (max(-start, 0), max(stop - samples, 0))))
    segments = sliding_window_view(audio, segment, axis=-1)[:, :: starts.step]
    inputs = torch.from_numpy(np.array(segments.swapaxes(0, 1), dtype=np.float32, order="C"))
    channels = inputs.shape[1]
    apart = channels != model.channels
    if apart:
        inputs = inputs.flatten(0, 1).unsqueeze(1).expand(-1, model.channels, -1)
    device = next(model.parameters(), inputs).device
    # Not around a yield: a suspended generator would leave its caller in inference mode.
    with torch.inference_mode():
        outputs = model(inputs.to(device))["final"]
    if apart:
        outputs = outputs.mean(dim=2).unflatten(0, (-1, channels)).transpose(1, 2)
    yield from outputs.float().cpu().numpy()


def targets_of(model: Model) -> tuple[str, ...]:
    """Return what the estimates of ``model`` are of: vocals and accompaniment, then others."""
    pair = PAIR if set(PAIR) & set(model.targets) else ()
    return (*pair, *(target for target in model.targets if target not in PAIR))


def with_complement(estimates: Estimates, mixture: np.ndarray) -> Estimates:
    """Add the missing one of vocals and accompaniment, as the mixture minus the other."""
    missing = set(PAIR).difference(estimates)
    if len(missing) != 1:
        return estimates
    (other,) = set(PAIR) - missing
    return estimates | {missing.pop(): mixture - estimates[other]}
