"""Parts of mapped files asked for before they are read, so that a disk serves many at once."""

import mmap

import numpy as np

PAGE = mmap.PAGESIZE


def prefetch(array: np.ndarray, start: int, stop: int) -> None:
    """Tell the system that samples ``start`` to ``stop - 1`` of a mapped array are wanted soon.

    Else each row's pages would be waited for one after the other, and more would be read around
    each of them than a crop needs. Nothing happens to an array that is not a mapped file, or where
    the system cannot be told.

    Args:
        array: (..., samples), C-contiguous.
        start: first sample.
        stop: behind the last sample.
    """
    mapped = getattr(array, "_mmap", None)
    if mapped is None or not hasattr(mmap, "MADV_WILLNEED"):
        return
    # The map begins at the allocation unit below the array's place in the file.
    size, samples = array.itemsize, array.shape[-1]
    begin = array.offset % mmap.ALLOCATIONGRANULARITY + start * size  # type: ignore[attr-defined]
    length = (min(stop, samples) - start) * size
    if length <= 0:
        return
    # Crops are cut thousands of times a second.
    advise, advice = mapped.madvise, mmap.MADV_WILLNEED
    for first in range(begin, begin + array.nbytes, samples * size):
        within = first % PAGE
        advise(advice, first - within, length + within)
