"""How the real Snakefile starts a training: on several GPUs, and under a limit of time."""

import os
import re
import subprocess

import pytest
from test_pipeline import make_project, snakemake

pytestmark = pytest.mark.pipeline

# In the place of the programs: each says how it is called.
PROGRAM = """#!/usr/bin/env bash
for word in "${0##*/}" "$@"; do printf '%s ' "${word// /_}"; done
"""
# SLURM's: one tells the address of a node, one starts on each node what its arguments say.
SCONTROL = """#!/bin/sh
echo "NodeName=$4 NodeAddr=10.0.0.${4#node} NodeHostName=$4"
"""
SRUN = """#!/usr/bin/env bash
echo "$(env | grep -o '^SLURM_[A-Z_]*' | sort | tr '\n' ' '): $*"
while [ "$1" != bash ]; do shift; done
for node in node7 node8; do SLURMD_NODENAME=$node "$@"; echo; done
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"), tracking="off")


@pytest.fixture
def programs(tmp_path):
    """The environment in which the programs say how they are called."""
    scripts = {"mssbench": PROGRAM, "torchrun": PROGRAM, "scontrol": SCONTROL, "srun": SRUN}
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    # The tests themselves may be a job.
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    return {**own, "PATH": f"{tmp_path}:{os.environ['PATH']}"}


def ended(project, programs, *arguments):
    """Return how the command of a training ends, as Snakemake runs it."""
    done = snakemake(project, "--dry-run", "--printshellcmds", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    commands = re.findall(r"^Shell command: (budget=.*)$", said, flags=re.MULTILINE)
    assert len(commands) == 2
    return [
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=programs,
            capture_output=True,
            text=True,
            check=False,
        )
        for command in commands
    ]


def started(project, programs, *arguments):
    """Return how the command starts each training."""
    ends = ended(project, programs, *arguments)
    assert [done.returncode for done in ends] == [0, 0], ends[0].stderr
    (start,) = {re.sub(" --config .*", "", done.stdout).strip() for done in ends}
    return start


def test_one_device_needs_no_torchrun_and_no_retry_no_budget(project, programs):
    assert started(project, programs) == "mssbench train"


def test_a_training_on_several_gpus_is_started_by_torchrun(project, programs):
    start = started(project, programs, "--set-resources", "train:gpu=3", "--resources", "gpu=3")
    assert start.startswith("torchrun ")
    assert "--standalone --nproc-per-node 3" in start
    assert start.endswith(" -m -- mssbench train")
    # The signals that save a training reach its processes.
    assert "SIGTERM,SIGINT,SIGUSR1" in start


def test_gpus_that_a_gres_counts_are_as_many_processes(project, programs):
    words = ("--set-resources", "train:gpu=0")
    assert "--nproc-per-node 4" in started(project, programs, *words, "train:gres=gpu:a100:4")
    assert started(project, programs, *words, "train:gres=gpu:a100") == "mssbench train"
    assert started(project, programs, *words, "train:gres=lscratch:800") == "mssbench train"


def test_on_several_nodes_each_starts_torchrun_and_they_meet_on_the_first(project, programs):
    job = {"SLURM_JOB_ID": "123", "SLURMD_NODENAME": "node7", "SLURM_CPUS_PER_TASK": "8"}
    # Of the step that Snakemake runs in: srun would hold to its one node.
    step = {"SLURM_NNODES": "1", "SLURM_JOB_NODELIST": "node7"}
    words = ("train:nodes=2", "train:gpu=0", "train:gres=gpu:a100:4")
    said = started(project, programs | job | step, "--set-resources", *words)
    kept, options, *nodes = re.split(r" ?: (?=--overlap)|\n", said)
    assert kept == "SLURM_JOB_ID"
    assert "--nodes=2 --ntasks=2 --ntasks-per-node=1 --cpus-per-task=8" in options
    for number, node in zip((7, 8), nodes, strict=True):
        assert node.startswith("torchrun --signals-to-handle SIGTERM,SIGINT,SIGUSR1 ")
        assert "--nnodes 2 --nproc-per-node 4" in node
        assert "--rdzv-backend c10d --rdzv-id 123 --rdzv-endpoint 10.0.0.7:20123" in node
        assert f"is_host={int(number == 7)} --local-addr 10.0.0.{number} " in node
        assert node.endswith("-m -- mssbench train")


def test_several_nodes_without_slurm_or_gpus_are_refused(project, programs):
    words = ("--set-resources", "train:nodes=2", "train:gpu=0")
    done, _ = ended(project, programs, *words, "train:gres=gpu:2")
    assert done.returncode == 2
    assert "nodes of rule train is 2, but this is no job of SLURM" in done.stderr
    done, _ = ended(project, programs | {"SLURM_JOB_ID": "123"}, *words)
    assert done.returncode == 2
    assert "nodes of rule train is 2 without GPUs of a node; give gres" in done.stderr


def test_gpus_that_are_counted_over_several_nodes_are_refused(project):
    done = snakemake(project, "--dry-run", "--set-resources", "train:nodes=2", "train:gpu=4")
    assert done.returncode != 0
    assert "has nodes: 2 with gpu: 4; on several nodes give gpu: 0" in done.stdout + done.stderr


def test_with_retries_a_training_ends_before_its_job(project, programs):
    words = ["--config", "retries=4", "--set-resources", "train:runtime=60"]
    # 57 minutes of 60.
    assert started(project, programs, *words) == "mssbench train --budget 3420"


def test_songs_are_copied_to_the_temporary_folder_where_asked(project, programs):
    words = ["--set-resources", "train:scratch=1", "--default-resources", "tmpdir='/disk/of node'"]
    assert started(project, programs, *words) == "mssbench train --scratch /disk/of_node"


def test_other_code_is_accepted_where_the_configuration_says_so(project, programs):
    for value in (False, True):
        for done in ended(project, programs, "--config", f"accept_code={value}"):
            assert (" --accept-code " in done.stdout) == value


def test_accept_code_is_true_or_false(project):
    done = snakemake(project, "--dry-run", "--config", "accept_code=maybe")
    assert done.returncode != 0
    assert "accept_code is 'maybe'; it must be of type boolean" in done.stdout + done.stderr


def test_retries_are_a_whole_number(project):
    done = snakemake(project, "--dry-run", "--config", "retries=-1")
    assert done.returncode != 0
    assert (
        "retries is -1, which does not fit: a whole number from 0 on" in done.stdout + done.stderr
    )
