"""What `mssbench cluster check` finds out, a line each, and what follows for the profile."""

import getpass
from dataclasses import dataclass
from pathlib import Path

from mssbench.cluster.probe import Seen, look_from_a_node
from mssbench.cluster.slurm import (
    PARTITION_FORMAT,
    Partition,
    parse_accounts,
    parse_partitions,
    parse_settings,
    require_slurm,
    said,
)
from mssbench.errors import UserError

PROFILE = "profiles/slurm/config.yaml"


@dataclass(frozen=True)
class Site:
    """A cluster, as its login node shows it.

    Args:
        version: SLURM's.
        partitions: those that are up.
        settings: of ``scontrol show config``.
        accounts: those of this user; empty where the cluster has none.
        keeps_accounts: whether sacct answers, so that reasons of failures and efficiency are known.
    """

    version: str
    partitions: list[Partition]
    settings: dict[str, str]
    accounts: list[str]
    keeps_accounts: bool

    @property
    def cpu_partition(self) -> Partition:
        """For what needs no GPU: the default one without GPUs, else any without, else the default.

        Of equals the first one.
        """
        return min(self.partitions, key=lambda found: (bool(found.gpus), not found.is_default))

    @property
    def gpu_partition(self) -> Partition | None:
        """With GPUs, and if possible not the default one, where all other jobs go."""
        having = [found for found in self.partitions if found.gpus]
        return min(having, key=lambda found: found.is_default, default=None)

    @property
    def counts_gpus(self) -> bool:
        """Whether ``--gpus`` works, which only one of SLURM's selection plugins understands."""
        return self.settings.get("SelectType", "").endswith("cons_tres")


def look() -> Site:
    """Ask SLURM's commands.

    Raises:
        UserError: there is no SLURM, or nowhere to send a job to.
    """
    version = require_slurm()
    partitions = parse_partitions(said("sinfo", "--noheader", f"--format={PARTITION_FORMAT}") or "")
    if not partitions:
        raise UserError("sinfo names no partition that is up; ask those who run the cluster")
    user = f"user={getpass.getuser()}"
    accounts = said(
        "sacctmgr", "--noheader", "--parsable2", "list", "associations", user, "format=account"
    )
    return Site(
        version=version,
        partitions=partitions,
        settings=parse_settings(said("scontrol", "show", "config") or ""),
        accounts=parse_accounts(accounts or ""),
        keeps_accounts=said("sacct", "-X", "--noheader", "--starttime=now-1hour") is not None,
    )


def probe(site: Site, folder: Path, tracking: str) -> Seen | None:
    """Send a job to the partition that most jobs will go to."""
    options = [f"--partition={site.cpu_partition.name}"]
    if site.accounts:
        options.append(f"--account={site.accounts[0]}")
    return look_from_a_node(folder, options, tracking if "://" in tracking else "")


def findings(site: Site, seen: Seen | None, tracking: str) -> list[tuple[str, str]]:
    """Return a line for each thing looked at: what it is, and what was found."""
    settings = site.settings
    return [
        ("scheduler", f"{site.version}, cluster {settings.get('ClusterName', 'without a name')}"),
        *(("partition", described(partition)) for partition in site.partitions),
        ("gpus", gpu_finding(site)),
        ("accounts", ", ".join(site.accounts) or "none needed, or sacctmgr does not say"),
        (
            "accounting",
            "sacct answers"
            if site.keeps_accounts
            else "sacct does not answer: reasons of failures and efficiency stay unknown",
        ),
        ("shared folder", shared_finding(seen)),
        ("tracking", tracking_finding(seen, tracking)),
    ]


def described(partition: Partition) -> str:
    """Return a partition in a line."""
    gpus = ", ".join(f"{number} {kind or 'GPU'}" for kind, number in partition.gpus.items())
    default = " (default)" if partition.is_default else ""
    a_node = f"{gpus} a node" if gpus else "no GPU"
    return f"{partition.name}{default}: {partition.nodes} nodes, {a_node}, up to {partition.limit}"


def gpu_finding(site: Site) -> str:
    """Say how a job asks for a GPU."""
    if site.gpu_partition is None:
        return "no partition has any: trainings run on processors"
    if site.counts_gpus:
        return "asked for by number (gpu: 1)"
    return "asked for by gres: this SLURM does not select by --gpus"


def shared_finding(seen: Seen | None) -> str:
    """Say whether compute nodes see the folder."""
    if seen is None:
        return "unknown: no job started in time, or it failed; try again when the queue is shorter"
    if seen.shared:
        return f"a file of this folder is there on {seen.node}"
    return f"a file of this folder is NOT there on {seen.node}: work in a folder that nodes share"


def tracking_finding(seen: Seen | None, tracking: str) -> str:
    """Say whether jobs reach the tracking store."""
    if tracking == "off":
        return "off"
    if not tracking.startswith(("http://", "https://")):
        return f"{tracking} is no server, and shared folders may break its locks: docs/cluster.md"
    if seen is None:
        return f"unknown: no job looked for {tracking}"
    if seen.tracking == "ok":
        return f"{tracking} answers to {seen.node}"
    return f"{tracking} does NOT answer to {seen.node}: {seen.tracking}"


def profile_lines(site: Site) -> list[str]:
    """Return the site's part of the profile, as YAML."""
    gpu = site.gpu_partition
    lines = ["default-resources:"]
    if site.accounts:
        lines.append(f'  slurm_account: "{site.accounts[0]}"')
    lines += [f'  slurm_partition: "{site.cpu_partition.name}"', "set-resources:", "  train:"]
    if gpu is None:
        lines += [f'    slurm_partition: "{site.cpu_partition.name}"', "    gpu: 0"]
    elif site.counts_gpus:
        lines += [f'    slurm_partition: "{gpu.name}"', "    gpu: 1"]
    else:
        kind = next(iter(gpu.gpus))
        gres = f"gpu:{kind}:1" if kind else "gpu:1"
        lines += [f'    slurm_partition: "{gpu.name}"', f'    gres: "{gres}"', "    gpu: 0"]
    if not site.keeps_accounts:
        lines += ["slurm-status-command: squeue", "slurm-efficiency-report: false"]
    return lines
