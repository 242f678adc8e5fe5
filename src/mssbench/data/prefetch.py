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
    first = array.offset % mmap.ALLOCATIONGRANULARITY  # type: ignore[attr-defined]
    samples, size = array.shape[-1], array.itemsize
    for row in range(array[..., 0].size):
        begin = first + (row * samples + start) * size
        aligned = begin - begin % PAGE
        length = first + (row * samples + min(stop, samples)) * size - aligned
        if length > 0:
            mapped.madvise(mmap.MADV_WILLNEED, aligned, length)
