"""A GPU for each process of one machine that computes on one.

Snakemake counts GPUs but does not say which one a job has, so that all jobs of a workstation would
take the first. SLURM gives each job its own.
"""

import fcntl
import getpass
import logging
import os
import subprocess
import tempfile
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"

# Open as long as the process lives: the system lets go of a lock when its process ends, however.
_held: list[int] = []

log = logging.getLogger(__name__)


def take_own_gpu() -> None:
    """Let CUDA see the first GPU of this machine that no other such process has.

    Has to be called before CUDA looks for devices. Nothing changes where there are fewer than two,
    where SLURM or torchrun give out the GPUs, or where this process has one already. When all are
    taken CUDA sees all of them, as without this.
    """
    if _held or os.environ.keys() & {"SLURM_JOB_ID", "LOCAL_RANK"}:
        return
    gpus = visible_gpus()
    if len(gpus) < 2:
        return
    for gpu in gpus:
        if lock(gpu):
            os.environ[VISIBLE] = gpu
            log.info("GPU %s of %d", gpu, len(gpus))
            return
    log.warning("each of the %d GPUs has a job; this one shares the first with another", len(gpus))


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that CUDA would see, without asking it: it looks but once."""
    if VISIBLE in os.environ:
        return [gpu.strip() for gpu in os.environ[VISIBLE].split(",") if gpu.strip()]
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split()


def lock(gpu: str) -> bool:
    """Take a GPU for this process, and say whether that was possible."""
    file = Path(tempfile.gettempdir(), f"mssbench-{getpass.getuser()}-gpu-{gpu}.lock")
    handle = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return False
    _held.append(handle)
    return True
