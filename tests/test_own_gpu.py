import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_separation import BOUND, CONFIG, weights

RULES = Path(__file__).parent.parent / "workflow" / "rules"

# The fixture of another module.
assert weights

# Says which GPUs CUDA would see, and holds them until its input ends.
PROCESS = """
import os, sys
from mssbench.own_gpu import take_own_gpu
take_own_gpu()
take_own_gpu()
print(os.environ.get("CUDA_VISIBLE_DEVICES", "all"), flush=True)
sys.stdin.read()
"""

# Does a job, then the same.
JOB = """
import os, sys
from mssbench import cli
assert cli.main(sys.argv[1:]) == 0
print(os.environ.get("CUDA_VISIBLE_DEVICES", "all"), flush=True)
sys.stdin.read()
"""

# In the place of the driver's.
NVIDIA_SMI = "#!/bin/sh\nprintf 'GPU-aa\\nGPU-bb\\nGPU-cc\\n'\n"


@pytest.fixture
def launch(tmp_path):
    """Let a process begin on a machine of three GPUs; its locks are the test's own."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(NVIDIA_SMI)
    program.chmod(0o755)
    taken = {"SLURM_JOB_ID", "LOCAL_RANK", "CUDA_VISIBLE_DEVICES"}
    machine = {name: value for name, value in os.environ.items() if name not in taken}
    machine |= {"TMPDIR": str(tmp_path), "PATH": f"{program.parent}:{os.environ['PATH']}"}
    with ExitStack() as stack:

        def launched(program, *words, **variables):
            process = subprocess.Popen(
                [sys.executable, "-c", program, *words],
                env=machine | variables,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield launched


@pytest.fixture
def start(launch):
    """Start a process, and return it with the GPUs that it sees."""

    def started(**variables):
        process = launch(PROCESS, **variables)
        return process, seen(process)

    return started


def seen(process):
    return process.stdout.readline().strip()


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


ORACLE = BOUND | {"model": {"name": "ideal_ratio_mask", "params": {}}}


def test_of_five_jobs_the_two_that_compute_on_the_processor_leave_the_gpus_to_the_three(
    launch, tiny_rendition, weights, tmp_path
):
    def separating(name, config, *options):
        words = ["--config", json.dumps(config), "--rendition", str(tiny_rendition), *options]
        out = tmp_path / name / "estimates.json"
        return launch(JOB, "separate", *words, "--out", str(out), "--device", "auto")

    # They come first, and go on while the others begin.
    others = [separating("mixture", BOUND), separating("oracle", ORACLE)]
    assert [seen(process) for process in others] == ["all", "all"]
    trained = [separating(f"run{i}", CONFIG, "--weights", str(weights)) for i in range(3)]
    assert {seen(process) for process in trained} == {"GPU-aa", "GPU-bb", "GPU-cc"}


LOCAL, CLUSTER = SimpleNamespace(local_exec=True), SimpleNamespace(local_exec=False)


def counted(workflow, device, *, there):
    """Return how many GPUs the jobs ask for, where ``nvidia-smi`` is there or not."""
    runs = {"u_net": SimpleNamespace(trained="w"), "mixture": SimpleNamespace(trained=None)}
    rules = {"workflow": workflow, "config": {"device": device}, "SEPARATED": runs}
    exec((RULES / "resources.smk").read_text(), rules)
    rules["shutil"] = SimpleNamespace(which=lambda name: name if there else None)
    rules["figure_weights"] = lambda wildcards: wildcards.weights
    separating, drawing = rules["separating_gpus"], rules["drawing_gpus"]
    return {
        "train": rules["gpus"](None),
        "separate": separating(SimpleNamespace(separated="u_net")),
        "separate untrained": separating(SimpleNamespace(separated="mixture")),
        "draw a model": drawing(SimpleNamespace(weights=["model.safetensors"])),
        "draw scores": drawing(SimpleNamespace(weights=[])),
    }


@pytest.mark.parametrize(
    ("workflow", "device", "there", "asking"),
    [
        (LOCAL, "auto", True, ["train", "separate", "draw a model"]),
        (LOCAL, "auto", False, []),
        (LOCAL, "cpu", True, []),
        (LOCAL, "cuda", True, ["train", "separate", "draw a model"]),
        # Figures are drawn on the login node, and a profile says what a training asks for.
        (CLUSTER, "auto", True, ["train", "draw a model"]),
        (CLUSTER, "auto", False, []),
        (CLUSTER, "cuda", False, ["train", "separate", "draw a model"]),
    ],
)
def test_jobs_that_run_trained_models_ask_for_a_gpu(workflow, device, there, asking):
    found = counted(workflow, device, there=there)
    assert found == {job: int(job in asking) for job in found}
    assert "gpu=separating_gpus" in (RULES / "separate.smk").read_text()
    assert "gpu=drawing_gpus" in (RULES / "report.smk").read_text()
