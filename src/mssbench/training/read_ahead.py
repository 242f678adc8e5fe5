"""Batches read from files while the one before is in use."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from mssbench.training.crops import Crops
from mssbench.training.shares import Part, all_of

# Threads that read ahead, and batches that they have read at most.
READERS = 2


def read_ahead(
    crops: Crops, first: int, last: int, pin: bool = False, part: Part = all_of
) -> Iterator[Tensor]:
    """Yield batches ``first`` to ``last - 1`` in order, the next ones read while one is in use.

    Args:
        crops: the batches.
        first: number of the first batch.
        last: number behind the last batch.
        pin: whether to give page-locked memory, from which a GPU copies without waiting.
        part: which share of each batch to read.
    """
    # A thread of its own begins with the first GPU, which may be another process's.
    gpu = torch.cuda.current_device() if pin else None

    def read(n: int) -> Tensor:
        batch = crops.batch(n, *part(n))
        if gpu is None:
            return batch
        torch.cuda.set_device(gpu)
        return batch.pin_memory()

    with ThreadPoolExecutor(max_workers=READERS) as readers:
        pending = deque(readers.submit(read, n) for n in range(first, min(first + READERS, last)))
        for n in range(first, last):
            batch = pending.popleft().result()
            if n + READERS < last:
                pending.append(readers.submit(read, n + READERS))
            yield batch
