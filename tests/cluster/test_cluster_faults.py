"""What goes wrong on a cluster while a model trains: the tables are those of a quiet run.

Each fault comes over a copy of the finished study, less one training and all that came of it. They
come at once: most of the time a workflow waits for its jobs.
"""

import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from slurm import GPUS_A_NODE, run, wait
from submitted import (
    TABLE,
    Workflow,
    edit_profile,
    end_with_its_node,
    environment,
    of_rule,
    states,
    tables,
    trainings,
    without_wave_u_net,
)


def cancelled(project, _):
    """Cancel the training."""
    workflow = started(project)
    _, job = workflow.running_training()
    run("scancel", job)
    wait(lambda: "CANCELLED" in states(project), "scancel")
    # The plugin (2.8.0) does not know the state "CANCELLED by 0" and may wait for ever.
    workflow.kill()
    unlock(workflow)
    workflow.start().finish()
    assert states(project) == ["CANCELLED", "COMPLETED"]


def past_its_limit(project, _):
    """Hold the training until SLURM ends it: it cannot even save."""
    workflow = started(project)
    process, job = workflow.running_training()
    process.send_signal(signal.SIGSTOP)
    # As an administrator may: the limits of the attempts that follow stay long.
    run("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    wait(lambda: "TIMEOUT" in states(project), "the time limit", 180)
    workflow.finish()
    assert of_rule(project, "train")[0]["JobID"] == job
    assert states(project) == ["TIMEOUT", "COMPLETED"]


def preempted(project, _):
    """Take the node away for a job of a higher partition."""
    edit_profile(project, 'slurm_partition: "gpu"', 'slurm_partition: "low"')
    workflow = started(project)
    _, job = workflow.running_training()
    whole_node = f"--gpus={GPUS_A_NODE}"
    run("sbatch", "--partition=high", whole_node, "--mem=100", "--output=/dev/null", "--wrap=true")
    workflow.finish()
    assert {attempt["JobID"] for attempt in of_rule(project, "train")} == {job}
    assert states(project) == ["PREEMPTED", "COMPLETED"]


def snakemake_killed(project, _):
    """Kill Snakemake alone, and start it again while its job runs."""
    workflow = started(project)
    process, job = workflow.running_training()
    # It stands still, so that it cannot end before the other one starts.
    process.send_signal(signal.SIGSTOP)
    workflow.kill()
    assert trainings(project)
    unlock(workflow)
    workflow.start()
    workflow.finish()
    first, *others = of_rule(project, "train")
    assert first["JobID"] == job
    # Two trainings never write to one folder at a time.
    assert others
    assert all(first["End"] <= other["Start"] for other in others)


def out_of_memory(project, _):
    """Ask for less than Python with torch takes; eight times as much is enough."""
    edit_profile(project, "runtime: 1440", "mem_mb: 300 * 8 ** (attempt - 1)")
    started(project).finish()
    attempts = of_rule(project, "train")
    assert [attempt["ReqMem"] for attempt in attempts] == ["300M", "2400M"]
    assert states(project)[0] != "COMPLETED"


def node_lost(project, cluster):
    """Lose the node, with all that runs there, and have the controller start again."""
    edit_profile(project, 'slurm_partition: "gpu"', 'slurm_partition: "fragile"')
    workflow = started(project)
    process, job = workflow.running_training()
    node = process.environ()["SLURMD_NODENAME"]
    cluster.kill(node)
    end_with_its_node(job)
    cluster.restart_controller()
    # The plugin (2.8.0) then bars a node called "None assigned" from what it submits, and SLURM
    # refuses that: one starts again.
    workflow.process.wait(540)
    workflow.start().finish()
    last = of_rule(project, "train")[-1]
    assert last["JobID"] == job
    assert last["NodeList"] != node


FAULTS = (cancelled, past_its_limit, preempted, snakemake_killed, out_of_memory, node_lost)


def unlock(workflow):
    """Do what a user does after Snakemake was killed."""
    project = workflow.project
    subprocess.run([*workflow.words, "--unlock"], cwd=project, env=environment(project), check=True)


def started(project):
    """Start the workflow: the missing training and the table, without figures."""
    return Workflow(project, TABLE).start()


@pytest.fixture(scope="module")
def faults(cluster, local, tmp_path_factory):
    """All faults: name -> (its project, what came of it)."""
    folder = tmp_path_factory.mktemp("faults")
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        projects = {fault: without_wave_u_net(local, folder / fault.__name__) for fault in FAULTS}
        yield {
            fault: (project, pool.submit(fault, project, cluster))
            for fault, project in projects.items()
        }


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_changes_no_table_and_makes_nothing_twice(faults, local, fault):
    project, future = faults[fault]
    future.result()
    assert tables(project) == tables(local)
    assert states(project).count("COMPLETED") == 1
    assert not trainings(project)
