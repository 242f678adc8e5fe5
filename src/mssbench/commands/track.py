"""``mssbench track``: look after the MLflow store."""

import argparse
import json
import logging
from pathlib import Path

from mssbench.atomic import write_json
from mssbench.errors import UserError
from mssbench.tracking.connection import OFF, address

log = logging.getLogger(__name__)

# What `init` writes in the pipeline.
STORE = Path("results/tracking/store.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-verbs and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    init = actions.add_parser("init", help="make the store and its experiments")
    init.add_argument("--artifacts", type=Path, required=True, help="folder for the runs' files")
    init.add_argument(
        "--experiment", dest="experiments", action="append", required=True, metavar="NAME"
    )
    init.add_argument("--out", type=Path, required=True, help="the store.json to write")

    check = actions.add_parser("check", help="mark runs as failed whose process has died")

    publish = actions.add_parser("publish", help="put a study's results onto its runs")
    publish.add_argument("--config", required=True, help="the study as JSON, or a JSON file")
    publish.add_argument("--scores", type=Path, nargs="+", required=True, metavar="PARQUET")
    for kind, what in (("--figures", "PNG"), ("--tables", "Markdown")):
        publish.add_argument(
            kind, type=Path, nargs="*", default=[], metavar="PATH", help=f"{what} files, or folders"
        )
    publish.add_argument(
        "--rendition",
        type=Path,
        nargs="+",
        required=True,
        help="manifest.json of what was separated",
    )
    publish.add_argument("--estimates", type=Path, nargs="*", default=[], metavar="JSON")
    publish.add_argument("--out", type=Path, required=True, help="the published.json to write")

    dashboard = actions.add_parser("dashboard", help="serve MLflow's pages until Ctrl-C")
    dashboard.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    dashboard.add_argument("--port", type=int, default=5000, help="default: %(default)s")

    for action in (check, dashboard):
        action.add_argument(
            "--store",
            type=Path,
            default=STORE,
            help="tells the address where MLFLOW_TRACKING_URI does not (default: %(default)s)",
        )
    for action in actions.choices.values():
        # The option stands before the sub-verb too: its absence here must not overrule that.
        action.add_argument(
            "--log", type=Path, default=argparse.SUPPRESS, help="also write messages to this file"
        )


def run(args: argparse.Namespace) -> None:
    """Do what the sub-verb says.

    Raises:
        UserError: the store cannot be made, reached or shown.
    """
    match args.action:
        case "init":
            init(args)
        case "check":
            check(address_of(args.store))
        case "publish":
            publish(args)
        case _:
            dashboard(address_of(args.store), args.host, args.port)


def init(args: argparse.Namespace) -> None:
    """Make the store and write the mark that says so."""
    from mssbench.tracking.store import initialise

    uri = address()
    initialise(uri, args.experiments, args.artifacts)
    write_json(args.out, {"uri": uri, "experiments": [] if uri == OFF else args.experiments})


def check(uri: str) -> None:
    """Repair the store and say what was repaired."""
    from mssbench.tracking.store import repair

    lost = repair(uri)
    for name in lost:
        print(f"{name}: its process has died; marked as failed")
    if not lost:
        print(
            "Tracking is off." if uri == OFF else f"{uri}: no run is left behind by a dead process."
        )


def publish(args: argparse.Namespace) -> None:
    """Put the results onto the runs and write which run has which."""
    from mssbench.report.config import read_config

    study, uri, runs = read_config(args.config), address(), {}
    if uri != OFF:
        from mssbench.tracking.publish import publish as publish_study

        runs = publish_study(
            uri,
            study,
            scores=args.scores,
            figures=args.figures,
            tables=args.tables,
            renditions=args.rendition,
            estimates=args.estimates,
        )
    write_json(args.out, {"uri": uri, "study": study.study, "runs": runs})


def dashboard(uri: str, host: str, port: int) -> None:
    """Repair the store, then serve its pages."""
    from mssbench.tracking.dashboard import dashboard_command, serve

    command = dashboard_command(uri, host, port)
    check(uri)
    print(f"MLflow's pages will be at http://{host}:{port} in a few seconds; Ctrl-C ends them.")
    serve(command)


def address_of(store: Path) -> str:
    """Return the environment's address, or that in ``store`` where the environment has none.

    Raises:
        UserError: ``store`` is not what ``mssbench track init`` writes.
    """
    uri = address()
    if uri != OFF or not store.exists():
        return uri
    try:
        return str(json.loads(store.read_text(encoding="utf-8"))["uri"])
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{store}: not a mark of 'mssbench track init'; make it again") from None
