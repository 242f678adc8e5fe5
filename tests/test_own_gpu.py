import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

# Says which GPUs CUDA would see, and holds them until its input ends.
PROCESS = """
import os, sys
from mssbench.own_gpu import take_own_gpu
take_own_gpu()
take_own_gpu()
print(os.environ.get("CUDA_VISIBLE_DEVICES", "all"), flush=True)
sys.stdin.read()
"""

# In the place of the driver's.
NVIDIA_SMI = "#!/bin/sh\nprintf 'GPU-aa\\nGPU-bb\\nGPU-cc\\n'\n"


@pytest.fixture
def start(tmp_path):
    """Start a process on a machine of three GPUs; its locks are the test's own."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(NVIDIA_SMI)
    program.chmod(0o755)
    taken = {"SLURM_JOB_ID", "LOCAL_RANK", "CUDA_VISIBLE_DEVICES"}
    machine = {name: value for name, value in os.environ.items() if name not in taken}
    machine |= {"TMPDIR": str(tmp_path), "PATH": f"{program.parent}:{os.environ['PATH']}"}
    with ExitStack() as stack:

        def started(**variables):
            process = subprocess.Popen(
                [sys.executable, "-c", PROCESS],
                env=machine | variables,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout
            return process, process.stdout.readline().strip()

        yield started


def test_each_process_has_its_own_gpu(start):
    assert [start()[1] for _ in range(3)] == ["GPU-aa", "GPU-bb", "GPU-cc"]


def test_a_killed_process_leaves_its_gpu_to_the_next(start):
    first, _ = start()
    start()
    first.kill()
    first.wait()
    assert start()[1] == "GPU-aa"


def test_only_gpus_that_the_user_allows_are_taken(start):
    assert [start(CUDA_VISIBLE_DEVICES="2,5")[1] for _ in range(2)] == ["2", "5"]


def test_when_all_are_taken_nothing_changes(start):
    for _ in range(3):
        start()
    assert start()[1] == "all"


@pytest.mark.parametrize("variable", ["SLURM_JOB_ID", "LOCAL_RANK"])
def test_what_slurm_or_torchrun_give_out_is_left_to_them(start, variable):
    assert start(**{variable: "0"})[1] == "all"


def test_one_gpu_needs_no_choice(start):
    assert [start(CUDA_VISIBLE_DEVICES="7")[1] for _ in range(2)] == ["7", "7"]
