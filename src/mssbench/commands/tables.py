"""``mssbench tables``: a study's tables from the scores of its runs."""

import argparse
import logging
from pathlib import Path

from mssbench.commands.named_files import by_name
from mssbench.errors import UserError

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    named = "each in a folder of its row's name, or as NAME=PATH"
    parser.add_argument(
        "--config", required=True, help="the study, its rows and tables: JSON or a JSON file"
    )
    parser.add_argument(
        "--scores", required=True, nargs="+", type=Path, help="the score tables of the rows"
    )
    parser.add_argument(
        "--runs",
        nargs="*",
        default=[],
        help=f"the run.json of trained rows, {named}: for columns of costs, and the commit",
    )
    parser.add_argument(
        "--estimates",
        nargs="*",
        default=[],
        help=f"the estimates.json of the rows, {named}: for the time to separate",
    )
    parser.add_argument(
        "--renditions",
        nargs="*",
        default=[],
        help=f"the manifest.json of what was separated, {named}: for the digest of the data",
    )
    parser.add_argument(
        "--out",
        required=True,
        type=Path,
        help="folder for <table>.csv, <table>.md, <table>.tex and <table>.html",
    )


def run(args: argparse.Namespace) -> None:
    """Write every table that the configuration defines, each from its own rows' scores.

    Raises:
        UserError: there is no table, or one cannot be made.
    """
    from mssbench.report.config import read_config
    from mssbench.report.formats import FORMATS, write_table
    from mssbench.report.origins import origins_of
    from mssbench.report.sources import Sources
    from mssbench.report.tables import make_table

    config = read_config(args.config)
    if not config.tables:
        raise UserError("--config: it defines no table; give a map of at least one as its tables")
    sources = Sources(
        scores=tuple(args.scores),
        runs=by_name(args.runs),
        estimates=by_name(args.estimates),
    )
    origins = origins_of(config.rows, sources, by_name(args.renditions), args.out)
    for name, definition in config.tables.items():
        scores, protocol = sources.scores_of(config.experiments(definition.get("rows")))
        table = make_table(
            name, definition, config, scores, protocol, sources=sources, origins=origins
        )
        write_table(table, args.out)
        log.info("wrote %s.%s", args.out / name, ", .".join(FORMATS))
