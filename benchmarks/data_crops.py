"""Random crops a second: a rendition's against those of other readers of the same songs."""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import musdb
import numpy as np
import soundfile
import torch
from data_songs import WORKERS, mono_songs, rendition
from torch.utils.data import DataLoader, Dataset

from mssbench.data.rendition import Rendition
from mssbench.data.songs import Song, find_songs
from mssbench.training.config import RandomCropsConfig
from mssbench.training.crops import generator, make_crops
from mssbench.training.resident import batches

try:
    from openunmix.data import MUSDBDataset
except ImportError:
    MUSDBDataset = None

RATE, MONO_RATE = 44100, 22050
BATCH = 8
NO_OPENUNMIX = (
    "open-unmix is not installed, so its rows are left out; run 'uv pip install --no-deps "
    "--target FOLDER openunmix' and set PYTHONPATH=FOLDER"
)

Batches = Callable[[int, int], Iterator[torch.Tensor]]
"""Yields the given number of batches, for the given round."""


class FileCrops(Dataset[torch.Tensor]):
    """Crops read with soundfile from five WAV files each, as most training code does."""

    def __init__(self, songs: list[Song], length: int, seed: int, crops: int) -> None:
        self.songs, self.length, self.seed, self.crops = songs, length, seed, crops
        headers = [soundfile.info(song.files[0]) for song in songs]
        self.samples, self.channels = [header.frames for header in headers], headers[0].channels

    def __len__(self) -> int:
        return self.crops

    def __getitem__(self, n: int) -> torch.Tensor:
        random = generator(self.seed, n)
        song = int(random.integers(len(self.songs)))
        start = int(random.integers(self.samples[song] - self.length + 1))
        stems = np.empty((5, self.channels, self.length), dtype=np.float32)
        for stem, file in zip(stems, self.songs[song].files, strict=True):
            with soundfile.SoundFile(file) as opened:
                opened.seek(start)
                stem[:] = opened.read(self.length, dtype="float32", always_2d=True).T
        return torch.from_numpy(stems)


def ours(made: Rendition, length: int) -> Batches:
    """Return the crops that training gets of a rendition."""

    def read(count: int, seed: int) -> Iterator[torch.Tensor]:
        config = RandomCropsConfig("random", samples=length, steps_per_epoch=count)
        # Opened anew, so that no page has been mapped by an earlier round.
        crops = make_crops(config, made, made.songs, BATCH, seed)
        return batches(crops, 0, count, torch.device("cpu"))

    return read


def files(root: Path, length: int) -> Batches:
    """Return soundfile's crops of WAV files, read by two workers."""
    songs = find_songs(root)

    def read(count: int, seed: int) -> Iterator[torch.Tensor]:
        data = FileCrops(songs, length, seed, count * BATCH)
        return iter(DataLoader(data, batch_size=BATCH, num_workers=WORKERS))

    return read


def chunks(root: Path, length: int) -> Batches:
    """Return musdb's own chunks of all five stems of ``.stem.mp4`` files."""
    tracks = musdb.DB(root=str(root), subsets="train").tracks

    def read(count: int, seed: int) -> Iterator[torch.Tensor]:
        random = generator(seed, 0)
        for _ in range(count):
            crops = []
            for _ in range(BATCH):
                track = tracks[int(random.integers(len(tracks)))]
                track.chunk_duration = length / RATE
                track.chunk_start = float(random.uniform(0, track.duration - length / RATE))
                crops.append(torch.from_numpy(track.stems.astype(np.float32)))
            yield torch.stack(crops)

    return read


def unmix(root: Path, length: int, is_wav: bool) -> Batches:
    """Return open-unmix's examples: four sources, each from a song of its own, by two workers."""
    seconds = length / RATE
    data = MUSDBDataset(root=str(root), is_wav=is_wav, seq_duration=seconds, random_track_mix=True)

    def read(count: int, seed: int) -> Iterator[torch.Tensor]:
        torch.manual_seed(seed)
        loader = DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=WORKERS)
        return (mixture for _, (mixture, _) in zip(range(count), loader, strict=False))

    return read


def crops_a_second(read: Batches, count: int, seed: int, before: int) -> float:
    """Return the crops a second of ``count`` batches, the first ``before`` not counted."""
    given = read(count, seed)
    for _ in range(before):
        next(given)
    start = time.perf_counter()
    crops = sum(len(batch) for batch in given)
    return crops / (time.perf_counter() - start)


def compare(own: Batches, other: Batches, length: int, rounds: int, slow: bool) -> str:
    """Return the columns for one length; each round reads from either side once.

    Args:
        own: our crops.
        other: the other reader's.
        length: of a crop (samples).
        rounds: how often to read.
        slow: whether the other side takes seconds a batch. Then its start counts, as a batch that
            was made meanwhile would; else both sides are first read once without being measured,
            so that the page cache holds the crops for either.
    """
    many = max(24, 20_000_000 // (BATCH * length))  # batches; about a second
    rates: list[tuple[float, float]] = []
    for seed in range(rounds):
        crops_a_second(own, many, seed, 1)
        if slow:
            theirs = crops_a_second(other, WORKERS, seed, 0)
        else:
            crops_a_second(other, many, seed, 1)
            theirs = crops_a_second(other, many, seed, 1)
        rates.append((crops_a_second(own, many, seed, 1), theirs))
    middle = [statistics.median(values) for values in zip(*rates, strict=True)]
    ratio = statistics.median(a / b for a, b in rates)
    return f"{length} | {middle[0]:.4g} | {middle[1]:.3g} | {ratio:.3g} |"


def measure_mono(folder: Path, wavs: Path, lengths: list[int], rounds: int) -> None:
    """Print a line for each length of crop, of songs small enough to stay in memory."""
    int16 = rendition(folder, wavs, MONO_RATE, "mono", "int16")
    root = mono_songs(folder, int16)
    print("| other reader | our rendition | samples a crop | ours | theirs | ratio |")
    print("|---|---|---:|---:|---:|---:|", flush=True)
    for length in lengths:
        columns = compare(ours(int16, length), files(root, length), length, rounds, slow=False)
        print(f"| soundfile, mono WAV, 2 workers | int16, mono | {columns}", flush=True)


def measure(folder: Path, wavs: Path, stems: Path, lengths: list[int], rounds: int) -> None:
    """Print a line for each reader and length of crop."""
    int16 = rendition(folder, wavs, RATE, "stereo", "int16")
    float32 = rendition(folder, stems, RATE, "stereo", "float32")
    if MUSDBDataset is None:
        print(NO_OPENUNMIX)
    print("| other reader | our rendition | samples a crop | ours | theirs | ratio |")
    print("|---|---|---:|---:|---:|---:|", flush=True)
    for length in lengths:
        own, other = ours(int16, length), files(wavs, length)
        columns = compare(own, other, length, rounds, slow=False)
        print(f"| soundfile, WAV, 2 workers | int16 | {columns}", flush=True)
    # The others decode a song up to the crop: its length hardly matters.
    length = max(lengths)
    rows = [("musdb, .stem.mp4", float32, chunks(stems, length))]
    if MUSDBDataset is not None:
        rows += [
            ("open-unmix, .stem.mp4, 2 workers", float32, unmix(stems, length, False)),
            ("open-unmix, WAV, 2 workers", int16, unmix(wavs, length, True)),
        ]
    for name, made, slow in rows:
        columns = compare(ours(made, length), slow, length, rounds, slow=True)
        print(f"| {name} | {made.sample_format} | {columns}", flush=True)
