"""What SLURM's commands say, as values.

The fields of each command are asked for by name, with a bar between them, so that neither the width
of a terminal nor a site's own format matters.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass

from mssbench.errors import UserError

# name[:type][:count]; the sockets that follow in brackets do not matter here.
GPU = re.compile(r"gpu(?::([A-Za-z][\w.-]*))?(?::(\d+))?(?:\(|,|$)")

# %P marks the default partition by a star.
PARTITION_FORMAT = "%P|%a|%l|%D|%G"


@dataclass(frozen=True)
class Partition:
    """A queue of SLURM's.

    Args:
        name: as ``slurm_partition`` takes it.
        is_default: whether it is that of jobs that name none.
        limit: longest job, as SLURM writes it (``days-hours:minutes:seconds``).
        nodes: how many there are.
        gpus: number of GPUs of a node by type; the type is empty where the site names none.
    """

    name: str
    is_default: bool
    limit: str
    nodes: int
    gpus: dict[str, int]


def said(*command: str, seconds: float = 30) -> str | None:
    """Return what a command prints; None where it is missing, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def require_slurm() -> str:
    """Return the version of SLURM.

    Raises:
        UserError: there is none, or it does not answer.
    """
    if shutil.which("sinfo") is None:
        raise UserError(
            "no SLURM here: there is no command sinfo; run this on a login node of the cluster, or "
            "use the workflow without profiles/slurm"
        )
    version = said("sinfo", "--version")
    if version is None or said("scontrol", "ping") is None:
        raise UserError("SLURM does not answer (scontrol ping); ask those who run the cluster")
    return version.strip()


def parse_partitions(text: str) -> list[Partition]:
    """Return the partitions that are up, of ``sinfo --noheader --format=PARTITION_FORMAT``.

    Nodes of different kinds stand on lines of their own and are added up.
    """
    found: dict[str, Partition] = {}
    for line in text.splitlines():
        name, state, limit, nodes, gres = line.split("|", 4)
        if state != "up":
            continue
        before = found.get(name.rstrip("*"))
        found[name.rstrip("*")] = Partition(
            name=name.rstrip("*"),
            is_default=name.endswith("*"),
            limit=limit,
            nodes=int(nodes) + (before.nodes if before else 0),
            gpus=parse_gpus(gres) | (before.gpus if before else {}),
        )
    return list(found.values())


def parse_gpus(gres: str) -> dict[str, int]:
    """Return the GPUs of a gres text: type -> number, as in ``gpu:a100:4(S:0-1),shard:8``."""
    return {found[1] or "": int(found[2] or 1) for found in GPU.finditer(gres)}


def parse_settings(text: str) -> dict[str, str]:
    """Return SLURM's settings, of ``scontrol show config``."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def parse_accounts(text: str) -> list[str]:
    """Return the accounts, each once, of ``sacctmgr --parsable2 --noheader``."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
