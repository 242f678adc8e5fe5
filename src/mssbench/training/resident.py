"""The songs of training and validation in the memory of the device that trains, where they fit.

Batches are gathered there by one operation each: no file is read, nothing is copied to a GPU but
the places of the crops, and no thread has to keep ahead of the training.
"""

import logging
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mssbench.data.sample_format import FULL_SCALE
from mssbench.training.crops import Crops
from mssbench.training.read_ahead import read_ahead
from mssbench.training.shares import Part, all_of

# The rest is for the model, its optimiser and its activations, which grow after the measurement.
SHARE_OF_FREE_MEMORY = 0.5
GB = 10**9

log = logging.getLogger(__name__)


class ResidentCrops:
    """The batches of `Crops`, bit for bit, gathered from one tensor on a device.

    Args:
        crops: says where each batch's crops lie.
        device: holds the audio and gets the batches.

    Attributes:
        steps_per_epoch: batches in an epoch.
    """

    def __init__(self, crops: Crops, device: torch.device) -> None:
        self.crops, self.device = crops, device
        self.steps_per_epoch = crops.steps_per_epoch
        stems, channels, _ = crops.audio[0].shape
        # Zeros behind each song, for the crops that reach beyond its end.
        lengths = [audio.shape[-1] + crops.length for audio in crops.audio]
        self._firsts = np.cumsum([0, *lengths])
        shape = (stems, channels, int(self._firsts[-1]))
        stored = torch.from_numpy(np.empty(0, crops.audio[0].dtype)).dtype
        stored_as = torch.float16 if crops.half else stored
        self._held = torch.zeros(shape, dtype=stored_as, device=device)
        for first, audio in zip(self._firsts[:-1], crops.audio, strict=True):
            # A copy, as torch takes no array that cannot be written to.
            self._held[..., first : first + audio.shape[-1]] = torch.from_numpy(np.array(audio))
        # (places, 5, channels, crop): every crop there could be, as a view that takes no memory.
        self._crops_at = self._held.unfold(-1, crops.length, 1).permute(2, 0, 1, 3)

    def batch(self, n: int, rank: int = 0, ranks: int = 1) -> Tensor:
        """Return batch ``n``, or one rank's share of it, on the device; see `Crops.batch`."""
        songs, starts = self.crops.share(n, rank, ranks)
        places = torch.from_numpy(self._firsts[songs] + starts)
        if self.device.type == "cuda":
            # From page-locked memory the copy does not wait for the step that is being computed.
            places = places.pin_memory()
        gathered = self._crops_at[places.to(self.device, non_blocking=True)].contiguous()
        return gathered / FULL_SCALE if gathered.dtype == torch.int16 else gathered.float()


def on_device(
    crops: Crops,
    device: torch.device,
    memory_gb: float | None,
    *,
    taken: int = 0,
    name: str = "training set",
) -> Crops | ResidentCrops:
    """Return the crops with their audio held on the device if it fits there, else as they are.

    Args:
        crops: the crops, read from mapped files.
        device: where to train.
        memory_gb: memory that the audio may take (GB of 10^9 bytes), of a GPU's at most what is
            free. None allows half of what is free on a GPU, and nothing on a CPU: the system's
            cache holds the mapped files in the same memory.
        taken: what other audio takes of that memory already (bytes).
        name: of the crops, for the log.
    """
    if memory_gb is None and device.type != "cuda":
        return crops
    needed, allowed = held_bytes(crops), allowed_bytes(device, memory_gb, taken)
    sizes = f"{needed / GB:.3g} GB, {allowed / GB:.3g} GB of the {device.type}'s memory allowed"
    if needed > allowed:
        log.info("the %s is read from its files (%s by training.memory_gb)", name, sizes)
        return crops
    log.info("the %s is held in memory (%s)", name, sizes)
    return ResidentCrops(crops, device)


def held_bytes(crops: Crops) -> int:
    """Return how much memory `ResidentCrops` needs (bytes)."""
    gaps = crops.length * crops.audio[0][..., 0].size * len(crops.audio)
    return (2 if crops.half else crops.audio[0].itemsize) * (
        sum(audio.size for audio in crops.audio) + gaps
    )


def allowed_bytes(device: torch.device, memory_gb: float | None, taken: int = 0) -> int:
    """Return how much of the device's memory may be taken beside ``taken`` (bytes).

    See `on_device`.
    """
    asked = None if memory_gb is None else int(memory_gb * GB) - taken
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # Half of what would be free if nothing were taken.
        left = int(SHARE_OF_FREE_MEMORY * (free + taken)) - taken if asked is None else asked
        return max(0, min(left, free))
    return max(0, asked or 0)


def batches(
    crops: Crops | ResidentCrops,
    first: int,
    last: int,
    device: torch.device,
    part: Part = all_of,
) -> Iterator[Tensor]:
    """Yield batches ``first`` to ``last - 1``, ready for the device when they are needed.

    Args:
        crops: the batches.
        first: number of the first batch.
        last: number behind the last batch.
        device: where they are needed.
        part: which share of each batch.
    """
    if isinstance(crops, ResidentCrops):
        return (crops.batch(n, *part(n)) for n in range(first, last))
    return read_ahead(crops, first, last, pin=device.type == "cuda", part=part)
