import shutil
import subprocess
import sys
import threading

import pytest
from tracked_store import begun, contents, runs_of

from mssbench.cli import main
from mssbench.tracking.delivery import Delivery
from mssbench.tracking.journal import Journal, outbox, read
from mssbench.tracking.sync import sync

# Claims a journal, says so, and holds it until its input ends.
CLAIM = """
import sys
from pathlib import Path
from mssbench.tracking.delivery import Delivery
print(Delivery.claim(Path(sys.argv[1])) is not None, flush=True)
sys.stdin.read()
"""

DATASET = {"name": "songs", "digest": "d" * 64, "source": "8000-mono"}


@pytest.fixture
def folder(mlflow_uri, tmp_path, monkeypatch):
    monkeypatch.setenv("MSSBENCH_OUTBOX", str(tmp_path / "outbox"))
    return outbox(mlflow_uri)


@pytest.fixture
def run_of(mlflow_client):
    def find(key):
        (run,) = runs_of(mlflow_client, key)
        return run

    return find


@pytest.fixture
def steps(mlflow_client, run_of):
    def of(key, metric="loss"):
        history = mlflow_client.get_metric_history(run_of(key).info.run_id, metric)
        return sorted((point.step, point.value) for point in history)

    return of


def killed(folder, key, address, epochs, **rest):
    """Leave what a job leaves that is killed after its epochs."""
    journal = begun(folder, key, address, **rest)
    for epoch in epochs:
        journal.append("epoch", step=epoch, metrics={"loss": 1.0 + epoch})
    journal.close()
    return journal.file


def kinds(file):
    return [record["kind"] for record, _ in read(file)]


def test_a_line_cut_short_is_passed_over_and_the_next_attempt_is_not(tmp_path):
    file = killed(tmp_path, "torn", "", [0])
    with file.open("ab") as opened:
        opened.write(b'{"kind": "epoch", "at": 5, "metr')
    assert kinds(file) == ["begin", "epoch"]
    killed(tmp_path, "torn", "", [1])
    assert kinds(file) == ["begin", "epoch", "begin", "epoch"]


def test_a_line_is_read_once_it_is_whole(tmp_path):
    file = tmp_path / "journal.jsonl"
    file.write_text('{"kind": "tags"}\n{"kind": "epoch"')
    ((_, end),) = read(file)
    with file.open("a") as opened:
        opened.write("}\n")
    assert [record["kind"] for record, _ in read(file, end)] == ["epoch"]


def test_a_closed_journal_takes_nothing(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.close()
    journal.append("tags", tags={})
    assert kinds(journal.file) == []


def test_journals_lie_beside_the_database_unless_the_environment_says_otherwise(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("MSSBENCH_OUTBOX", raising=False)
    assert outbox(f"sqlite:///{tmp_path}/mlflow.db") == tmp_path / "tracking" / "outbox"
    monkeypatch.chdir(tmp_path)
    assert outbox("http://host:5000") == tmp_path / "results" / "tracking" / "outbox"
    monkeypatch.setenv("MSSBENCH_OUTBOX", "elsewhere")
    assert outbox("http://host:5000") == tmp_path / "elsewhere"


def test_sending_again_changes_nothing(folder, mlflow_uri, mlflow_client, tmp_path):
    journal = begun(folder, "again", mlflow_uri, dataset=DATASET)
    (tmp_path / "table.md").write_text("a table")
    for epoch in range(3):
        journal.append("epoch", step=epoch, metrics={"loss": 1.0 / (epoch + 1)})
        journal.append("sample", metrics={"system/memory_gb": 1.0 + epoch})
    journal.append("metrics", metrics={"score": float("nan")})
    journal.append("metrics", metrics={"score": 5.0})
    journal.append("metrics", metrics={"score": 4.0})
    journal.append("tags", tags={"excerpt": "heard"})
    journal.append("artifact", path=str(tmp_path / "table.md"), folder="tables")
    journal.append("text", file="changes.diff", text="+ a line")
    journal.append("finish", state="FINISHED")
    journal.close()
    # As it is where a job dies after MLflow has answered and before that is written down.
    kept = shutil.copy(journal.file, tmp_path / "kept")
    assert sync(mlflow_uri).sent == ["again"]
    before = contents(mlflow_client)
    assert sync(mlflow_uri).sent == []
    shutil.copy(kept, journal.file)
    assert sync(mlflow_uri).sent == ["again"]
    assert contents(mlflow_client) == before
    assert not list(folder.iterdir())
    assert all(word in before[0] for word in ("songs", "config.yaml", "changes.diff", "a table"))


def test_what_is_sent_in_part_is_continued_there(folder, mlflow_uri, mlflow_client, steps):
    journal = begun(folder, "part", mlflow_uri)
    journal.append("epoch", step=0, metrics={"loss": 1.0})
    assert sync(mlflow_uri).sent == ["part"]
    # The job lives, so its journal stays.
    assert journal.file.exists()
    journal.append("epoch", step=1, metrics={"loss": 2.0})
    journal.close()
    delivery = Delivery.claim(journal.file)
    assert not delivery.is_done
    delivery.send(mlflow_client)
    delivery.close()
    assert steps("part") == [(0, 1.0), (1, 2.0)]
    assert not journal.file.exists()


def test_a_run_killed_twice_is_one_run_whose_points_are_all_there(
    folder, mlflow_uri, run_of, steps
):
    killed(folder, "twice", mlflow_uri, [0, 1, 2])
    killed(folder, "twice", mlflow_uri, [2, 3])
    assert sync(mlflow_uri).sent == ["twice"]
    killed(folder, "twice", mlflow_uri, [3, 4])
    assert sync(mlflow_uri).sent == ["twice"]
    assert steps("twice") == [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0)]
    assert run_of("twice").data.tags["attempt"] == "3"


def test_two_who_send_at_once_send_each_run_once(folder, mlflow_uri, steps, run_of):
    keys = [f"parallel {number}" for number in range(6)]
    for key in keys:
        killed(folder, key, mlflow_uri, range(5))
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(sync(mlflow_uri))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name for outcome in outcomes for name in outcome.sent) == keys
    for key in keys:
        assert [step for step, _ in steps(key)] == list(range(5))
        assert run_of(key).data.tags["attempt"] == "1"
    assert not list(folder.iterdir())


def test_a_journal_that_another_process_sends_is_left_to_it(folder, mlflow_uri):
    file = killed(folder, "claimed", mlflow_uri, [0])
    command = [sys.executable, "-c", CLAIM, str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "True\n"
        assert (sync(mlflow_uri).sent, sync(mlflow_uri).busy) == ([], 1)
        process.kill()
    assert sync(mlflow_uri).sent == ["claimed"]


def test_runs_of_another_address_are_sent_when_that_is_said(
    folder, mlflow_uri, monkeypatch, capsys
):
    killed(folder, "foreign", "http://elsewhere:5000", [0])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    assert main(["track", "sync"]) == 0
    assert "http://elsewhere:5000" in capsys.readouterr().out
    assert main(["track", "sync", "--any-address"]) == 0
    assert capsys.readouterr().out == "foreign: sent\n"
    assert main(["track", "sync"]) == 0
    assert "nothing is left to send" in capsys.readouterr().out


def test_a_journal_without_a_beginning_harms_no_other(folder, mlflow_uri, steps):
    Journal(folder / "strange.jsonl").append("epoch", step=0, metrics={"loss": 1.0})
    killed(folder, "sound", mlflow_uri, [0])
    assert "sound" in sync(mlflow_uri).sent
    assert steps("sound") == [(0, 1.0)]
