"""Separation of whole songs, segment by segment, in memory that does not grow with the song."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from mssbench.data.loudness import deviation
from mssbench.errors import UserError
from mssbench.models.base import Model, Separator, Untrained
from mssbench.models.targets import PAIR
from mssbench.overlap_add import OverlapAdd
from mssbench.post_processing.chain import post_processed
from mssbench.post_processing.shifts import Read, delays, shift_averaged
from mssbench.separation_config import SeparationConfig
from mssbench.separation_cut import Cut, cut_song

Estimates = dict[str, np.ndarray]
"""Target -> waveform (channels, samples), float32."""

BATCH = 8


def separate_song(
    model: Model,
    stems: np.ndarray,
    names: Sequence[str],
    config: SeparationConfig,
    *,
    normalise: bool = False,
) -> Iterator[Estimates]:
    """Separate one song.

    Args:
        model: a separator, which hears the mixture alone, or an untrained method, which is given
            the whole song at once.
        stems: (stems, channels, samples); may be memory-mapped.
        names: of the stems, the mixture first.
        config: how to cut the song; an untrained method does not heed it.
        normalise: whether a separator hears the song divided by its level.

    Yields:
        Consecutive blocks of the estimates, completed by `with_complement`.

    Raises:
        UserError: segments or channels do not suit the model.
    """
    mixture = stems[0]
    if isinstance(model, Untrained):
        sources = dict(zip(names[1:], stems[1:], strict=True)) if model.needs_sources else {}
        yield from separate_whole(model, mixture, sources, config)
        return

    def read(start: int, stop: int) -> np.ndarray:
        return np.asarray(mixture[:, start:stop])

    samples = mixture.shape[-1]
    level = deviation(read, samples) if normalise else 1.0
    yield from separate_stream(model, read, samples, config, level=level)


def separate_whole(
    model: Untrained,
    mixture: np.ndarray,
    sources: Mapping[str, np.ndarray],
    config: SeparationConfig,
) -> Iterator[Estimates]:
    """Separate a mixture by an untrained method, which is given it at once.

    Args:
        model: the method.
        mixture: waveform (channels, samples).
        sources: the true sources by name, for an oracle.
        config: the post-processing.

    Yields:
        Consecutive blocks of the estimates, completed by `with_complement`.
    """
    estimates = model.separate(mixture, sources)
    stack = np.stack([np.asarray(mixture), *estimates.values()]).astype(np.float32)
    yield from finished(iter([stack]), tuple(estimates), config)


def separate_stream(
    model: Separator,
    read: Read,
    samples: int,
    config: SeparationConfig,
    *,
    batch: int = BATCH,
    level: float = 1.0,
) -> Iterator[Estimates]:
    """Separate a mixture that is read piece by piece.

    Args:
        model: is put into evaluation mode. Where its estimates have no levels of their own, they
            get those that make up the mixture best.
        read: gives a part of the mixture.
        samples: length of the mixture.
        config: how to cut it, and what to do to the estimates.
        batch: segments that the model hears at once; memory grows with it.
        level: what the model's input is divided by and its estimates are multiplied by.

    Yields:
        Consecutive blocks of the estimates, as long together as the mixture, completed by
        `with_complement`.

    Raises:
        UserError: the segment or the context does not suit the model, or it has no such output.
    """
    if config.output not in model.output_names:
        raise UserError(
            f"separation.output is {config.output!r}; {type(model).__name__} has "
            f"{', '.join(model.output_names)}"
        )

    def once(read: Read, samples: int) -> Iterator[np.ndarray]:
        return segmentwise(model, read, samples, config, batch=batch, level=level)

    if config.shifts:
        shifts = delays(config.shifts, config.max_shift, config.shift_seed)
        blocks = shift_averaged(once, read, samples, shifts)
    else:
        blocks = once(read, samples)
    if not model.has_levels:
        config = replace(config, rescale="least_squares")
    yield from finished(beside(read, blocks), model.targets, config)


def beside(read: Read, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield a mixture on top of its estimates, (1 + targets, channels, samples)."""
    begin = 0
    for block in blocks:
        end = begin + block.shape[-1]
        yield np.concatenate((read(begin, end)[None].astype(np.float32), block))
        begin = end


def finished(
    stacks: Iterator[np.ndarray], targets: Sequence[str], config: SeparationConfig
) -> Iterator[Estimates]:
    """Yield post-processed estimates by name, completed by `with_complement`."""
    stacks, names = post_processed(stacks, targets, config, config.segment)
    for mixture, *estimates in stacks:
        yield with_complement(dict(zip(names, estimates, strict=True)), mixture)


def segmentwise(
    model: Separator,
    read: Read,
    samples: int,
    config: SeparationConfig,
    *,
    batch: int,
    level: float,
) -> Iterator[np.ndarray]:
    """Yield a model's estimates (targets, channels, samples) as they come, block by block.

    Segments without overlap follow each other, as in HTMD-Net's separation (Garoufis, Zlatintsi
    and Maragos, EUSIPCO 2021). Its script leaves what fills no whole segment silent; here zeros
    complete the last segment and its output is cut. Overlapping ones are cross-faded. Around the
    song, a model that loses context hears zeros; context that is asked for ends with the song.
    With such context, segments lie on the model's grid; see `mssbench.separation_cut`.
    """
    cut = cut_song(model, samples, config)
    hop, length = cut.hop, cut.kept
    count = 1 + max(0, math.ceil((samples - length) / hop))
    joined = OverlapAdd(length, hop)
    model.eval()
    begin = 0
    for first in range(0, count, batch):
        starts = range(first * hop, min(first + batch, count) * hop, hop)
        outputs = infer(
            model, lambda a, b: read(a, b) / level, samples, starts, cut, output=config.output
        )
        pieces = [joined.add(level * output) for output in outputs]
        if starts[-1] + length >= samples:
            pieces.append(joined.rest())
        block = np.concatenate(pieces, axis=-1)[..., : samples - begin].astype(np.float32)
        yield block
        begin += block.shape[-1]


def infer(
    model: Separator, read: Read, samples: int, starts: range, cut: Cut, *, output: str
) -> Iterator[np.ndarray]:
    """Yield what is kept of an output, (targets, channels, length), beginning at ``starts``.

    A song of another number of channels than the model's is heard channel by channel, each one
    repeated in all of the model's channels, whose outputs are averaged.
    """
    heard = [cut.first_heard(start) for start in starts]
    stop = min(heard[-1] + cut.heard, samples)
    audio = read(max(heard[0], 0), stop)
    audio = np.pad(audio, ((0, 0), (max(-heard[0], 0), heard[-1] + cut.heard - stop)))
    segments = [audio[:, first - heard[0] :][:, : cut.heard] for first in heard]
    inputs = torch.from_numpy(np.stack(segments).astype(np.float32))
    channels = inputs.shape[1]
    apart = channels != model.channels
    if apart:
        inputs = inputs.flatten(0, 1).unsqueeze(1).expand(-1, model.channels, -1)
    device = next(model.parameters(), inputs).device
    # Not around a yield: a suspended generator would leave its caller in inference mode.
    with torch.inference_mode():
        outputs = model(inputs.to(device))[output]
    if apart:
        outputs = outputs.mean(dim=2).unflatten(0, (-1, channels)).transpose(1, 2)
    # Behind the song there may be less output than is kept; it is cut with the song.
    outputs = torch.nn.functional.pad(outputs.float(), (0, cut.kept)).cpu()
    for estimates, first, start in zip(outputs, heard, starts, strict=True):
        begin = start - first - model.context
        yield estimates[..., begin : begin + cut.kept].numpy()


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
