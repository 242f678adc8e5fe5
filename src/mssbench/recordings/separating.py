"""One recording, separated at its own rate, channels and length."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mssbench.data.disk import require_free
from mssbench.data.loudness import deviation
from mssbench.estimate_files import write_estimates
from mssbench.models.base import Model, Untrained
from mssbench.progress import Progress
from mssbench.recordings.audio_file import AudioFile
from mssbench.recordings.resampling import Resampled
from mssbench.separation import (
    BATCH,
    PAIR,
    Estimates,
    SeparationConfig,
    separate_stream,
    separate_whole,
)

BLOCK = 1 << 18
"""Samples that are resampled and written at once."""

HEARD = 1 << 20
"""Of segments with context, which are long, a model hears at once as many as fit in this."""

RESIDUAL = ("accompaniment", "other")
"""Which target is given what a sum lacks: the first of these that there is, else the last one."""


def separate_recording(
    model: Model,
    rate: int | None,
    cut: SeparationConfig,
    path: Path,
    folder: Path,
    *,
    normalise: bool = False,
    exact_sum: bool = False,
) -> dict[str, Path]:
    """Separate an audio file into files of its own rate, channels and length.

    A model hears the recording at the rate that it was trained at. Where that is lower, the
    estimates have nothing above its band, and the sum lacks it too, unless it is asked to be
    exact. Memory does not grow with the recording for a trained model, whatever the
    post-processing; an untrained method is given all of it at once. A model of another number of
    channels hears each channel alone.

    Args:
        model: what separates; a separator on the device where it is to compute.
        rate: the rate that it must hear (Hz); None for the recording's own.
        cut: how to cut the recording, and what to do to the estimates.
        path: the recording.
        folder: gets ``<target>.wav`` of each target, as float32.
        normalise: whether a separator hears the recording divided by its level.
        exact_sum: whether the estimates must add up to the recording; what they lack goes to the
            accompaniment, or to ``other``.

    Returns:
        Target -> file.

    Raises:
        UserError: the file cannot be read, the disk has too little space or the model does not
            suit the recording.
    """
    with (
        made(folder),
        TemporaryDirectory(prefix=".unfinished-", dir=folder) as temporary,
        ExitStack() as stack,
    ):
        audio = stack.enter_context(AudioFile(path, Path(temporary)))
        targets = written_targets(model)
        rate = rate or audio.rate
        heard = Resampled(audio.read, audio.samples, audio.rate, rate)
        needed = (audio.samples + (heard.samples if rate != audio.rate else 0)) * audio.channels
        require_free(folder, 4 * len(targets) * needed, f"separating {path.name}")
        level = deviation(heard.read, heard.samples) if normalise else 1.0
        counted = Progress(f"separate {path.stem}", -(-heard.samples // rate), "s")
        estimates = blocks_of(model, heard, cut, level)
        estimates = followed(estimates, counted, rate)
        if rate != audio.rate:
            files = {target: Path(temporary, f"{target}.wav") for target in targets}
            write_estimates(estimates, files, rate, audio.channels, heard.samples)
            sources = {
                target: stack.enter_context(AudioFile(file, Path(temporary)))
                for target, file in files.items()
            }
            views = {
                target: Resampled(source.read, source.samples, rate, audio.rate)
                for target, source in sources.items()
            }
            estimates = pieces(views, audio.samples)
        if exact_sum:
            estimates = completed(estimates, audio, targets)
        files = {target: folder / f"{target}.wav" for target in targets}
        write_estimates(estimates, files, audio.rate, audio.channels, audio.samples)
    return files


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder; after a failure, what was made of its path is taken away if it is empty."""
    new = [part for part in (folder, *folder.parents) if not part.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for part in new:
                part.rmdir()
        raise


def written_targets(model: Model) -> tuple[str, ...]:
    """Return what files are written of: a single one of vocals and accompaniment gets the other."""
    return PAIR if len(model.targets) == 1 and model.targets[0] in PAIR else model.targets


def blocks_of(
    model: Model, heard: Resampled, cut: SeparationConfig, level: float
) -> Iterator[Estimates]:
    """Return the model's estimates, block by block."""
    if isinstance(model, Untrained):
        return separate_whole(model, heard.read(0, heard.samples), {}, cut)
    # Without context, what a batch holds may matter: a norm may know nothing else.
    batch = max(1, min(BATCH, HEARD // cut.segment)) if cut.context else BATCH
    return separate_stream(model, heard.read, heard.samples, cut, batch=batch, level=level)


def followed(estimates: Iterator[Estimates], progress: Progress, rate: int) -> Iterator[Estimates]:
    """Pass blocks on and count their seconds."""
    done = 0
    try:
        for block in estimates:
            before, done = done, done + next(iter(block.values())).shape[-1]
            progress.advance(-(-done // rate) - -(-before // rate))
            yield block
    finally:
        progress.close()


def pieces(views: dict[str, Resampled], samples: int) -> Iterator[Estimates]:
    """Yield all targets' signals block by block, ``samples`` in all."""
    for start in range(0, samples, BLOCK):
        stop = min(start + BLOCK, samples)
        yield {target: view.read(start, stop) for target, view in views.items()}


def completed(
    estimates: Iterator[Estimates], audio: AudioFile, targets: tuple[str, ...]
) -> Iterator[Estimates]:
    """Give what the sum of the targets lacks of the recording to one of them."""
    taker = next((target for target in RESIDUAL if target in targets), targets[-1])
    start = 0
    for block in estimates:
        stop = start + block[taker].shape[-1]
        lacking = audio.read(start, stop) - np.sum([block[target] for target in targets], axis=0)
        yield block | {taker: block[taker] + lacking}
        start = stop
