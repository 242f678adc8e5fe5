"""What goes wrong on a cluster while a model trains: the tables are those of a quiet run.

Each fault comes over a copy of the finished study, less one training and all that came of it. They
come at once: most of the time a workflow waits for its jobs, which are trainings alone.
"""

import signal
import subprocess
from concurrent import futures
from typing import NamedTuple

import pytest
from slurm import GPUS_A_NODE, Cluster, run, wait
from submitted import (
    TABLE,
    Workflow,
    accounting,
    edit_profile,
    end_with_its_node,
    environment,
    logs,
    of_rule,
    states,
    tables,
    trainings,
    wait_for_state,
    without_trainings,
)


def cancelled(project, _):
    """Cancel the training."""
    workflow = started(project)
    _, job = workflow.halted_training()
    run("scancel", job)
    wait_for_state(project, "CANCELLED")
    # The plugin (2.8.0) does not know the state "CANCELLED by 0" and may wait for ever.
    workflow.start_again().finish()
    assert states(project) == ["CANCELLED", "COMPLETED"]


def all_cancelled(project, _):
    """Cancel all that the workflow has sent: a training that runs and one that waits for it."""
    edit_profile(project, 'slurm_partition: "gpu"', 'slurm_partition: "small"')
    edit_profile(project, "runtime: 1440", f"mem_mb: {MOST_OF_A_NODE}")
    workflow = started(project)
    wait(lambda: trainings(project), "a training", 600, every=0.1)
    # It stands still, so that it cannot end before it is cancelled.
    trainings(project)[0].send_signal(signal.SIGSTOP)
    wait(lambda: len(states(project)) == 2, "the other one", every=1)
    assert sorted(states(project)) == ["PENDING", "RUNNING"]
    (name,) = {attempt["JobName"] for attempt in accounting(project)}
    run("scancel", f"--jobname={name}")
    wait(lambda: states(project) == ["CANCELLED"] * 2, "scancel", every=1)
    edit_profile(project, 'slurm_partition: "small"', 'slurm_partition: "gpu"')
    edit_profile(project, f"mem_mb: {MOST_OF_A_NODE}", "runtime: 1440")
    workflow.start_again().finish()
    assert sorted(states(project)) == ["CANCELLED"] * 2 + ["COMPLETED"] * 2


def past_its_limit(project, _):
    """Hold the training until SLURM ends it: it cannot even save."""
    workflow = started(project)
    _, job = workflow.halted_training()
    # As an administrator may: the limits of the attempts that follow stay long.
    run("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    wait_for_state(project, "TIMEOUT", 180)
    workflow.finish()
    assert of_rule(project, "train")[0]["JobID"] == job
    assert states(project) == ["TIMEOUT", "COMPLETED"]


def preempted(project, _):
    """Take the node away for a job of a higher partition."""
    edit_profile(project, 'slurm_partition: "gpu"', 'slurm_partition: "low"')
    workflow = started(project)
    _, job = workflow.halted_training()
    take_node("node3")
    workflow.finish()
    assert {attempt["JobID"] for attempt in of_rule(project, "train")} == {job}
    assert states(project) == ["PREEMPTED", "COMPLETED"]


def preempted_for_good(project, _):
    """Take the node away where that cancels what runs there."""
    edit_profile(project, 'slurm_partition: "gpu"', 'slurm_partition: "fleeting"')
    workflow = started(project)
    workflow.halted_training()
    take_node("node6")
    wait_for_state(project, "PREEMPTED")
    # The plugin (2.8.0) goes on waiting for it.
    workflow.start_again().finish()
    assert states(project) == ["PREEMPTED", "COMPLETED"]


def controller_restarted(project, around):
    """Stop the controller while a training runs, and start it again."""
    workflow = started(project)
    process, _ = workflow.halted_training()
    # Not beside others: without a controller a job whose step has yet to begin fails and is sent
    # once more, and one that ends meanwhile keeps its GPUs (SLURM 22.05).
    futures.wait(around.others)
    around.cluster.restart_controller()
    process.send_signal(signal.SIGCONT)
    workflow.finish()
    assert states(project) == ["COMPLETED"]


def snakemake_killed(project, _):
    """Kill Snakemake alone, and start it again while its job runs."""
    workflow = started(project)
    _, job = workflow.halted_training()
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


def interrupted(project, _):
    """Press Ctrl-C, which ends Snakemake and its job; start again."""
    workflow = started(project)
    workflow.halted_training()
    workflow.process.send_signal(signal.SIGINT)
    assert workflow.process.wait(300) != 0
    wait_for_state(project, "CANCELLED")
    workflow.start().finish()
    assert states(project) == ["CANCELLED", "COMPLETED"]


def out_of_memory(project, _):
    """Ask for less than Python with torch takes; eight times as much is enough."""
    edit_profile(project, "runtime: 1440", "mem_mb: 300 * 8 ** (attempt - 1)")
    started(project).finish()
    attempts = of_rule(project, "train")
    assert [attempt["ReqMem"] for attempt in attempts] == ["300M", "2400M"]
    assert states(project)[0] != "COMPLETED"


def node_lost(project, around):
    """Lose the node, with all that runs there."""
    edit_profile(project, 'slurm_partition: "gpu"', 'slurm_partition: "fragile"')
    workflow = started(project)
    process, job = workflow.halted_training()
    node = process.environ()["SLURMD_NODENAME"]
    around.cluster.kill(node)
    end_with_its_node(job)
    # The plugin (2.8.0) then bars a node called "None assigned" from what it submits, and SLURM
    # refuses that: one starts again.
    workflow.process.wait(900)
    workflow.start().finish()
    last = of_rule(project, "train")[-1]
    assert last["JobID"] == job
    assert last["NodeList"] != node


FAULTS = (
    *(cancelled, all_cancelled, past_its_limit, preempted, preempted_for_good),
    *(snakemake_killed, interrupted, out_of_memory, node_lost),
    # The last, which waits for the others.
    controller_restarted,
)
WAVE_U_NET = ("wave_u_net",)
# What is trained anew, where it is more than that.
MODELS = {all_cancelled: ("htmd_net", *WAVE_U_NET)}
# Memory (MB) of which a node has no second.
MOST_OF_A_NODE = 150_000


class Around(NamedTuple):
    """What is there beside the project of a fault: the daemons, and what came before and runs."""

    cluster: Cluster
    others: list[futures.Future]


def take_node(name):
    """Have a job done that all of a node's GPUs are taken for, from what is less urgent."""
    gpus = f"--gpus-per-node={GPUS_A_NODE}"
    where = ("--partition=high", "--nodes=1", f"--nodelist={name}", gpus, "--mem=100")
    run("sbatch", "--wait", *where, "--output=/dev/null", "--wrap=true")


def unlock(workflow):
    """Do what a user does after Snakemake was killed."""
    project = workflow.project
    subprocess.run([*workflow.words, "--unlock"], cwd=project, env=environment(project), check=True)


def started(project):
    """Start the workflow: the missing training and the table, without figures."""
    return Workflow(project, TABLE).start()


def chosen(session):
    """Return the faults that a test of this session asks for."""
    asked = [getattr(item, "callspec", None) for item in session.items]
    asked = [spec.params.get("fault") for spec in asked if spec]
    return [fault for fault in FAULTS if fault in asked]


@pytest.fixture(scope="module")
def faults(request, cluster, beside, local, tmp_path_factory):
    """All faults that are asked for: name -> (its project, what came of it)."""
    folder = tmp_path_factory.mktemp("faults")
    with futures.ThreadPoolExecutor(len(FAULTS) + 1) as pool:
        projects = {
            fault: without_trainings(local, folder / fault.__name__, MODELS.get(fault, WAVE_U_NET))
            for fault in chosen(request.session)
        }
        others = [pool.submit(workflow.process.wait) for workflow in beside]
        running = {}
        for fault, project in projects.items():
            others.append(pool.submit(fault, project, Around(cluster, others.copy())))
            running[fault] = (project, others[-1])
        yield running


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_changes_no_table_and_makes_nothing_twice(faults, local, fault):
    project, future = faults[fault]
    try:
        future.result()
    except Exception as error:
        error.add_note(logs(project))
        raise
    assert tables(project) == tables(local)
    ended = [row["Comment"] for row in of_rule(project, "train") if row["State"] == "COMPLETED"]
    assert len(ended) == len(set(ended)) == len(MODELS.get(fault, WAVE_U_NET))
    assert not trainings(project)
