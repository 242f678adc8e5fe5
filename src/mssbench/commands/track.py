"""``mssbench track``: look after the MLflow store."""

import argparse
import json
import logging
import os
from pathlib import Path

from mssbench.atomic import write_json
from mssbench.errors import UserError
from mssbench.masking import MASK, masked
from mssbench.tracking.connection import OFF, address

log = logging.getLogger(__name__)

# What `init` writes in the pipeline.
STORE = Path("results/tracking/store.json")

# Where `serve` keeps what it serves.
SERVER = Path("results/tracking/server")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-verbs and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    init = actions.add_parser("init", help="make the store and the trainings' experiment")
    init.add_argument("--artifacts", type=Path, required=True, help="folder for the runs' files")
    init.add_argument("--out", type=Path, required=True, help="the store.json to write")

    check = actions.add_parser("check", help="mark runs as failed whose process has died")

    sync = actions.add_parser(
        "sync",
        help="send what was kept while MLflow was away",
        description="Send what jobs recorded while MLflow was away, and the studies whose results "
        "wait. It lies in tracking/outbox beside an SQLite store, in results/tracking/outbox for a "
        "server, or in MSSBENCH_OUTBOX.",
    )
    sync.add_argument(
        "--any-address",
        action="store_true",
        help="also what was recorded for another address than the present one",
    )

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
    publish.add_argument(
        "--weights",
        type=Path,
        nargs="*",
        default=[],
        metavar="SAFETENSORS",
        help="of trainings; they become the runs' models, and the best is registered",
    )
    publish.add_argument("--out", type=Path, required=True, help="the published.json to write")

    dashboard = actions.add_parser("dashboard", help="serve MLflow's pages until Ctrl-C")
    dashboard.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    dashboard.add_argument("--port", type=int, default=5000, help="default: %(default)s")

    serve = actions.add_parser("serve", help="run an MLflow server for the jobs of a cluster")
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; 0.0.0.0 opens the server to the network (default: %(default)s)",
    )
    serve.add_argument("--port", type=int, default=5000, help="default: %(default)s")
    serve.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name by which jobs or browsers call this host; may be given again",
    )
    serve.add_argument(
        "--folder", type=Path, default=SERVER, help="database and files (default: %(default)s)"
    )
    serve.add_argument(
        "--database",
        metavar="URI",
        help="another database; with a password, give it as MLFLOW_BACKEND_STORE_URI instead",
    )

    for action in (check, sync, dashboard):
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
        case "sync":
            sync(address_of(args.store), args.any_address)
        case "serve":
            serve(args)
        case _:
            dashboard(address_of(args.store), args.host, args.port)


def init(args: argparse.Namespace) -> None:
    """Make the store and write the mark that says so.

    Where no server answers, the mark is written nevertheless: trainings need it, and the first
    process that reaches the server prepares it.
    """
    from mssbench.tracking.experiments import TRAININGS
    from mssbench.tracking.failures import Away
    from mssbench.tracking.store import initialise

    uri = address()
    made = [] if uri == OFF else [TRAININGS]
    try:
        initialise(uri, made, args.artifacts)
    except Away as away:
        made = []
        log.warning(
            "%s; what is tracked is kept, and sent by the next job that reaches it, or by "
            "'mssbench track sync'",
            away.what,
        )
    write_json(args.out, {"uri": masked(uri), "experiments": made})


def check(uri: str) -> None:
    """Repair the store and say what was repaired."""
    from mssbench.tracking.store import repair

    lost = repair(uri)
    for name in lost:
        print(f"{name}: its process has died; marked as failed")
    if not lost:
        print(
            "Tracking is off."
            if uri == OFF
            else f"{masked(uri)}: no run is left behind by a dead process."
        )


def sync(uri: str, any_address: bool) -> None:
    """Send what is in the outbox and say what became of it.

    Raises:
        UserError: the store cannot be reached, or something could not be sent.
    """
    from mssbench.tracking.publications import sync_all

    if uri == OFF:
        print("Tracking is off.")
        return
    outcome = sync_all(uri, any_address=any_address)
    for name in outcome.sent:
        print(f"{name}: sent")
    if outcome.busy:
        print(f"{outcome.busy} runs or studies are being sent by other processes.")
    if outcome.elsewhere:
        print(
            f"Others were recorded for {', '.join(sorted(outcome.elsewhere))}; set "
            "MLFLOW_TRACKING_URI to it, or send them here with --any-address."
        )
    if outcome.failed:
        raise UserError(
            f"{outcome.failed} runs or studies could not be sent, for the reasons above; they are "
            "kept, and the same command tries again"
        )
    if not (outcome.sent or outcome.busy or outcome.elsewhere):
        print(f"{masked(uri)}: nothing is left to send.")


def serve(args: argparse.Namespace) -> None:
    """Make the database, then serve it until Ctrl-C."""
    from mssbench.tracking.dashboard import serve as become
    from mssbench.tracking.server import LOOPBACK, address_for_jobs, prepare_server

    own = f"sqlite:///{(args.folder / 'mlflow.db').absolute()}"
    database = args.database or os.environ.get("MLFLOW_BACKEND_STORE_URI") or own
    command, environment = prepare_server(
        database, args.folder / "artifacts", args.host, args.port, args.allow_host
    )
    print(f"For the jobs: export MLFLOW_TRACKING_URI={address_for_jobs(args.host, args.port)}")
    if args.host not in LOOPBACK:
        print("Whoever reaches this port may read, change and delete all runs.")
    print("The server answers in a few seconds; Ctrl-C ends it.")
    become(command, environment)


def publish(args: argparse.Namespace) -> None:
    """Put the results onto the runs and write which run has which."""
    from mssbench.tracking.publications import Publication, publish_or_keep

    publication = Publication.of(
        args.config,
        args.out,
        scores=args.scores,
        figures=args.figures,
        tables=args.tables,
        renditions=args.rendition,
        estimates=args.estimates,
        weights=args.weights,
    )
    publish_or_keep(address(), publication)


def dashboard(uri: str, host: str, port: int) -> None:
    """Repair the store, then serve its pages."""
    from mssbench.tracking.dashboard import dashboard_command, serve
    from mssbench.tracking.server import address_for_jobs

    command, environment = dashboard_command(uri, host, port)
    check(uri)
    where = address_for_jobs(host, port)
    print(f"MLflow's pages will be at {where} in a few seconds; Ctrl-C ends them.")
    serve(command, environment)


def address_of(store: Path) -> str:
    """Return the environment's address, or that in ``store`` where the environment has none.

    Raises:
        UserError: ``store`` is not what ``mssbench track init`` writes, or its address lacks the
            password, which is not kept.
    """
    uri = address()
    if uri != OFF or not store.exists():
        return uri
    try:
        uri = str(json.loads(store.read_text(encoding="utf-8"))["uri"])
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{store}: not a mark of 'mssbench track init'; make it again") from None
    if MASK in uri:
        raise UserError(f"{store} names {uri}, without the password; set MLFLOW_TRACKING_URI")
    return uri
