"""Jobs that a killed Snakemake has left behind.

Started again, Snakemake knows nothing of the jobs that it submitted before: it would submit a
training a second time while the first one still writes to the same checkpoints.
"""

import getpass
import logging
import shutil
import time
from pathlib import Path

from mssbench.cluster.slurm import said
from mssbench.errors import UserError

# What `slurm-jobname-prefix` in profiles/slurm puts before each job's name.
PREFIX = "mss_"

# A training saves its state when it is told to stop. SLURM then kills what has not ended.
PATIENCE, BETWEEN = 300.0, 2.0

log = logging.getLogger(__name__)


def parse_jobs(text: str, folder: Path) -> list[str]:
    """Return the numbers of a folder's jobs, of ``squeue --format=%i|%j|%Z``."""
    rows = (line.split("|", 2) for line in text.splitlines())
    return [
        number
        for number, name, submitted_in in rows
        if name.startswith(PREFIX) and Path(submitted_in) == folder
    ]


def jobs_of(folder: Path) -> list[str]:
    """Return the numbers of the pipeline's jobs that wait or run and were submitted in ``folder``.

    Raises:
        UserError: SLURM does not say.
    """
    text = said("squeue", f"--user={getpass.getuser()}", "--noheader", "--format=%i|%j|%Z")
    if text is None:
        raise UserError(
            "squeue does not answer, so jobs of this folder may still run; start again when it does"
        )
    return parse_jobs(text, folder)


def stop_left_over(folder: Path) -> None:
    """Cancel the jobs of a folder and wait until they have saved their state and ended.

    Does nothing where there is no SLURM.

    Raises:
        UserError: SLURM does not answer, or a job does not end.
    """
    if shutil.which("squeue") is None:
        return
    jobs = jobs_of(folder)
    if not jobs:
        return
    log.info("stopping SLURM jobs of a Snakemake that was killed: %s", ", ".join(jobs))
    if said("scancel", *jobs) is None and jobs_of(folder):
        raise UserError(f"scancel {' '.join(jobs)} fails; cancel these jobs and start again")
    end = time.monotonic() + PATIENCE
    while left := jobs_of(folder):
        if time.monotonic() > end:
            raise UserError(f"SLURM jobs {', '.join(left)} do not end; start again when they have")
        time.sleep(BETWEEN)
