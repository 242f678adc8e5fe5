"""``mssbench cluster``: look at a SLURM cluster, and at the jobs of this folder."""

import argparse
import logging
import os
from pathlib import Path

from mssbench.cluster.check import PROFILE, findings, look, probe, profile_lines
from mssbench.cluster.left_over import stop_left_over
from mssbench.cluster.used import attempts_of, table
from mssbench.errors import UserError

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-verbs and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser(
        "check", help="on a login node: find out what profiles/slurm needs to know"
    )
    check.add_argument(
        "--tracking",
        metavar="ADDRESS",
        help="of the tracking server that jobs shall reach (default: MLFLOW_TRACKING_URI, else "
        "what config.yaml says)",
    )
    check.add_argument(
        "--no-job", action="store_true", help="send no job of a few seconds to a compute node"
    )
    stop = actions.add_parser(
        "stop", help="cancel this folder's SLURM jobs and wait until they have saved and ended"
    )
    stop.add_argument(
        "--local",
        action="store_true",
        help="go on where SLURM does not answer: what follows runs on this machine alone",
    )
    used = actions.add_parser(
        "used", help="what this folder's jobs took of the time, cores and memory they asked for"
    )
    used.add_argument(
        "--days", type=int, default=30, help="jobs of so many days (default: %(default)s)"
    )
    for action in actions.choices.values():
        action.add_argument(
            "--log", type=Path, default=argparse.SUPPRESS, help="also write messages to this file"
        )


def run(args: argparse.Namespace) -> None:
    """Do what the sub-verb says.

    Raises:
        UserError: there is no SLURM, it does not answer, it keeps no accounting, or compute nodes
            do not see this folder.
    """
    if args.action == "stop":
        stop(args.local)
    elif args.action == "used":
        show_used(args.days)
    else:
        check(args.tracking or configured_tracking(Path("config.yaml")), not args.no_job)


def stop(local: bool) -> None:
    """Cancel this folder's jobs; say so where that cannot be and only this machine is to work."""
    try:
        stop_left_over(Path.cwd())
    except UserError as error:
        if not local:
            raise
        log.info("%s; this run needs no SLURM and goes on", error)


def show_used(days: int) -> None:
    """Print a line for each rule."""
    if days < 1:
        raise UserError(f"--days: found {days}; allowed is 1 or more")
    if attempts := attempts_of(Path.cwd(), days):
        print(*table(attempts), sep="\n")
    else:
        print(f"no job of {Path.cwd()} has begun in the last {days} days; --days looks further")


def check(tracking: str, send_job: bool) -> None:
    """Print what was found, a line each, and the lines of the profile that follow."""
    site = look()
    seen = probe(site, Path.cwd(), tracking) if send_job else None
    for what, found in findings(site, seen, tracking):
        print(f"{what:<14} {found}")
    print(f"\nfor {PROFILE}:", *profile_lines(site), sep="\n")
    if seen is not None and not seen.shared:
        raise UserError(f"{Path.cwd()} is not shared with {seen.node}; clone into a shared folder")


def configured_tracking(file: Path) -> str:
    """Return the address that the workflow would track to: ``off`` where nothing says one."""
    from mssbench.validation import load_yaml

    if address := os.environ.get("MLFLOW_TRACKING_URI"):
        return address
    return str(load_yaml(file).get("tracking", "off")) if file.exists() else "off"
