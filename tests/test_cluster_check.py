import os
import subprocess
import sys
from pathlib import Path

import pytest

from mssbench.cli import main
from mssbench.cluster.check import findings, look, probe, profile_lines
from mssbench.cluster.left_over import jobs_of, parse_jobs, stop_left_over
from mssbench.cluster.probe import parse_seen
from mssbench.cluster.slurm import (
    Partition,
    parse_accounts,
    parse_gpus,
    parse_partitions,
    parse_settings,
)
from mssbench.errors import UserError

PARTITIONS = """\
short*|up|4:00:00|12|(null)
short*|up|4:00:00|3|(null)
gpu|up|2-00:00:00|4|gpu:a100:4(S:0-1)
gpu|up|2-00:00:00|2|gpu:h200:8
old|drain|infinite|9|gpu:4
"""

SETTINGS = """\
Configuration data as of 2026-11-21T18:31:47
AccountingStorageTRES   = cpu,mem,energy,node,billing,fs/disk,vmem,pages,gres/gpu
ClusterName             = elbe
SelectType              = select/{select}
SlurmctldParameters     = (null)

Slurmctld(primary) at login01 is UP
"""

# Each of SLURM's commands as a script: what it is called with stands in a file, and is answered.
COMMANDS = {
    "sinfo": f'case "$*" in *version) echo "slurm 23.11.4";; *) printf "%s" "{PARTITIONS}";; esac',
    "scontrol": 'case "$*" in ping) echo UP;; *) cat "$(dirname "$0")/settings";; esac',
    "sacctmgr": "printf 'vision\\naudio\\nvision\\n'",
    "sacct": "true",
    # On the "node", which is this machine.
    "srun": 'while [ "${1#--}" != "$1" ]; do shift; done; echo "Welcome to elbe."; exec "$@"',
}


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """SLURM's commands, first on the path; ``commands(sacct="exit 1")`` replaces one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    (folder / "settings").write_text(SETTINGS.format(select="cons_tres"))

    def write(**bodies):
        for name, body in bodies.items():
            file = folder / name
            file.write_text(f"#!/bin/bash\necho {name} $* >>{tmp_path}/called\n{body}\n")
            file.chmod(0o755)
        return folder

    write(**COMMANDS)
    return write


def test_partitions_that_are_up_with_their_gpus():
    short, gpu = parse_partitions(PARTITIONS)
    assert short == Partition("short", True, "4:00:00", 15, {})
    assert gpu == Partition("gpu", False, "2-00:00:00", 6, {"h200": 8, "a100": 4})


@pytest.mark.parametrize(
    ("gres", "gpus"),
    [
        ("(null)", {}),
        ("gpu:2", {"": 2}),
        ("gpu", {"": 1}),
        ("gpu:a100:4(S:0-1)", {"a100": 4}),
        ("shard:a100:8(S:0-1),gpu:tesla_v100-sxm2:4", {"tesla_v100-sxm2": 4}),
        ("gpu:a100:2,gpu:h200:1,lscratch:800", {"a100": 2, "h200": 1}),
    ],
)
def test_gpus_of_a_gres_text(gres, gpus):
    assert parse_gpus(gres) == gpus


def test_settings_and_accounts():
    settings = parse_settings(SETTINGS.format(select="cons_tres"))
    assert settings["ClusterName"] == "elbe"
    assert settings["SelectType"] == "select/cons_tres"
    assert parse_accounts("vision\naudio\n\nvision\n") == ["vision", "audio"]


def test_a_whole_cluster_is_found_a_line_each(commands, tmp_path):
    site = look()
    seen = probe(site, tmp_path, "off")
    assert seen is not None
    lines = dict(findings(site, seen, "off"))
    assert lines["scheduler"] == "slurm 23.11.4, cluster elbe"
    assert lines["gpus"] == "asked for by number (gpu: 1)"
    assert lines["accounts"] == "vision, audio"
    assert lines["accounting"] == "sacct answers"
    assert lines["shared folder"].startswith("a file of this folder is there")
    assert not any("\n" in found for found in lines.values())
    called = (tmp_path / "called").read_text()
    assert "--partition=short --account=vision" in called
    assert not list(tmp_path.glob(".mssbench*"))


def test_the_profile_follows_from_what_was_found(commands):
    assert profile_lines(look()) == [
        "default-resources:",
        '  slurm_account: "vision"',
        '  slurm_partition: "short"',
        "set-resources:",
        "  train:",
        '    slurm_partition: "gpu"',
        "    gpu: 1",
    ]


def test_gpus_are_asked_for_by_gres_where_slurm_does_not_know_them_by_number(commands):
    folder = commands()
    (folder / "settings").write_text(SETTINGS.format(select="cons_res"))
    lines = profile_lines(look())
    assert lines[-2:] == ['    gres: "gpu:h200:1"', "    gpu: 0"]


def test_without_accounting_the_profile_asks_squeue(commands):
    commands(sacct="exit 1", sacctmgr="exit 1")
    site = look()
    lines = profile_lines(site)
    assert lines[-2:] == ["slurm-status-command: squeue", "slurm-efficiency-report: false"]
    assert not any("slurm_account" in line for line in lines)
    assert "does not answer" in dict(findings(site, None, "off"))["accounting"]


def test_a_folder_that_nodes_do_not_share_is_named(commands, tmp_path):
    hidden = 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$1" "$2" "$3" /nowhere "$5"'
    commands(srun=hidden)
    site = look()
    seen = probe(site, tmp_path, "off")
    assert seen is not None
    assert not seen.shared
    assert "is NOT there" in dict(findings(site, seen, "off"))["shared folder"]


def test_a_tracking_server_that_is_away_is_named_with_the_reason(commands, tmp_path):
    site = look()
    address = "http://127.0.0.1:9"
    seen = probe(site, tmp_path, address)
    found = dict(findings(site, seen, address))["tracking"]
    assert f"{address} does NOT answer to" in found
    assert "refused" in found


def test_a_queue_that_is_full_leaves_it_unknown(commands, tmp_path):
    commands(srun="exit 1")
    site = look()
    seen = probe(site, tmp_path, "http://login01:5000")
    assert seen is None
    lines = dict(findings(site, seen, "http://login01:5000"))
    assert lines["shared folder"].startswith("unknown")
    assert lines["tracking"].startswith("unknown")


def test_a_job_that_says_something_else_is_no_answer():
    assert parse_seen("Segmentation fault\n", "token") is None
    assert parse_seen("", "token") is None


def test_without_slurm_one_line_and_code_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mssbench", "cluster", "check"],
        cwd=tmp_path,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "no SLURM here" in line


def test_only_this_folders_jobs_of_the_pipeline_are_left_over():
    folder = Path("/scratch/study")
    rows = [
        "7|mss_0b8c|/scratch/study",
        "8|mss_0b8c|/scratch/other",
        "9|notebook|/scratch/study",
        "10|mss_77aa|/scratch/study",
    ]
    assert parse_jobs("\n".join(rows), folder) == ["7", "10"]


def test_left_over_jobs_are_cancelled_and_waited_for(commands, tmp_path, monkeypatch):
    monkeypatch.setattr("mssbench.cluster.left_over.BETWEEN", 0.01)
    folder = commands(
        # It ends only some time after scancel.
        squeue=f'c="$(dirname "$0")/cancelled"; [ "$(cat "$c" 2>/dev/null | wc -l)" -gt 3 ] || '
        f'echo "7|mss_1|{tmp_path}"; [ ! -e "$c" ] || echo >>"$c"',
        scancel='echo >>"$(dirname "$0")/cancelled"',
    )
    assert jobs_of(tmp_path) == ["7"]
    stop_left_over(tmp_path)
    assert "scancel 7\n" in (tmp_path / "called").read_text()
    assert len((folder / "cancelled").read_text().splitlines()) > 3


def test_nothing_is_started_while_squeue_does_not_answer(commands, tmp_path):
    commands(squeue="exit 1")
    with pytest.raises(UserError, match="squeue does not answer"):
        stop_left_over(tmp_path)


def test_what_runs_here_alone_goes_on_while_squeue_does_not_answer(commands, tmp_path, monkeypatch):
    commands(squeue="exit 1")
    monkeypatch.chdir(tmp_path)
    assert main(["cluster", "stop", "--local"]) == 0
    assert main(["cluster", "stop"]) == 2
