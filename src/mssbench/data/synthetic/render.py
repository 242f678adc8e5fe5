"""The synthetic data set as files in MUSDB18's layout."""

import json
import logging
import shutil
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import soundfile

from mssbench.atomic import write_json
from mssbench.data.disk import require_free, telling_full_disk
from mssbench.data.songs import STEM_MP4, STEMS, SUBSETS
from mssbench.data.synthetic.names import song_name
from mssbench.data.synthetic.song import Settings, render_pcm, render_song
from mssbench.data.synthetic.stem_file import write_stem_mp4
from mssbench.errors import UserError
from mssbench.progress import Progress
from mssbench.provenance import source_digest
from mssbench.workers import work_through

__all__ = ["Settings", "render_dataset", "render_song"]

log = logging.getLogger(__name__)

BYTES_A_SAMPLE = 2 * 2
"""Two channels of 16 bits."""

NOTE = "synthetic.json"
"""File beside ``train`` and ``test`` that says which songs were rendered and from what."""


def render_dataset(
    root: Path | str, settings: Settings, workers: int = 1, stem_files: bool = False
) -> None:
    """Render a data set into ``root``, or what is missing of it.

    A song appears whole or not at all: ``root/{train,test}/<Artist - Title>/<stem>.wav``, 16-bit
    PCM. Songs that an interrupted run with the same settings has finished are kept; songs of
    other settings are removed. The bytes do not depend on the number of workers.

    Args:
        root: folder for the songs, empty or one that this function has filled before.
        settings: what to render.
        workers: processes, a song each; 1 works in this process. Each takes about 120 MB of
            memory, and 3 MB for each second of a song.
        stem_files: write ``<Artist - Title>.stem.mp4`` files, as in MUSDB18, instead.

    Raises:
        UserError: ``root`` holds other songs, ffmpeg is needed and missing, or a worker was killed.
    """
    root = Path(root)
    plan = {
        _path(root, settings, subset, index, stem_files): (index, subset)
        for subset in SUBSETS
        for index in range(settings.songs(subset))
    }
    _clear(root, settings, stem_files, set(plan))
    missing = {path: song for path, song in plan.items() if not path.exists()}
    if len(missing) < len(plan):
        log.info("render: %d of %d songs are ready", len(plan) - len(missing), len(plan))
    samples = sum(settings.samples_of(subset) for _, subset in missing.values())
    needed = samples * len(STEMS) * BYTES_A_SAMPLE
    require_free(root, needed, f"rendering {len(missing)} songs")
    progress = Progress("render", len(plan), done=len(plan) - len(missing))
    try:
        work = {
            path: partial(write_song, path, settings, index, subset)
            for path, (index, subset) in missing.items()
        }
        for path, written in work_through(work, workers):
            written.result()
            progress.advance(note=path.name.removesuffix(STEM_MP4))
    finally:
        progress.close()


def _path(root: Path, settings: Settings, subset: str, index: int, stem_files: bool) -> Path:
    ending = STEM_MP4 if stem_files else ""
    return root / subset / f"{song_name(settings.seed, subset, index)}{ending}"


def _clear(root: Path, settings: Settings, stem_files: bool, planned: set[Path]) -> None:
    """Remove the songs of another recipe or beyond the plan, and note what will be made.

    Raises:
        UserError: ``root`` holds songs that were not rendered.
    """
    recipe, note = _recipe(settings, stem_files), root / NOTE
    before: dict[str, Any] = {"recipe": recipe, "songs": []}
    if note.exists():
        before = json.loads(note.read_text(encoding="utf-8"))
    made = {root / song for song in before["songs"]}
    found = {path for subset in SUBSETS for path in (root / subset).glob("*")}
    hidden = {path for path in found if path.name.startswith(".")}
    foreign = sorted(found - made - hidden)
    if foreign:
        raise UserError(
            f"{foreign[0]}: was not rendered by this command, which would mix it with its own "
            "songs; give an empty folder"
        )
    kept = planned if before["recipe"] == recipe else set()
    leftovers = {path for path in hidden if ".partial" in path.name}  # of a killed run
    for path in (found & made - kept) | leftovers:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in (root / subset for subset in SUBSETS if (root / subset).is_dir()):
        # A subset without songs is no data set's.
        if not any(folder.iterdir()):
            folder.rmdir()
    for folder in {path.parent for path in planned}:
        folder.mkdir(parents=True, exist_ok=True)
    songs = sorted(path.relative_to(root).as_posix() for path in planned)
    write_json(note, {"recipe": recipe, "songs": songs})


def _recipe(settings: Settings, stem_files: bool) -> dict[str, Any]:
    """Return what decides a song's bytes beside its number."""
    chosen = asdict(settings)
    values = {name: chosen[name] for name in ("seconds", "test_seconds", "seed", "rate")}
    return values | {"stem_files": stem_files, "code": source_digest(__name__)}


def write_song(path: Path, settings: Settings, index: int, subset: str) -> None:
    """Render a song to ``path``: a folder of WAV files, or one file if it ends in ``.stem.mp4``."""
    stems = render_pcm(settings, index, subset)
    folder = path.with_name(f".{path.name.removesuffix(STEM_MP4)}.partial")
    folder.mkdir()
    try:
        with telling_full_disk(folder):
            for stem in STEMS:
                file = folder / f"{stem}.wav"
                soundfile.write(file, stems[stem].T, settings.rate, subtype="PCM_16")
        if path.name.endswith(STEM_MP4):
            write_stem_mp4(path, [folder / f"{stem}.wav" for stem in STEMS])
        else:
            folder.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
