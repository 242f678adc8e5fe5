"""``mssbench report``: where the report and the listening pages are."""

import argparse
import webbrowser
from pathlib import Path

from mssbench.commands.listen import INDEX
from mssbench.errors import UserError

ARCHIVE, UNPACKED = "report.zip", "report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="default: %(default)s"
    )
    parser.add_argument(
        "--open",
        action="store_true",
        help=f"unpack {ARCHIVE} beside itself and show it and the listening pages in the browser",
    )


def run(args: argparse.Namespace) -> None:
    """Say, and with ``--open`` show, what there is."""
    archive = args.results / ARCHIVE
    pages = sorted(args.results.glob(f"*/*/studies/*/listening/{INDEX}"))
    if archive.is_file():
        print(f"report: {archive}")
    else:
        print(f"report: there is no {archive} yet; 'make reproduce' makes it")
    for page in pages:
        print(f"listening page of {page.parts[-3]}: {page}")
    if not pages:
        print(f"listening page: there is none in {args.results} yet; 'make reproduce' makes it")
    if args.open:
        for page in [*([unpack(archive)] if archive.is_file() else []), *pages]:
            webbrowser.open(page.absolute().as_uri())


def unpack(archive: Path) -> Path:
    """Unpack the report beside itself, where that is not done yet; return its first page.

    Raises:
        UserError: it is no report.
    """
    import shutil
    import tempfile
    import zipfile

    page = archive.parent / UNPACKED / "report.html"
    if page.exists() and page.stat().st_mtime >= archive.stat().st_mtime:
        return page
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".report.") as folder:
        try:
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(folder)
        except zipfile.BadZipFile:
            raise UserError(f"{archive} is no whole archive; make it again") from None
        (Path(folder) / UNPACKED / page.name).touch()  # newer than the archive
        shutil.rmtree(page.parent, ignore_errors=True)
        (Path(folder) / UNPACKED).rename(page.parent)
    return page
