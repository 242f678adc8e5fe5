"""Making a rendition of ``.stem.mp4`` files: against musdb's reader, and against ffmpeg alone."""

import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import musdb
import numpy as np
from data_songs import WORKERS, dataset
from scipy.signal import resample_poly

from mssbench.data.rendition import prepare

RATE = 22050


def ours(root: Path, folder: Path) -> None:
    """Prepare the songs to mono, from nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    prepare(dataset(root), folder, RATE, "mono", WORKERS)
    shutil.rmtree(folder)


def one_with_musdb(track: musdb.MultiTrack) -> int:
    """Decode, downmix and resample one song as a script around musdb does; return its length."""
    mono = track.stems.mean(axis=-1)
    return len(resample_poly(mono, 1, 44100 // RATE, axis=-1).astype(np.float32)[0])


def with_musdb(tracks: list[musdb.MultiTrack]) -> None:
    """Do so for all songs, two at a time, and write nothing."""
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(one_with_musdb, tracks))


def in_turn_with_musdb(tracks: list[musdb.MultiTrack]) -> None:
    """Do so for all songs, one after the other."""
    for track in tracks:
        one_with_musdb(track)


def decode_only(file: Path) -> None:
    """Let ffmpeg decode all five streams of one song to nothing."""
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-nostdin",
        "-i",
        str(file),
        "-map",
        "0:a",
        "-f",
        "null",
        "-",
    ]
    subprocess.run(command, check=True)


def with_ffmpeg(files: list[Path]) -> None:
    """Decode all songs, two at a time."""
    with ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(decode_only, files))


def with_ffmpeg_in_turn(files: list[Path]) -> None:
    """Decode all songs, one after the other, as a shell's loop would."""
    for file in files:
        decode_only(file)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that ``work`` takes in this process and in those it starts."""

    def spent() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in used)

    before = spent()
    work()
    return spent() - before


def measure_one(folder: Path, stems: Path, rounds: int) -> None:
    """Print the CPU seconds of one song, prepared in one process, and of ffmpeg alone."""
    songs = dataset(stems)
    target, alone = folder / "one", replace(songs, songs=songs.songs[:1])

    def ours_alone() -> None:
        shutil.rmtree(target, ignore_errors=True)
        prepare(alone, target, RATE, "mono", 1)

    ours_alone()
    taken = [
        (cpu_seconds(partial(decode_only, alone.songs[0].path)), cpu_seconds(ours_alone))
        for _ in range(rounds)
    ]
    shutil.rmtree(target)
    theirs, own = (statistics.median(seconds) for seconds in zip(*taken, strict=True))
    ratio = statistics.median(ours / ffmpeg for ffmpeg, ours in taken)
    print("| way, one song | CPU (s) | times ffmpeg |\n|---|---:|---:|")
    print(f"| ffmpeg alone, to nothing | {theirs:.2f} | 1 |")
    print(f"| mssbench, to a rendition | {own:.2f} | {ratio:.2f} |", flush=True)


def measure(folder: Path, stems: Path, rounds: int) -> None:
    """Print the seconds a song of each way, and their ratios to ours."""
    measure_one(folder, stems, 2 * rounds + 1)
    files = sorted((stems / "train").iterdir())
    works: dict[str, Callable[[], None]] = {
        "mssbench": partial(ours, stems, folder / "prepared"),
        "ffmpeg to nothing, two songs at a time": partial(with_ffmpeg, files),
        "ffmpeg to nothing, one by one": partial(with_ffmpeg_in_turn, files),
        "musdb and resample_poly, two at a time": partial(
            with_musdb, musdb.DB(root=str(stems), subsets="train").tracks
        ),
        "musdb and resample_poly, one by one": partial(
            in_turn_with_musdb, musdb.DB(root=str(stems), subsets="train").tracks
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    works["mssbench"]()  # the server of workers imports what they need once
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append((time.perf_counter() - start) / len(files))
    print("| way | seconds a song | times ours |\n|---|---:|---:|")
    for name, spent in seconds.items():
        ratio = statistics.median(
            one / own for one, own in zip(spent, seconds["mssbench"], strict=True)
        )
        print(f"| {name} | {statistics.median(spent):.2f} | {ratio:.2f} |", flush=True)
