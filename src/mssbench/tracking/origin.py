"""Where a run comes from: the code, and the process that makes it."""

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

import mssbench
from mssbench.tracking.untracked import untracked_changes

PID, HOST, STARTED = "pid", "host", "mssbench.process_started"
SLURM_JOB = "slurm_job_id"

# What squeue says of a job after its end, for a while.
ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"),
}

PACKAGE = Path(mssbench.__file__).parent

# Characters of a difference to a commit; more is no edit but another program.
LONGEST_CHANGES = 200_000

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
        tags[SLURM_JOB] = os.environ["SLURM_JOB_ID"]
    return tags


def is_alive(tags: Mapping[str, str]) -> bool:
    """Whether the process that wrote ``tags`` still runs, as far as can be told from here.

    A process of this host is asked for. One of another host is alive as long as SLURM knows its
    job, and where there is no SLURM to ask.
    """
    if tags.get(HOST) != socket.gethostname():
        return SLURM_JOB not in tags or is_queued(tags[SLURM_JOB])
    if not {PID, STARTED} <= tags.keys():
        return True
    try:
        process = psutil.Process(int(tags[PID]))
        same = abs(process.create_time() - float(tags[STARTED])) < SAME_START
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_queued(job: str) -> bool:
    """Whether a SLURM job waits, runs or ends; True where SLURM does not answer."""
    command = ["squeue", "--noheader", "--format=%T", f"--jobs={job}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return True
    if done.returncode:
        # It forgets a job some minutes after its end.
        return "Invalid job id" not in done.stderr
    return bool(set(done.stdout.split()) - ENDED)


def code_tags() -> dict[str, str]:
    """Return the package's version and, where it lies in a git repository, the commit."""
    return {"mssbench.version": mssbench.__version__, **commit_tags(git_commit(PACKAGE))}


def code_state() -> tuple[dict[str, str], str]:
    """Return the tags of the commit, and what of the repository's files differs from it.

    Both are empty outside of a git repository.
    """
    commit = git_commit(PACKAGE)
    is_dirty = commit is not None and commit.endswith("-dirty")
    return commit_tags(commit), git_changes(PACKAGE) if is_dirty else ""


def commit_tags(commit: str | None) -> dict[str, str]:
    """Return the tags of what `git_commit` says."""
    if not commit:
        return {}
    # The name under which MLflow's pages show it.
    return {
        "mlflow.source.git.commit": commit.removesuffix("-dirty"),
        "git.dirty": str(commit.endswith("-dirty")).lower(),
    }


def git_commit(folder: Path) -> str | None:
    """Return the commit that is checked out, with ``-dirty`` when files differ from it.

    An untracked file that git does not ignore is such a difference.
    """
    said = git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    if said is None:
        return None
    commit = said.strip()
    if commit.endswith("-dirty") or not untracked_files(git_root(folder)):
        return commit
    return f"{commit}-dirty"


def git_changes(folder: Path) -> str:
    """Return how the files of a git repository differ from its commit, cut to `LONGEST_CHANGES`.

    Untracked files that git does not ignore come last.
    """
    root = git_root(folder)
    if root is None:
        return ""
    changes = git(root, "diff", "--no-color", "--no-ext-diff", "HEAD") or ""
    changes += untracked_changes(root, untracked_files(root), LONGEST_CHANGES)
    if len(changes) > LONGEST_CHANGES:
        return f"{changes[:LONGEST_CHANGES]}\n[{len(changes) - LONGEST_CHANGES} characters more]\n"
    return changes


def git_root(folder: Path) -> Path | None:
    """Return the folder of the repository that ``folder`` lies in; None outside of one."""
    root = (git(folder, "rev-parse", "--show-toplevel") or "").removesuffix("\n")
    return Path(root) if root else None


def untracked_files(root: Path | None) -> list[str]:
    """Return the paths below ``root`` that git neither tracks nor ignores, in order."""
    told = git(root, "ls-files", "--others", "--exclude-standard", "-z") if root else None
    return sorted(name for name in (told or "").split("\0") if name)


def git(folder: Path, *words: str) -> str | None:
    """Return what git says in ``folder``; None where it fails, or there is none."""
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")
