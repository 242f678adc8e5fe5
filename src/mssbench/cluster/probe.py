"""A job of a few seconds that looks at the login node's folder and network from a compute node."""

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from mssbench.cluster.slurm import said

# Run by the compute node: the arguments are a file and an address, or an empty text.
SCRIPT = """
import json, pathlib, socket, sys, urllib.error, urllib.request
def content(name):
    try:
        return pathlib.Path(name).read_text()
    except OSError:
        return ""
def answer(address):
    if not address:
        return ""
    try:
        urllib.request.urlopen(address.rstrip("/") + "/health", timeout=10).read()
    except (OSError, ValueError) as error:
        return str(error)
    return "ok"
print(json.dumps([socket.gethostname(), content(sys.argv[1]), answer(sys.argv[2])]))
"""

# How long the job may wait in the queue (s).
PATIENCE = 120


@dataclass(frozen=True)
class Seen:
    """What the job saw.

    Args:
        node: name of the compute node.
        shared: whether a file of the login node was there.
        tracking: ``ok``, the error of the request, or nothing where no address was given.
    """

    node: str
    shared: bool
    tracking: str


def look_from_a_node(folder: Path, options: list[str], address: str) -> Seen | None:
    """Run the job and return what it saw; None where none started in time, or it failed.

    Args:
        folder: in which the workflow runs; a file is written there for a moment.
        options: of srun, for account and partition.
        address: of the tracking server, or nothing.
    """
    token = secrets.token_hex(16)
    file = folder / f".mssbench-cluster-check-{token[:8]}"
    srun = ["srun", "--ntasks=1", "--time=2", "--mem=500", f"--immediate={PATIENCE}", *options]
    file.write_text(token)
    try:
        text = said(*srun, sys.executable, "-c", SCRIPT, str(file), address, seconds=PATIENCE + 60)
    finally:
        file.unlink()
    return parse_seen(text, token) if text is not None else None


def parse_seen(text: str, token: str) -> Seen | None:
    """Return what the job printed; a site's greeting may stand before it."""
    lines = text.strip().splitlines()
    try:
        node, content, answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        return None
    return Seen(node=node, shared=content == token, tracking=answer)
