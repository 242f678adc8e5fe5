"""``mssbench data``: make a data set known to the pipeline, and check it."""

import argparse
import dataclasses
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mssbench.atomic import write_json
from mssbench.commands.data_options import add_arguments
from mssbench.data.catalogue import CATALOGUE, Archive, Entry, Erratum, entry
from mssbench.data.disk import size
from mssbench.data.entry_songs import describe
from mssbench.data.listing import how_to_get, linking, listing
from mssbench.data.own_entry import entry_of, own_entry, read_entry
from mssbench.data.songs import SUBSETS, Dataset, Song
from mssbench.errors import UserError

if TYPE_CHECKING:
    from mssbench.data.check import SongCheck

__all__ = ["add_arguments", "run"]

log = logging.getLogger(__name__)


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
            dataset = link(chosen_entry(args.name, args.stems), args.path)
    dataset.save(args.out)
    numbers = ", ".join(f"{len(songs_of(dataset.songs, s))} {s} songs" for s in SUBSETS)
    log.info("%s: %s in %s", args.out, numbers, dataset.root)


def chosen_entry(name: str, stems: list[str] | None) -> Entry:
    """Return the entry that the options name: of the catalogue, of a file, or of these stems.

    Raises:
        UserError: there is none.
    """
    return own_entry(name, stems=stems) if stems else entry_of(name)


def check(args: argparse.Namespace) -> None:
    """Read every file of a data set; print what was measured and what is wrong.

    Raises:
        UserError: a song is broken or has a fault; if the options are strict, also if there is a
            remark. Or the songs of a ``dataset.json`` have changed.
    """
    from mssbench.data.check_report import report, verdict

    checks, errata = checked(args)
    print(report(checks, errata))
    fault = verdict(checks, errata, args.strict)
    if fault:
        raise UserError(f"{args.path or args.dataset}: {fault}")


def checked(args: argparse.Namespace) -> "tuple[list[SongCheck], Sequence[Erratum]]":
    """Check the songs of a folder or of a ``dataset.json``; return the known faults too."""
    from mssbench.data.changes import require_unchanged
    from mssbench.data.check import check_songs
    from mssbench.data.check_folder import check_folder

    if args.path:
        chosen = chosen_entry(args.dataset, args.stems)
        checks = check_folder(chosen, args.path, args.workers)
        warn_of_number(chosen, [check.song for check in checks], args.path)
        return checks, chosen.errata
    if args.stems or args.dataset in CATALOGUE or Path(args.dataset).is_dir():
        raise UserError(
            f"{args.dataset}: found no PATH beside it; give a dataset.json, or the name or YAML "
            "file of a data set and the folder of its songs: mssbench data check NAME PATH"
        )
    dataset = Dataset.load(args.dataset)
    # What is missing is in the list of what is wrong.
    if all(file.is_file() for song in dataset.songs for file in song.files):
        require_unchanged(dataset, args.dataset)
    known = CATALOGUE.get(dataset.name)
    told = [Erratum(**erratum) for erratum in dataset.source.get("errata", ())]
    return check_songs(dataset.songs, args.workers), known.errata if known else told


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
    warn_of_number(chosen, dataset.songs, path)
    return dataset


def warn_of_number(chosen: Entry, songs: Sequence[Song], path: Path) -> None:
    """Warn where ``path`` holds more or fewer songs than the data set has."""
    for subset, expected in (("train", chosen.train), ("test", chosen.test)):
        found = len(songs_of(songs, subset))
        if expected is not None and found != expected:
            log.warning(
                "%s: %d %s songs, %s has %d: results are not comparable with published ones",
                path,
                found,
                subset,
                chosen.name,
                expected,
            )


def songs_of(songs: Sequence[Song], subset: str) -> list[Song]:
    """Return the songs of one subset."""
    return [song for song in songs if song.subset == subset]
