"""Signals of one song by name, held together in one array as narrow as their values allow."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np


class Tracks(Mapping[str, np.ndarray]):
    """Name -> signal (channels, samples).

    Args:
        names: of the signals, in the array's order.
        array: (signals, channels, samples), float32 or float64.
    """

    def __init__(self, names: Sequence[str], array: np.ndarray) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._array = array

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a signal; it is no copy."""
        return np.asarray(self._array[self._places[name]])

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._places)

    def __len__(self) -> int:
        """Return the number of signals."""
        return len(self._places)

    def together(self, names: Sequence[str]) -> np.ndarray:
        """Return some signals (names, channels, samples); of neighbours it is no copy."""
        places = [self._places[name] for name in names]
        first, last = places[0], places[-1]
        if places == list(range(first, last + 1)):
            return self._array[first : last + 1]
        return self._array[places]


def gathered(names: Sequence[str], signals: Iterator[np.ndarray]) -> Tracks:
    """Put signals that come one by one into one array.

    It is float32 while that holds the values of all of them: those of 16 or 24 bits, and what is
    float32 itself. Scores are computed in float64 from either, to the same values.

    Args:
        names: of the signals.
        signals: as many, (channels, samples) in float32 or float64, all of one shape.
    """
    first = as_narrow(next(signals))
    array = np.empty((len(names), *first.shape), first.dtype)
    array[0] = first
    del first
    for place in range(1, len(names)):
        signal = as_narrow(next(signals))
        if signal.dtype == np.float64 != array.dtype:
            wide = np.empty(array.shape, np.float64)
            wide[:place] = array[:place]
            array = wide
        array[place] = signal
    return Tracks(names, array)


def as_narrow(signal: np.ndarray) -> np.ndarray:
    """Return a signal in float32 where that changes no value, else in float64."""
    if signal.dtype == np.float32:
        return signal
    with np.errstate(over="ignore"):
        narrow = signal.astype(np.float32)
    return narrow if np.array_equal(narrow, signal) else signal.astype(np.float64, copy=False)


def together(signals: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Return some signals by name, (names, channels, samples)."""
    if isinstance(signals, Tracks):
        return signals.together(names)
    return np.stack([signals[name] for name in names])
