"""``mssbench data``: make a data set known to the pipeline."""

import argparse
import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

from mssbench.atomic import write_json
from mssbench.data.catalogue import CATALOGUE, Archive, Entry, entry
from mssbench.data.disk import size
from mssbench.data.songs import SUBSETS, Dataset, Song, dataset_digest, find_songs
from mssbench.errors import UserError

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-verbs and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    actions.add_parser("list", help="list the data sets that are known by name")

    render = actions.add_parser("render", help="compute the synthetic data set")
    render.add_argument("--root", type=Path, required=True, help="folder for the songs")
    render.add_argument("--train-songs", type=int, required=True, metavar="N")
    render.add_argument("--test-songs", type=int, required=True, metavar="N")
    render.add_argument("--seconds", type=float, required=True, help="length of a song")
    render.add_argument("--seed", type=int, required=True)
    render.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    render.add_argument(
        "--stem-files",
        action="store_true",
        help="write .stem.mp4 files, as in MUSDB18, instead of WAV files",
    )

    download = actions.add_parser("download", help="fetch, check and unpack a data set")
    download.add_argument("name", metavar="NAME", help="as 'mssbench data list' spells it")
    download.add_argument("--root", type=Path, required=True, help="folder for archive and songs")

    link = actions.add_parser("link", help="use a copy that is on this machine, where it lies")
    link.add_argument("name", metavar="NAME", help="as 'mssbench data list' spells it")
    link.add_argument("path", metavar="PATH", type=Path, help="folder with train/ and test/")

    for action in (render, download, link):
        action.add_argument("--out", type=Path, required=True, help="the dataset.json to write")
    for action in actions.choices.values():
        # The option stands before the sub-verb too: its absence here must not overrule that.
        action.add_argument(
            "--log", type=Path, default=argparse.SUPPRESS, help="also write messages to this file"
        )


def run(args: argparse.Namespace) -> None:
    """Do what the sub-verb says.

    Raises:
        UserError: an unknown data set, or songs that cannot be used.
    """
    match args.action:
        case "list":
            print(listing())
            return
        case "render":
            dataset = render(args)
        case "download":
            dataset = download(entry(args.name), args.root)
        case _:
            dataset = link(entry(args.name), args.path)
    dataset.save(args.out)
    numbers = ", ".join(f"{len(songs_of(dataset.songs, s))} {s} songs" for s in SUBSETS)
    log.info("%s: %s in %s", args.out, numbers, dataset.root)


def render(args: argparse.Namespace) -> Dataset:
    """Compute the synthetic data set that the options describe."""
    from mssbench.data.synthetic.render import Settings, render_dataset

    settings = Settings(
        train_songs=args.train_songs,
        test_songs=args.test_songs,
        seconds=args.seconds,
        seed=args.seed,
    )
    render_dataset(args.root, settings, args.workers, args.stem_files)
    source = {"kind": "render", "stem_files": args.stem_files, **dataclasses.asdict(settings)}
    return describe("synthetic", args.root, source)


def download(chosen: Entry, root: Path) -> Dataset:
    """Fetch the archives of a data set into ``root``, check and unpack them.

    Raises:
        UserError: it is not one to download, or something failed on the way.
    """
    if not chosen.archives:
        raise UserError(f"{chosen.name} cannot be downloaded; {how_to_get(chosen)}")
    log.info("%s: %s", chosen.name, chosen.licence)
    for archive in chosen.archives:
        obtain(archive, root)
    source = {
        "kind": "download",
        "archives": [dataclasses.asdict(archive) for archive in chosen.archives],
    }
    dataset = describe(chosen.name, root, source)
    for subset, expected in (("train", chosen.train), ("test", chosen.test)):
        found = len(songs_of(dataset.songs, subset))
        if found != expected:
            raise UserError(
                f"{root}: found {found} {subset} songs, {chosen.name} has {expected}; give an "
                "empty folder as --root, or keep only the archive in this one"
            )
    return dataset


def obtain(archive: Archive, root: Path) -> None:
    """Fetch and unpack one archive.

    The archive may be removed afterwards to have its room back: a note beside it says that its
    content is there.
    """
    from mssbench.data.download import download as fetch
    from mssbench.data.unpack import unpack

    note = root / f"{archive.file_name}.unpacked.json"
    content = {"url": archive.url, "checksums": list(archive.checksums)}
    is_removed = not (root / archive.file_name).exists()
    if is_removed and note.exists() and json.loads(note.read_text(encoding="utf-8")) == content:
        log.info("%s: unpacked before, not fetched again", archive.file_name)
        return
    path = fetch(archive, root)
    unpack(path, root)
    write_json(note, content)
    log.info("%s: unpacked; it may be removed to free %s", path, size(archive.bytes))


def link(chosen: Entry, path: Path) -> Dataset:
    """Describe a copy that exists; only its path is recorded.

    Raises:
        UserError: a song lacks a stem, or a file is empty or cannot be read.
    """
    dataset = describe(chosen.name, path, {"kind": "link", "path": str(path.absolute())})
    for subset, expected in (("train", chosen.train), ("test", chosen.test)):
        found = len(songs_of(dataset.songs, subset))
        if expected is not None and found != expected:
            log.warning(
                "%s: %d %s songs, %s has %d: results are not comparable with published ones",
                path,
                found,
                subset,
                chosen.name,
                expected,
            )
    return dataset


def describe(name: str, root: Path, source: dict[str, Any]) -> Dataset:
    """Find and check the songs under ``root``.

    Raises:
        UserError: naming a song that cannot be used.
    """
    from mssbench.data.reader import read_headers
    from mssbench.progress import track

    songs = find_songs(root)
    for song in track(songs, "check", len(songs)):
        read_headers(song)
    return Dataset(name, root.absolute(), tuple(songs), source, dataset_digest(root, songs))


def songs_of(songs: tuple[Song, ...], subset: str) -> list[Song]:
    """Return the songs of one subset."""
    return [song for song in songs if song.subset == subset]


def listing() -> str:
    """Return a table of the known data sets, and what to cite, to mind and to do for each."""
    rows: list[tuple[str, ...]] = [("NAME", "TRAIN", "TEST", "DOWNLOAD", "LICENCE")]
    remarks = []
    for known in CATALOGUE.values():
        songs = ["any" if number is None else str(number) for number in (known.train, known.test)]
        fetched = sum(archive.bytes for archive in known.archives)
        rows.append((known.name, *songs, size(fetched) if fetched else "-", known.licence))
        remarks.append(
            f"{known.name}: {known.note}\n  cite:  {known.citation}\n"
            f"  needs: {needs(known)}\n  get:   {how_to_get(known)}"
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*table, "", *remarks])


def needs(known: Entry) -> str:
    """Return what a data set asks of the machine."""
    room = sum(archive.disk for archive in known.archives)
    asked = [f"{size(room)} of disk, archive and songs together"] if room else []
    if known.layout == "stems":
        asked.append("ffmpeg")
    return "; ".join(asked) or "nothing"


def how_to_get(known: Entry) -> str:
    """Return what to do to have a data set."""
    if not known.archives:
        return "compute it: mssbench data render (see its --help)"
    return (
        f"mssbench data download {known.name}; or, with a copy at hand, "
        f"mssbench data link {known.name} PATH"
    )
