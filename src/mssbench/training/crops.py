"""Training crops cut from a rendition: batch n depends on the seed and on n alone.

So a continued run needs no position of a sampler to see what the uninterrupted run would have
seen. A crop that reaches beyond the end of its song is filled with zeros.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mssbench.data.prefetch import prefetch
from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.errors import UserError
from mssbench.training.config import CropsConfig, RandomCropsConfig
from mssbench.training.gather import gather, rows_of
from mssbench.training.rooms import Rooms
from mssbench.training.shares import share_of
from mssbench.training.voiced import VoicedPlaces

Indices = npt.NDArray[np.int64]


def generator(seed: int, n: int) -> np.random.Generator:
    """Return the random numbers of the ``n``-th batch or epoch, independent of all others."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(n,))))


class Changes(TypedDict, total=False):
    """How crops differ from plain excerpts; see `Crops`."""

    margin: int
    half: bool


class Crops(ABC):
    """Batches of equally long excerpts of songs.

    Args:
        rendition: holds the audio.
        songs: the songs to cut from.
        samples: length of a crop in samples.
        batch_size: crops in a batch.
        margin: samples by which crops are longer than that, for augmentation to cut off.
        half: whether float32 samples are rounded to float16, which takes half of the memory.

    Attributes:
        steps_per_epoch: batches in an epoch.
        length: of a crop with its margin (samples).
        half: whether samples are rounded; never those of int16, which are as small.
        audio: stems of each song, (5, channels, samples), as stored: mappings of the files.

    Raises:
        UserError: there is no song.
    """

    steps_per_epoch: int

    def __init__(
        self,
        rendition: Rendition,
        songs: Sequence[RenditionSong],
        samples: int,
        batch_size: int,
        *,
        margin: int = 0,
        half: bool = False,
    ) -> None:
        if not songs:
            raise UserError(
                "the split leaves no song to train on; choose another split or data set"
            )
        self.length, self.batch_size = samples + margin, batch_size
        for song in songs:
            rendition.check(song)
        # Opened once: each is a mapping of the file, read where a crop is cut.
        self.audio = [rendition.stored(song) for song in songs]
        self._rows = [rows_of(audio) for audio in self.audio]
        self._rooms = Rooms((*self.audio[0].shape[:-1], self.length))
        self.half = half and self.audio[0].dtype == np.float32
        self._lengths = np.array([audio.shape[-1] for audio in self.audio], dtype=np.int64)

    @abstractmethod
    def places(self, n: int) -> tuple[Indices, Indices]:
        """Return the song numbers and first samples of the ``n``-th batch's crops."""

    def share(self, n: int, rank: int = 0, ranks: int = 1) -> tuple[Indices, Indices]:
        """Return the song numbers and first samples of a rank's crops of the ``n``-th batch.

        Raises:
            ValueError: ``rank`` is not one of 0 to ``ranks - 1``.
        """
        if not 0 <= rank < ranks:
            raise ValueError(f"rank is {rank}; it must be from 0 to {ranks - 1}")
        songs, starts = self.places(n)
        own = share_of(len(songs), rank, ranks)
        return songs[own], starts[own]

    def batch(self, n: int, rank: int = 0, ranks: int = 1) -> Tensor:
        """Return batch ``n`` (from 0, counted through all epochs), or one rank's share of it.

        The shares, one after the other, are the whole batch. They differ by one crop at most; of
        a batch with fewer crops than ranks, some are empty.

        Args:
            n: number of the batch.
            rank: which of the processes that train together asks, from 0.
            ranks: how many there are.

        Returns:
            Float32 tensor (batch, stems, channels, samples + margin), the stems in the
            rendition's order.
        """
        songs, starts = self.share(n, rank, ranks)
        for song, start in zip(songs, starts, strict=True):
            prefetch(self.audio[song], start, start + self.length)
        crops = self._rooms.take(len(songs))
        rows = crops.reshape(len(songs), len(self._rows[0]), self.length)
        gather(rows, [self._rows[song] for song in songs], starts.tolist())
        batch = torch.from_numpy(crops)
        del rows
        self._rooms.keep(crops)
        return batch.half().float() if self.half else batch


class RandomCrops(Crops):
    """Crops at random places.

    By default each second of music is equally likely, whatever its song. Or each song is, and in
    it each place.

    Args:
        rendition: holds the audio.
        songs: the songs to cut from.
        samples: length of a crop in samples.
        batch_size: crops in a batch.
        voiced_share: probability that a crop lies in a voiced segment.
        by_song: whether songs are equally likely instead of seconds.
        steps_per_epoch: batches in an epoch.
        seed: chooses the places.
        changes: see `Crops`.

    Raises:
        UserError: there is no song, or crops shall be voiced and no voiced segment is that long.
    """

    def __init__(
        self,
        rendition: Rendition,
        songs: Sequence[RenditionSong],
        samples: int,
        batch_size: int,
        *,
        voiced_share: float = 0.0,
        by_song: bool = False,
        steps_per_epoch: int,
        seed: int,
        **changes: Unpack[Changes],
    ) -> None:
        super().__init__(rendition, songs, samples, batch_size, **changes)
        self.steps_per_epoch, self.seed, self.voiced_share = steps_per_epoch, seed, voiced_share
        self.by_song = by_song
        self._ends = self._lengths.cumsum()
        self._places_in = np.maximum(self._lengths - self.length, 0) + 1
        if voiced_share:
            self._voiced = VoicedPlaces(self.audio, rendition.rate, self.length, rendition.stems)

    def places(self, n: int) -> tuple[Indices, Indices]:
        """Return the song numbers and first samples of the ``n``-th batch's crops."""
        random = generator(self.seed, n)
        if self.by_song:
            songs = random.integers(len(self._ends), size=self.batch_size)
        else:
            drawn = random.integers(self._ends[-1], size=self.batch_size)
            songs = np.searchsorted(self._ends, drawn, side="right")
        starts = random.integers(self._places_in[songs])
        if self.voiced_share:
            chosen = random.random(self.batch_size) < self.voiced_share
            draw = self._voiced.draw_by_song if self.by_song else self._voiced.draw
            songs[chosen], starts[chosen] = draw(random, int(chosen.sum()))
        return songs, starts


class WindowCrops(Crops):
    """Windows of the songs at equal distances, each once an epoch.

    By default they follow one another without overlap. A song has as many as it takes to reach its
    end, where the last one is filled with zeros; an epoch's last batch holds what is left.

    Args:
        rendition: holds the audio.
        songs: the songs to cut from.
        samples: length of a window in samples.
        batch_size: windows in a batch.
        seed: chooses each epoch's order; None keeps the songs' own.
        stride: from the beginning of a window to that of the next (samples); None for ``samples``.
        changes: see `Crops`; with a margin, windows reach into the next ones.
    """

    def __init__(
        self,
        rendition: Rendition,
        songs: Sequence[RenditionSong],
        samples: int,
        batch_size: int,
        seed: int | None = None,
        *,
        stride: int | None = None,
        **changes: Unpack[Changes],
    ) -> None:
        super().__init__(rendition, songs, samples, batch_size, **changes)
        stride = stride or samples
        reaching = 1 - -np.maximum(self._lengths - samples, 0) // stride
        # Of a stride longer than a window, none begins behind the end of its song.
        windows = np.minimum(reaching, -(-self._lengths // stride))
        self._songs = np.repeat(np.arange(len(windows)), windows)
        self._starts = np.concatenate([np.arange(count) * stride for count in windows])
        self.seed = seed
        self.steps_per_epoch = -(-len(self._songs) // batch_size)
        self._shuffled = -1, np.arange(len(self._songs))

    def places(self, n: int) -> tuple[Indices, Indices]:
        """Return the song numbers and first samples of the ``n``-th batch's windows."""
        epoch, step = divmod(n, self.steps_per_epoch)
        # Read once and replaced as a whole: several threads may ask.
        shuffled, order = self._shuffled
        if self.seed is not None and epoch != shuffled:
            order = generator(self.seed, epoch).permutation(len(self._songs))
            self._shuffled = epoch, order
        chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
        return self._songs[chosen], self._starts[chosen]


def make_crops(
    config: CropsConfig,
    rendition: Rendition,
    songs: Sequence[RenditionSong],
    batch_size: int,
    seed: int,
    **changes: Unpack[Changes],
) -> Crops:
    """Return the training crops that a configuration asks for, with `Crops`'s ``changes``."""
    if isinstance(config, RandomCropsConfig):
        return RandomCrops(
            rendition,
            songs,
            config.samples,
            batch_size,
            voiced_share=config.voiced_share,
            by_song=config.draw == "songs",
            steps_per_epoch=config.steps_per_epoch,
            seed=seed,
            **changes,
        )
    return WindowCrops(
        rendition, songs, config.samples, batch_size, seed, stride=config.stride, **changes
    )
