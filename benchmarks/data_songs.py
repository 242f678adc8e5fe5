"""The songs that `benchmarks/data.py` reads: rendered once, then found again in their folder."""

from functools import partial
from pathlib import Path

import soundfile

from mssbench.atomic import atomic_path
from mssbench.data.changes import dataset_digest
from mssbench.data.rendition import MANIFEST, Channels, Rendition, SampleFormat, prepare
from mssbench.data.songs import STEM_MP4, STEMS, Dataset, find_songs
from mssbench.data.synthetic.render import Settings, render_dataset
from mssbench.data.synthetic.stem_file import write_stem_mp4
from mssbench.errors import UserError
from mssbench.workers import work_through

WORKERS = 2


def dataset(root: Path) -> Dataset:
    """Return the songs in ``root`` as a data set, known by their files' sizes and dates."""
    songs = tuple(find_songs(root))
    return Dataset("benchmark", root, songs, {}, dataset_digest(root, songs))


def wav_songs(folder: Path, count: int, seconds: float) -> Path:
    """Render ``count`` songs as 16-bit stereo WAV files at 44.1 kHz and return their root."""
    root = folder / "wav"
    render_dataset(
        root, Settings(train_songs=count, test_songs=0, seconds=seconds, seed=0), WORKERS
    )
    return root


def stem_songs(folder: Path, wavs: Path, count: int) -> Path:
    """Encode the first ``count`` songs of ``wavs`` as ``.stem.mp4`` and return their root."""
    root = folder / "stems"
    (root / "train").mkdir(parents=True, exist_ok=True)
    songs = {
        root / "train" / f"{song.name}{STEM_MP4}": [song / f"{stem}.wav" for stem in STEMS]
        for song in sorted((wavs / "train").iterdir())[:count]
    }
    for other in set((root / "train").iterdir()) - set(songs):
        other.unlink()
    missing = {
        file: partial(write_stem_mp4, file, tracks)
        for file, tracks in songs.items()
        if not file.exists()
    }
    for _, written in work_through(missing, WORKERS):
        written.result()
    return root


def rendition(
    folder: Path, songs: Path, rate: int, channels: Channels, sample_format: SampleFormat
) -> Rendition:
    """Return the rendition of the songs in ``songs``, made in ``folder`` if it is not there."""
    target = folder / f"{songs.name}-{rate}-{channels}-{sample_format}"
    data = dataset(songs)
    try:
        found = Rendition.open(target / MANIFEST)
        if found.dataset["digest"] == data.digest:
            return found
    except UserError:
        pass  # not there or unfinished
    return prepare(data, target, rate, channels, WORKERS, sample_format=sample_format)


def mono_songs(folder: Path, made: Rendition) -> Path:
    """Write a mono int16 rendition's songs as WAV files of the very samples; return their root."""
    root = folder / "mono"
    for song in made.songs:
        target = root / song.subset / song.name
        target.mkdir(parents=True, exist_ok=True)
        for stem, samples in zip(made.stems, made.stored(song), strict=True):
            file = target / f"{stem}.wav"
            if not file.exists():
                with atomic_path(file) as temporary:
                    soundfile.write(temporary, samples[0], made.rate, subtype="PCM_16")
    return root
