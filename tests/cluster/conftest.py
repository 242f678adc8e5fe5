"""One SLURM for all tests of this folder, and the study made with it and without.

All that takes long goes side by side, as most of the time something waits for SLURM.
"""

import os
import subprocess
import sys

import pytest


def pytest_collection_modifyitems(items):
    if os.environ.get("MSSBENCH_TEST_CLUSTER") != "1":
        reason = "needs a SLURM of its own, which `make test-cluster` starts"
        for item in items:
            if "cluster" in item.path.parts:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def local_run(tmp_path_factory):
    """The study's tables, while they are made on one machine without SLURM."""
    from submitted import TABLE, environment, make_study

    project = make_study(tmp_path_factory.mktemp("local"))
    with (project / "snakemake.log").open("w") as log:
        words = [sys.executable, "-m", "snakemake", "--cores", "2", TABLE]
        running = subprocess.Popen(
            words, cwd=project, env=environment(project), stdout=log, stderr=log
        )
    yield project, running
    running.kill()
    running.wait()


@pytest.fixture(scope="session")
def cluster(local_run):
    from slurm import Cluster

    started = Cluster()
    try:
        started.start()
        yield started
    except BaseException:
        print(started.said())
        raise
    finally:
        started.stop()


@pytest.fixture(scope="session")
def study_run(cluster, tmp_path_factory):
    """The study, while SLURM makes it."""
    from submitted import Workflow, make_study

    return Workflow(make_study(tmp_path_factory.mktemp("study"))).start()


@pytest.fixture(scope="session")
def beside(request):
    """What SLURM makes while the faults come: the study, where a test of this session wants it."""
    wanted = any("study" in item.fixturenames for item in request.session.items)
    return [request.getfixturevalue("study_run")] if wanted else []


@pytest.fixture(scope="session")
def local(beside, local_run):
    """The folder of the finished study, made on one machine without SLURM, another beside it."""
    project, running = local_run
    assert running.wait() == 0, (project / "snakemake.log").read_text()
    return project


@pytest.fixture(scope="session")
def study(study_run):
    """The folder of the finished study, made with SLURM."""
    study_run.finish()
    return study_run.project
