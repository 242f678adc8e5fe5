"""The references of a song, prepared once for all systems that are scored on it."""

import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mssbench.atomic import atomic_path
from mssbench.errors import UserError
from mssbench.scoring.backends import NUMPY, Backend
from mssbench.scoring.correlations import Cut, song_correlations, window_correlations
from mssbench.scoring.framing import energies_and_silence, frames
from mssbench.scoring.projection import Projection
from mssbench.scoring.threads import in_order

Correlations = tuple[np.ndarray, np.ndarray | None]
"""In each window, (W, P, Q, L), and in the whole song, (P, Q, L), which version 3 does without."""

NOT_FINITE = "a reference has samples that are NaN or infinite"


class References:
    """References with what the scores need of them alone: their correlations, factorised.

    Args:
        signals: J sources (J, C, N) of C channels and N samples, of any real type; not copied.
        window: length of a window (samples).
        hop: distance of two windows (samples).
        filters: L, taps of the distortion filters.
        framewise_filters: whether each window has filters of its own (version 3).
        known: what ``correlations`` of these references is, to be spared the work.
        threads: how many go through the song at once, here and in what is made with it; the
            values do not hang on it.
        backend: what computes, here and in what is made with it.

    Attributes:
        windows: W parts of the song.
        energies: of each source in each window, (W, J).
        silent: whether it has none but zeros there, (W, J).

    Raises:
        ValueError: an argument is out of bounds, or a sample is NaN or infinite.
    """

    def __init__(
        self,
        signals: np.ndarray,
        window: float,
        hop: float,
        filters: int = 512,
        *,
        framewise_filters: bool = False,
        known: Correlations | None = None,
        threads: int = 1,
        backend: Backend = NUMPY,
    ) -> None:
        if signals.ndim != 3 or signals.size == 0:
            raise ValueError(f"references are {signals.shape}; give (sources, channels, samples)")
        if filters < 1:
            raise ValueError(f"filters is {filters}; it must be at least 1 tap")
        if threads < 1:
            raise ValueError(f"threads is {threads}; it must be at least 1")
        self.signals, self.L, self.framewise = signals, filters, framewise_filters
        self.window, self.hop, self.threads = window, hop, threads
        self.backend = backend
        self.windows = frames(signals.shape[-1], window, hop)
        self.energies = np.empty((len(self.windows), len(signals)))
        self.silent = np.empty(self.energies.shape, bool)

        def look(number: int) -> None:
            sources = signals[:, :, self.windows[number]].astype(np.float64, copy=False)
            self.energies[number], self.silent[number] = energies_and_silence(sources)

        in_order(look, range(len(self.windows)), threads)
        if not np.isfinite(self.energies).all():
            raise ValueError(NOT_FINITE)
        self._known = known

    @property
    def correlations(self) -> Correlations:
        """In each window, (W, J C, J C, L), and in the whole song, (J C, J C, L), or None.

        At the lags 0 to L - 1; version 3 has none of the song. They are made when they are first
        asked for, together with those of the systems that are scored first.

        Raises:
            ValueError: a sample that is in no window is NaN or infinite.
        """
        if self._known is None:
            self._known = self._finite(*self._correlations([self.cut]))
        return self._known

    def cut(
        self,
        start: int,
        stop: int,
        out: np.ndarray | None = None,
        delayed: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the channels of all sources from one sample to another, float64 of (J C, n)."""
        J, C, _ = self.signals.shape
        part = self.signals[:, :, start:stop]
        if out is None:
            return part.astype(np.float64, copy=False).reshape(J * C, stop - start)
        if delayed is None:
            out.reshape(part.shape)[...] = part
        else:
            out[...] = delayed
        return out

    def correlations_with(self, signals: Sequence[Cut], energies: np.ndarray) -> Correlations:
        """Return the correlations of the delayed references with Q signals of their length.

        Args:
            signals: groups of them, which have Q in all.
            energies: gets theirs in each window, (W, Q).

        Raises:
            ValueError: a sample of a reference that is in no window is NaN or infinite.
        """
        if self._known is not None:
            return self._correlations(signals, energies)
        # In one pass with the references' own, whose spectra are the same.
        P = self.signals.shape[0] * self.signals.shape[1]
        of_all = np.empty((len(energies), P + energies.shape[1]))
        parts, song = self._correlations([self.cut, *signals], of_all)
        energies[...] = of_all[:, P:]
        own = None if song is None else np.ascontiguousarray(song[:, :P])
        self._known = self._finite(np.ascontiguousarray(parts[:, :, :P]), own)
        return parts[:, :, P:], None if song is None else song[:, P:]

    def _finite(self, parts: np.ndarray, song: np.ndarray | None) -> Correlations:
        """Return the references' correlations, if all samples are numbers."""
        if not all(np.isfinite(part).all() for part in (parts, song) if part is not None):
            raise ValueError(NOT_FINITE)
        return parts, song

    def _correlations(
        self, signals: Sequence[Cut], energies: np.ndarray | None = None
    ) -> Correlations:
        how: Any = {"threads": self.threads, "backend": self.backend}
        parts = window_correlations(
            self.cut, signals, self.L, self.windows, energies=energies, **how
        )
        if self.framewise:
            return parts, None
        samples = self.signals.shape[-1]
        return parts, song_correlations(self.cut, signals, self.windows, parts, samples, **how)

    @cached_property
    def projections(self) -> "Projections":
        """The song's factorisations."""
        assert self.correlations[1] is not None, "version 3 has filters of windows"
        return self.projections_of(self.correlations[1])

    def projections_of(self, correlations: np.ndarray) -> "Projections":
        """Return the factorisations of correlations (J C, J C, L) of the sources."""
        return Projections(correlations, len(self.signals), self.backend)

    def save(self, path: Path) -> None:
        """Keep the correlations in a file (.npz): 8 (J C)^2 L bytes for each window."""
        parts, song = self.correlations
        with atomic_path(path) as temporary:
            np.savez(
                temporary,
                how=np.array([self.window, self.hop, self.L]),
                energies=self.energies,
                parts=parts,
                song=np.empty(0) if song is None else song,
            )

    @classmethod
    def load(cls, path: Path, signals: np.ndarray, backend: Backend = NUMPY) -> "References":
        """Return references with the correlations that ``save`` has kept.

        Args:
            path: the file.
            signals: the same references, (J, C, N).
            backend: what computes the rest.

        Raises:
            UserError: the file is missing, damaged or of other references.
        """
        try:
            with np.load(path, allow_pickle=False) as kept:
                window, hop, filters = kept["how"]
                parts, song, energies = kept["parts"], kept["song"], kept["energies"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{path} has no references' correlations ({error}); delete it and make them again"
            ) from None
        known = parts, (song if song.size else None)
        how: Any = {"framewise_filters": not song.size, "known": known, "backend": backend}
        made = cls(signals, window, hop, int(filters), **how)
        same = made.energies.shape == energies.shape and np.allclose(
            made.energies, energies, rtol=1e-9, atol=0
        )
        if not same:
            raise UserError(f"{path} is of other references; delete it and make them again")
        return made


class Projections:
    """Solves for the filters from all references, and from those of one source alone.

    Args:
        correlations: of J sources with C channels, (J C, J C, L).
        J: number of sources.
        backend: what computes.
    """

    def __init__(self, correlations: np.ndarray, J: int, backend: Backend = NUMPY) -> None:
        self.correlations = correlations
        self.all = Projection(correlations, backend)
        C = len(correlations) // J
        blocks = [slice(j * C, (j + 1) * C) for j in range(J)]
        self.own = [Projection(correlations[block, block], backend) for block in blocks]
