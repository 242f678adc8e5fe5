"""``mssbench data``: make a data set known to the pipeline, and check it."""

import argparse
import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

from mssbench.atomic import write_json
from mssbench.commands.options import positive
from mssbench.data.catalogue import CATALOGUE, Archive, Entry, Erratum, entry
from mssbench.data.disk import size
from mssbench.data.listing import how_to_get, linking, listing
from mssbench.data.own_entry import entry_of, own_entry, read_entry
from mssbench.data.own_songs import find_own_songs
from mssbench.data.songs import SUBSETS, Dataset, Song, dataset_digest, find_songs
from mssbench.errors import UserError

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-verbs and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    known = actions.add_parser("list", help="list the data sets that are known by name")
    known.add_argument(
        "entries", nargs="*", type=Path, metavar="YAML", help="entries of data sets of your own"
    )

    render = actions.add_parser("render", help="compute the synthetic data set")
    render.add_argument("--root", type=Path, required=True, help="folder for the songs")
    render.add_argument("--train-songs", type=int, required=True, metavar="N")
    render.add_argument("--test-songs", type=int, required=True, metavar="N")
    render.add_argument("--seconds", type=float, required=True, help="length of a song")
    render.add_argument(
        "--test-seconds", type=float, metavar="SECONDS", help="length of a test song, if another"
    )
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
    link.add_argument(
        "name",
        metavar="NAME",
        help="as 'mssbench data list' spells it, or the YAML file of a data set of your own",
    )
    link.add_argument(
        "path",
        metavar="PATH",
        type=Path,
        help="folder with train/ and test/, or with Mixtures/ and Sources/",
    )
    link.add_argument(
        "--stems",
        nargs="+",
        metavar="STEM",
        help="stems of a data set of your own that has no YAML file, beside the mixture",
    )

    check = actions.add_parser("check", help="read every file of a data set and say what is wrong")
    check.add_argument("dataset", metavar="DATASET", type=Path, help="the dataset.json")
    check.add_argument("--workers", type=positive, default=1, help="processes (default: 1)")
    check.add_argument(
        "--strict",
        action="store_true",
        help="fail also for remarks: silence, clipping, sources that do not sum to the mixture",
    )

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
        UserError: an unknown data set, or songs that cannot be used or do not pass the check.
    """
    match args.action:
        case "list":
            print(listing([read_entry(file) for file in args.entries]))
            return
        case "check":
            check(args)
            return
        case "render":
            dataset = render(args)
        case "download":
            dataset = download(entry(args.name), args.root)
        case _:
            stems = args.stems
            dataset = link(
                own_entry(args.name, stems=stems) if stems else entry_of(args.name), args.path
            )
    dataset.save(args.out)
    numbers = ", ".join(f"{len(songs_of(dataset.songs, s))} {s} songs" for s in SUBSETS)
    log.info("%s: %s in %s", args.out, numbers, dataset.root)


def check(args: argparse.Namespace) -> None:
    """Read every file of a data set; print what was measured and what is wrong.

    Raises:
        UserError: a song is broken; if the options are strict, also if there is a remark.
    """
    from mssbench.data.check import check_dataset
    from mssbench.data.check_report import report, verdict

    dataset = Dataset.load(args.dataset)
    checks = check_dataset(dataset, args.workers)
    known = CATALOGUE.get(dataset.name)
    told = [Erratum(**erratum) for erratum in dataset.source.get("errata", ())]
    errata = known.errata if known else told
    print(report(checks, errata))
    fault = verdict(checks, errata, args.strict)
    if fault:
        raise UserError(f"{args.dataset}: {fault}")


def render(args: argparse.Namespace) -> Dataset:
    """Compute the synthetic data set that the options describe."""
    from mssbench.data.synthetic.render import Settings, render_dataset

    settings = Settings(
        train_songs=args.train_songs,
        test_songs=args.test_songs,
        seconds=args.seconds,
        test_seconds=args.test_seconds,
        seed=args.seed,
    )
    render_dataset(args.root, settings, args.workers, args.stem_files)
    source = {"kind": "render", "stem_files": args.stem_files, **dataclasses.asdict(settings)}
    return describe(entry("synthetic"), args.root, source)


def download(chosen: Entry, root: Path) -> Dataset:
    """Fetch the archives of a data set into ``root``, check and unpack them.

    Raises:
        UserError: it is not one to download, or something failed on the way.
    """
    from mssbench.data.download import UnavailableError

    if not chosen.archives:
        raise UserError(f"{chosen.name} cannot be downloaded; {how_to_get(chosen)}")
    log.info("%s: %s", chosen.name, chosen.licence)
    for archive in chosen.archives:
        try:
            obtain(archive, root)
        except UnavailableError as error:
            if not chosen.availability:
                raise
            raise UserError(
                f"{error}; {chosen.availability}: with a copy at hand, {linking(chosen)}"
            ) from None
    source = {
        "kind": "download",
        "archives": [dataclasses.asdict(archive) for archive in chosen.archives],
    }
    dataset = describe(chosen, root, source)
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
    source: dict[str, Any] = {"kind": "link", "path": str(path.absolute())}
    if chosen.layout == "own":
        source |= {"licence": chosen.licence, "citation": chosen.citation}
        source["errata"] = [dataclasses.asdict(erratum) for erratum in chosen.errata]
    dataset = describe(chosen, path, source)
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


def describe(chosen: Entry, root: Path, source: dict[str, Any]) -> Dataset:
    """Find and check the songs of a data set under ``root``.

    Raises:
        UserError: naming a song that cannot be used.
    """
    from mssbench.data.reader import read_headers
    from mssbench.progress import track

    is_own = chosen.layout == "own"
    songs = find_own_songs(root, chosen.sources) if is_own else find_songs(root)
    if chosen.select:
        songs = chosen.select(songs)
    for song in track(songs, "check", len(songs)):
        read_headers(song)
    summed = sum(song.is_summed for song in songs)
    if summed:
        log.info(
            "%s: %d of %d songs have no mixture; it is the sum of their stems (%s)",
            *(root, summed, len(songs), ", ".join(songs[0].tracks)),
        )
    return Dataset(chosen.name, root.absolute(), tuple(songs), source, dataset_digest(root, songs))


def songs_of(songs: tuple[Song, ...], subset: str) -> list[Song]:
    """Return the songs of one subset."""
    return [song for song in songs if song.subset == subset]
