"""The miniature study as a whole: everything killed at random moments, and a clock set back.

``MSSBENCH_KILLS=50`` says how many kills; without it there are few.
"""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from test_pipeline import RESULTS, STUDY, command, make_project, planned, snakemake

pytestmark = pytest.mark.pipeline

KILLS = int(os.environ.get("MSSBENCH_KILLS", "2"))
DAY = 86400
# Of these, the name says when they were written.
SAYS_WHEN = "logs"


def ends(project, seconds=None):
    """Run the study; kill Snakemake and all its jobs after so many seconds if it has not ended."""
    log = project / "snakemake.log"
    # The lock of one that was killed is there to tell a user, who then removes it.
    how = command(project, "--nolock")
    with log.open("a") as said:
        running = subprocess.Popen(**how, stdout=said, stderr=said, start_new_session=True)
    try:
        code = running.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    assert code == 0, log.read_text()[-6000:]
    return True


def made(project):
    """Return the bytes of all tables, and the names of all files."""
    tables = {file.name: file.read_bytes() for file in (project / STUDY / "tables").iterdir()}
    files = [file.relative_to(project) for file in (project / RESULTS).rglob("*")]
    return tables, {file for file in files if SAYS_WHEN not in file.parts}


def new_project(folder):
    folder.mkdir()
    return make_project(folder, tracking="off")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """The study, made without disturbance, and how long that took (s)."""
    project = new_project(tmp_path_factory.mktemp("whole") / "quiet")
    begin = time.monotonic()
    assert ends(project)
    return project, time.monotonic() - begin


def test_kills_at_random_moments_change_no_table_and_leave_no_file_behind(quiet, tmp_path):
    project, seconds = quiet
    expected = made(project)
    assert {name.rpartition(".")[2] for name in expected[0]} == {"csv", "md", "tex", "html"}
    moments = random.Random(0)
    kills = studies = 0
    while kills < KILLS:
        studies += 1
        project = new_project(tmp_path / str(studies))
        while not ends(project, moments.uniform(0, seconds) if kills < KILLS else None):
            kills += 1
        assert made(project) == expected


def set_times(project, moment):
    for file in (project / RESULTS).rglob("*"):
        os.utime(file, (moment, moment))


def test_a_clock_set_back_repeats_nothing_and_makes_nothing_that_looks_old(quiet, tmp_path):
    project = tmp_path / "copy"
    shutil.copytree(quiet[0], project)
    expected = made(project)
    # All was made while the clock was a day ahead.
    set_times(project, time.time() + DAY)
    assert planned(project) == {}
    table = str(STUDY / "tables" / "systems.csv")
    (project / table).unlink()
    refused = snakemake(project, table)
    assert refused.returncode != 0
    assert "systems.csv has older modification time" in refused.stdout + refused.stderr
    assert not (project / table).exists()
    # What docs/cluster.md says to do.
    set_times(project, time.time())
    done = snakemake(project, table)
    assert done.returncode == 0, done.stdout + done.stderr
    assert made(project) == expected
    assert planned(project, table) == {}


def test_a_second_snakemake_is_refused_and_the_first_is_not_disturbed(quiet, tmp_path):
    project = new_project(tmp_path / "two")
    running = subprocess.Popen(
        **command(project), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    locks = project / ".snakemake" / "locks"
    end = time.monotonic() + 120
    while not (locks.is_dir() and any(locks.iterdir())):
        assert running.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    second = snakemake(project)
    assert running.poll() is None
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stdout + second.stderr
    said, _ = running.communicate()
    assert running.returncode == 0, said[-6000:]
    assert made(project) == made(quiet[0])
