"""Which runs are lost, when their jobs ran elsewhere."""

import os

import pytest

from mssbench.tracking.origin import is_alive, process_tags

ELSEWHERE = {"host": "another-host", "pid": "1", "mssbench.process_started": "1.0"}


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Put a program on the path that answers as squeue does."""

    def answer(text, code=0):
        program = tmp_path / "squeue"
        stream = "2" if code else "1"
        program.write_text(f"#!/bin/sh\necho '{text}' >&{stream}\nexit {code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return answer


@pytest.mark.parametrize("state", ["RUNNING", "PENDING", "COMPLETING", "PENDING\nRUNNING"])
def test_a_run_lives_as_long_as_its_job_is_queued(squeue, state):
    squeue(state)
    assert is_alive({**ELSEWHERE, "slurm_job_id": "7"})


@pytest.mark.parametrize("state", ["", "TIMEOUT", "NODE_FAIL", "CANCELLED\nCOMPLETED"])
def test_a_run_is_lost_when_its_job_has_ended(squeue, state):
    squeue(state)
    assert not is_alive({**ELSEWHERE, "slurm_job_id": "7"})


def test_a_job_that_slurm_has_forgotten_has_ended(squeue):
    squeue("slurm_load_jobs error: Invalid job id specified", 1)
    assert not is_alive({**ELSEWHERE, "slurm_job_id": "7"})


def test_nothing_is_lost_that_nobody_can_be_asked_about(squeue, monkeypatch, tmp_path):
    squeue("slurm_load_jobs error: Unable to contact slurm controller", 1)
    assert is_alive({**ELSEWHERE, "slurm_job_id": "7"})
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert is_alive({**ELSEWHERE, "slurm_job_id": "7"})
    assert is_alive(ELSEWHERE)
    assert is_alive({})


def test_a_process_of_this_host_is_looked_for_itself(squeue):
    squeue("RUNNING")
    own = process_tags()
    assert is_alive(own)
    assert not is_alive({**own, "mssbench.process_started": "1.0", "slurm_job_id": "7"})
