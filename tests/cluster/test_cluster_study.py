"""The whole miniature study on a SLURM of two nodes, as its accounting tells it."""

import json
import re
import signal
import subprocess
import sys
from collections import defaultdict
from itertools import combinations
from operator import itemgetter

import torch
from safetensors.torch import load_file
from slurm import ACCOUNT, ALLOCATED, GPUS_A_NODE, HOME_OF_JOBS, run
from submitted import (
    Workflow,
    accounting,
    attempts,
    edit_profile,
    environment,
    gpus_of,
    of_rule,
    states,
    tables,
    trainings,
    without_trainings,
)
from test_pipeline import RESULTS

from mssbench.data.scratch import PREFIX

# What a site adds to the profile for a training on two nodes, each with a GPU.
TWO_NODES = ("    gpu: 1\n", '    gpu: 0\n    nodes: 2\n    gres: "gpu:h200:1"\n')


def mssbench_cluster(action, project):
    """Return what a sub-verb of ``mssbench cluster`` prints in a project."""
    words = [sys.executable, "-m", "mssbench", "cluster", action]
    done = subprocess.run(
        words, cwd=project, env=environment(project), capture_output=True, text=True, check=True
    )
    return done.stdout


def test_every_heavy_job_ran_once_under_slurm(study):
    jobs = accounting(study)
    assert {job["State"] for job in jobs} == {"COMPLETED"}
    assert {job["Account"] for job in jobs} == {"study"}
    numbers = {rule: len(of_rule(study, rule)) for rule in ("synthetic", "rendition", "train")}
    assert numbers == {"synthetic": 1, "rendition": 1, "train": 2}
    # Separating and scoring a run is one job; there are four runs. Tables and figures are none.
    assert len(jobs) == 1 + 1 + 2 + 4


def test_jobs_were_given_what_the_profile_asks_for(study):
    for job in of_rule(study, "train"):
        assert job["Partition"] == "gpu"
        assert gpus_of(job) == 1
        assert "cpu=2" in job["AllocTRES"]
        assert "mem=8000M" in job["AllocTRES"]
        assert job["TimelimitRaw"] == "1440"
    (rendition,) = of_rule(study, "rendition")
    assert rendition["Partition"] == "cpu"
    assert gpus_of(rendition) == 0
    # One song at a time.
    assert "mem=1500M" in rendition["AllocTRES"]
    assert rendition["TimelimitRaw"] == "240"


def test_no_two_jobs_had_one_gpu_at_a_time(study):
    """Nor those of the faults, which ran at once, where they came before."""
    ran = defaultdict(list)
    for row in attempts():
        if gpus_of(row) and row["Start"] != "None":
            ran[row["JobID"], row["NodeList"]].append(row)
    held = []
    for job, node, *gpus in map(str.split, ALLOCATED.read_text().splitlines()):
        if ran[job, node]:
            row = ran[job, node].pop(0)
            held.extend((row, (node, gpu)) for gpu in gpus[0].split(","))
    assert len(held) >= len(of_rule(study, "train")) == 2
    for (row, place), (another, same) in combinations(held, 2):
        if place == same:
            first, second = sorted((row, another), key=itemgetter("Start"))
            assert first["End"] <= second["Start"]


def test_tables_are_those_of_one_machine(study, local):
    assert tables(study) == tables(local)


def test_logs_are_found_by_rule_and_run(study):
    logs = study / "results" / "slurm_logs"
    for job in of_rule(study, "train"):
        run = job["Comment"].removeprefix("rule_train_wildcards_")
        assert (logs / "rule_train" / run / f"{job['JobID']}.log").stat().st_size > 0
    # Of what is in it, see the next test: the plugin leaves out what ended before midnight.
    assert len(list(logs.glob("efficiency_report_*"))) == 1


def test_songs_were_copied_to_the_node_and_are_gone(study):
    said = [log.read_text() for log in (study / RESULTS / "logs" / "train").glob("*.log")]
    copied = [re.search("copy songs to (.*): .* MB, in ", text) for text in said]
    assert {found[1] for found in copied} == {str(study / "tmp")}
    assert list((study / "tmp").glob(f"{PREFIX}*")) == []


def trained_anew(study, folder, *edits):
    """Train a model of the study once more, in a copy with another profile.

    Returns the project, what is beside the weights that the study has, and what is beside its own.
    """
    (trained,) = (study / RESULTS / "train").glob("htmd_net-*")
    project = without_trainings(study, folder, ["htmd_net"])
    for before, after in edits:
        edit_profile(project, before, after)
    own = project / trained.relative_to(study)
    Workflow(project, str(own.relative_to(project) / "model.safetensors")).start().finish()
    return project, trained, own


def test_a_training_on_several_gpus_starts_torchrun_in_its_job(study, tmp_path):
    project, _, own = trained_anew(study, tmp_path / "copy", ("    gpu: 1\n", "    gpu: 2\n"))
    (job,) = of_rule(project, "train")
    assert (job["State"], gpus_of(job)) == ("COMPLETED", 2)
    assert json.loads((own / "run.json").read_text())["processes"] == 2


def test_a_training_on_several_nodes_is_one_job_that_trains_as_one_process(study, tmp_path):
    project, alone, own = trained_anew(study, tmp_path / "copy", TWO_NODES)
    (job,) = of_rule(project, "train")
    assert (job["State"], job["NodeList"], gpus_of(job)) == ("COMPLETED", "node[1-2]", 2)
    # A step of its own, with a torchrun on each node.
    steps = run("sacct", "-n", "-P", "-oJobID,NNodes,NTasks,State", "-j", job["JobID"])
    assert f"{job['JobID']}.1|2|2|COMPLETED" in steps.splitlines()
    assert json.loads((own / "run.json").read_text())["processes"] == 2
    expected, weights = (load_file(folder / "model.safetensors") for folder in (alone, own))
    assert weights.keys() == expected.keys()
    for name, values in expected.items():
        torch.testing.assert_close(weights[name], values, rtol=1e-2, atol=1e-4)
    assert list((project / "tmp").glob(f"{PREFIX}*")) == []


def test_a_training_on_several_nodes_that_one_is_asked_to_stop_goes_on_in_the_next_job(
    study, tmp_path
):
    project = without_trainings(study, tmp_path / "copy", ["wave_u_net"])
    edit_profile(project, *TWO_NODES)
    (trained,) = (study / RESULTS / "train").glob("wave_u_net-*")
    weights = trained.relative_to(study) / "model.safetensors"
    workflow = Workflow(project, str(weights)).start()
    halted, job = workflow.halted_training()
    processes = {process.environ()["SLURMD_NODENAME"]: process for process in trainings(project)}
    assert set(processes) == {"node1", "node2"}
    processes["node2"].send_signal(signal.SIGTERM)
    halted.send_signal(signal.SIGCONT)
    workflow.finish()
    assert states(project) == ["FAILED", "COMPLETED"]
    assert of_rule(project, "train")[0]["JobID"] == job
    assert not trainings(project)
    # A file an attempt.
    logs = (project / RESULTS / "logs" / "train").glob("wave_u_net-*.log")
    said = "".join(log.read_text() for log in logs)
    assert "run the same command again to continue" in said
    assert "continuing after step" in said


def test_what_jobs_used_is_told_by_rule(study):
    head, *lines = mssbench_cluster("used", study).splitlines()
    expected = "rule ended hours: median longest of cores GB: most asked"
    assert " ".join(head.split()) == expected
    told = {line.split()[0]: line.split()[1:] for line in lines}
    assert set(told) == {"synthetic_dataset", "rendition", "train", "test_score_separate"}
    assert told["train"][:2] == ["2", "COMPLETED"]
    assert told["train"][-1] == "7.8"
    # Python with torch takes more than this, and the job got no more than it asked for.
    assert 0.2 < float(told["train"][-2]) < 7.8


def test_jobs_wrote_nothing_to_the_home_directory(study):
    assert list(HOME_OF_JOBS.iterdir()) == []


def test_the_check_finds_this_cluster(study):
    said = mssbench_cluster("check", study)
    assert "cluster test" in said
    assert f"cpu (default): 2 nodes, {GPUS_A_NODE} h200 a node, up to 1-00:00:00" in said
    assert "sacct answers" in said
    assert "a file of this folder is there on" in said
    assert ACCOUNT in said
    assert '    slurm_partition: "gpu"\n    gpu: 1\n' in said
