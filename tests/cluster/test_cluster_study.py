"""The whole miniature study on a SLURM of two nodes, as its accounting tells it."""

import subprocess
import sys

from slurm import ACCOUNT, ALLOCATED, GPUS_A_NODE, HOME_OF_JOBS
from submitted import accounting, environment, gpus_of, of_rule, tables


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
    assert "mem=8000M" in rendition["AllocTRES"]
    assert rendition["TimelimitRaw"] == "240"


def test_no_two_jobs_had_one_gpu_at_a_time(study):
    rows = {job["JobID"]: job for job in of_rule(study, "train")}
    lines = [line.split() for line in ALLOCATED.read_text().splitlines()]
    given = [(job, node, gpu) for job, node, gpu in (line for line in lines if line[0] in rows)]
    assert len(given) == 2
    for job, node, gpu in given:
        for other, *place in given:
            if job != other and place == [node, gpu]:
                first, second = sorted((rows[job], rows[other]), key=lambda row: row["Start"])
                assert first["End"] <= second["Start"]


def test_tables_are_those_of_one_machine(study, local):
    assert tables(study) == tables(local)


def test_logs_are_found_by_rule_and_run(study):
    logs = study / "results" / "slurm_logs"
    for job in of_rule(study, "train"):
        run = job["Comment"].removeprefix("rule_train_wildcards_")
        assert (logs / "rule_train" / run / f"{job['JobID']}.log").stat().st_size > 0
    (report,) = logs.glob("efficiency_report_*")
    assert "rule_train" in report.read_text()


def test_jobs_wrote_nothing_to_the_home_directory(study):
    assert list(HOME_OF_JOBS.iterdir()) == []


def test_the_check_finds_this_cluster(study):
    done = subprocess.run(
        [sys.executable, "-m", "mssbench", "cluster", "check"],
        cwd=study,
        env=environment(study),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cluster test" in done.stdout
    assert f"cpu (default): 2 nodes, {GPUS_A_NODE} h200 a node, up to 1-00:00:00" in done.stdout
    assert "sacct answers" in done.stdout
    assert "a file of this folder is there on" in done.stdout
    assert ACCOUNT in done.stdout
    assert '    slurm_partition: "gpu"\n    gpu: 1\n' in done.stdout
