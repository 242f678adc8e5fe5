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
        attempt: what did not fit; it is tried with fewer examples.
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


def out_of_memory_in_validation(
    attempt: Callable[[Tensor], object], batch: Tensor, batch_size: int, samples: int
) -> UserError:
    """Return the error for a validation batch that did not fit, with the largest part that does.

    Called where the failed batch's error is no longer held, for that holds its memory.

    Args:
        attempt: what did not fit; it is tried with fewer examples.
        batch: the examples, on their device.
        batch_size: of training, which validation divides as ``training.accumulate`` says.
        samples: length of an example.
    """
    fits = largest_fitting(attempt, batch)
    advice = (
        f"{fits} at once do fit: set training.accumulate to {-(-batch_size // fits)}, or "
        if fits
        else "not even one fits: "
    )
    return UserError(
        f"the {batch.device.type}'s memory is too small for validation in batches of {len(batch)} "
        f"windows, each of {samples} samples; {advice}choose a smaller training.batch_size or "
        "training.crops.samples"
    )


def largest_fitting(attempt: Callable[[Tensor], object], batch: Tensor) -> int:
    """Return how many examples of a batch can be computed at once; 0 if not even one.

    Found by bisection between 0 and the whole batch, which does not fit.
    """
    fits, fails = 0, len(batch)
    while fails - fits > 1:
        examples = (fits + fails) // 2
        if _fits(attempt, batch[:examples]):
            fits = examples
        else:
            fails = examples
    return fits


def _fits(attempt: Callable[[Tensor], object], examples: Tensor) -> bool:
    # What other sizes have left in pieces.
    torch.cuda.empty_cache()
    try:
        attempt(examples)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True
