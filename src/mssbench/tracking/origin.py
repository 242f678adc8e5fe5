"""Where a run comes from: the code, and the process that makes it."""

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

import mssbench

PID, HOST, STARTED = "pid", "host", "mssbench.process_started"

# Process ids are given anew, start times (s) hardly are. The clock may have been set since.
SAME_START = 2.0


def process_tags() -> dict[str, str]:
    """Return the tags that tell this process from every other, also after its end."""
    tags = {
        HOST: socket.gethostname(),
        PID: str(os.getpid()),
        STARTED: f"{psutil.Process().create_time():.2f}",
    }
    if "SLURM_JOB_ID" in os.environ:
        tags["slurm_job_id"] = os.environ["SLURM_JOB_ID"]
    return tags


def is_alive(tags: Mapping[str, str]) -> bool:
    """Whether the process that wrote ``tags``, on this host, still runs."""
    try:
        process = psutil.Process(int(tags[PID]))
        same = abs(process.create_time() - float(tags[STARTED])) < SAME_START
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def code_tags() -> dict[str, str]:
    """Return the package's version and, where it lies in a git repository, the commit."""
    tags = {"mssbench.version": mssbench.__version__}
    commit = git_commit(Path(mssbench.__file__).parent)
    if commit:
        # The name under which MLflow's pages show it.
        tags["mlflow.source.git.commit"] = commit.removesuffix("-dirty")
        tags["git.dirty"] = str(commit.endswith("-dirty")).lower()
    return tags


def git_commit(folder: Path) -> str | None:
    """Return the commit that is checked out, with ``-dirty`` when tracked files differ from it."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
