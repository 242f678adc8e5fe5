"""What to say where a batch does not fit the memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from mssbench.errors import UserError


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether torch found no memory, on a GPU or on a CPU."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


@contextmanager
def telling_out_of_memory(batch_size: int, samples: int) -> Iterator[None]:
    """Turn torch's error for memory that is not there into one line.

    Args:
        batch_size: crops in a batch.
        samples: length of a crop.

    Raises:
        UserError: no memory was found.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(
            f"the memory is too small beside batches of {batch_size} crops of {samples} samples; "
            "choose a smaller training.batch_size, training.crops.samples or training.memory_gb"
        ) from None


def out_of_memory(
    attempt: Callable[[Tensor], object],
    batch: Tensor,
    pieces: int,
    samples: int,
    processes: int = 1,
) -> UserError:
    """Return the error for a batch that did not fit, with the largest part of it that does.

    Called where the failed step's error is no longer held, for that holds the step's memory.

    Args:
        attempt: what did not fit; it is tried with fewer and fewer examples.
        batch: the examples, on their device; of several processes, this one's share.
        pieces: parts in which they were computed one after the other.
        samples: length of a crop.
        processes: how many train together, and divide what is accumulated between them.
    """
    examples = -(-len(batch) // pieces)
    fits = largest_fitting(attempt, batch[:examples])
    wanted = processes * -(-len(batch) // max(fits, 1))
    parts = f" in {pieces} parts" if pieces > 1 else ""
    parts += " in each process" if processes > 1 else ""
    advice = (
        f"{fits} crops at once do fit: set training.accumulate to {wanted}, or "
        if fits
        else "not even one crop fits: "
    )
    return UserError(
        f"the {batch.device.type}'s memory is too small for batches of {len(batch)} crops"
        f"{parts}, each of {samples} samples; {advice}choose a smaller training.batch_size or "
        "training.crops.samples"
    )


def largest_fitting(attempt: Callable[[Tensor], object], batch: Tensor) -> int:
    """Return how many examples of a batch can be computed at once, found by halving; 0 if none."""
    examples = len(batch) // 2
    while examples:
        torch.cuda.empty_cache()
        try:
            attempt(batch[:examples])
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        else:
            return examples
        examples //= 2
    return 0
