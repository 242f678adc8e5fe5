"""The sub-verbs of ``mssbench data`` and their options."""

import argparse
from pathlib import Path

from mssbench.commands.options import positive

NAMED = "as 'mssbench data list' spells it, or the YAML file of a data set of your own"
FOLDER = "folder with train/ and test/, or with Mixtures/ and Sources/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-verbs and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    known = actions.add_parser("list", help="list the data sets that are known by name")
    known.add_argument(
        "entries", nargs="*", type=Path, metavar="YAML", help="entries of data sets of your own"
    )

    render = actions.add_parser("render", help="compute the synthetic data set")
    _add_render(render)

    download = actions.add_parser("download", help="fetch, check and unpack a data set")
    download.add_argument("name", metavar="NAME", help="as 'mssbench data list' spells it")
    download.add_argument("--root", type=Path, required=True, help="folder for archive and songs")

    link = actions.add_parser("link", help="use a copy that is on this machine, where it lies")
    link.add_argument("name", metavar="NAME", help=NAMED)
    link.add_argument("path", metavar="PATH", type=Path, help=FOLDER)

    check = actions.add_parser("check", help="read every file of a data set and say what is wrong")
    _add_check(check)

    for action in (link, check):
        action.add_argument(
            "--stems",
            nargs="+",
            metavar="STEM",
            help="stems of a data set of your own that has no YAML file, beside the mixture",
        )
    for action in (render, download, link):
        action.add_argument("--out", type=Path, required=True, help="the dataset.json to write")
    for action in actions.choices.values():
        # The option stands before the sub-verb too: its absence here must not overrule that.
        action.add_argument(
            "--log", type=Path, default=argparse.SUPPRESS, help="also write messages to this file"
        )


def _add_render(render: argparse.ArgumentParser) -> None:
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


def _add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument(
        "dataset", metavar="DATASET", help=f"the dataset.json or, with PATH, {NAMED}"
    )
    check.add_argument(
        "path", metavar="PATH", type=Path, nargs="?", help=f"{FOLDER}; need not be linked"
    )
    check.add_argument("--workers", type=positive, default=1, help="processes (default: 1)")
    check.add_argument(
        "--strict",
        action="store_true",
        help="fail also for silent stems, as many data sets have; without, it fails for what is "
        "broken, clipping and sources that do not sum to the mixture",
    )
