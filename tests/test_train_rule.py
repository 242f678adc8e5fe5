"""How the real Snakefile starts a training: on several GPUs, and under a limit of time."""

import re
import subprocess

import pytest
from test_pipeline import make_project, snakemake

pytestmark = pytest.mark.pipeline

# In the place of the programs: each says how it is called.
PROGRAMS = """
say() { local word; for word; do printf '%s ' "${word// /_}"; done; }
mssbench() { say mssbench "$@"; }
torchrun() { say torchrun "$@"; }
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"), tracking="off")


def started(project, *arguments):
    """Return how the rule's command, as Snakemake runs it, starts each training."""
    done = snakemake(project, "--dry-run", "--printshellcmds", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    commands = re.findall(r"^Shell command: (start=mssbench.*)$", said, flags=re.MULTILINE)
    assert len(commands) == 2
    called = [
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", PROGRAMS + command],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for command in commands
    ]
    (start,) = {call.split(" --config ")[0] for call in called}
    return start


def test_one_device_needs_no_torchrun_and_no_retry_no_budget(project):
    assert started(project) == "mssbench train"


def test_a_training_on_several_gpus_is_started_by_torchrun(project):
    start = started(project, "--set-resources", "train:gpu=3", "--resources", "gpu=3")
    assert start.startswith("torchrun --standalone --nproc-per-node 3 ")
    assert start.endswith(" -m -- mssbench train")
    # The signals that save a training reach its processes.
    assert "SIGTERM,SIGINT,SIGUSR1" in start


def test_with_retries_a_training_ends_before_its_job(project):
    words = ["--config", "retries=4", "--set-resources", "train:runtime=60"]
    # 57 minutes of 60.
    assert started(project, *words) == "mssbench train --budget 3420"


def test_songs_are_copied_to_the_temporary_folder_where_asked(project):
    words = ["--set-resources", "train:scratch=1", "--default-resources", "tmpdir='/disk/of node'"]
    assert started(project, *words) == "mssbench train --scratch /disk/of_node"


def test_retries_are_a_whole_number(project):
    done = snakemake(project, "--dry-run", "--config", "retries=-1")
    assert done.returncode != 0
    assert (
        "retries is -1, which does not fit: a whole number from 0 on" in done.stdout + done.stderr
    )
