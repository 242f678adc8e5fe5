"""What a run says of its code, its machine and its speed."""

import subprocess
import time

import pytest

from mssbench.tracking.journal import Journal, read
from mssbench.tracking.origin import LONGEST_CHANGES, git_changes, git_commit
from mssbench.tracking.system import Sampler, gpu, read_gpu
from mssbench.tracking.throughput import Throughput


@pytest.fixture
def repository(tmp_path):
    """A git repository with one committed file, ``code.py``."""
    (tmp_path / "code.py").write_text("a = 1\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        told = ["-c", "user.name=nobody", "-c", "user.email=nobody@nowhere"]
        subprocess.run(["git", "-C", str(tmp_path), *told, *words], check=True)
    return tmp_path


def test_changes_are_those_since_the_commit(repository):
    commit = git_commit(repository)
    assert len(commit) == 40
    assert git_changes(repository) == ""
    (repository / "code.py").write_text("a = 2\n")
    assert git_commit(repository) == f"{commit}-dirty"
    assert "-a = 1\n+a = 2\n" in git_changes(repository)


def test_changes_are_of_the_whole_repository_and_of_bounded_size(repository):
    (repository / "code.py").write_text("b = 3\n" * LONGEST_CHANGES)
    (repository / "package").mkdir()
    changes = git_changes(repository / "package")
    assert LONGEST_CHANGES < len(changes) < LONGEST_CHANGES + 100
    assert changes.endswith("characters more]\n")


def test_there_is_no_commit_outside_of_a_repository(tmp_path):
    assert git_commit(tmp_path) is None
    assert git_changes(tmp_path) == ""


def test_samples_come_by_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr("mssbench.tracking.system.SHORTEST", 0.01)
    journal = Journal(tmp_path / "journal.jsonl")
    sampler = Sampler(journal)
    sampler.start()
    while len(list(read(journal.file))) < 3:
        time.sleep(0.01)
    sampler.end()
    sampler.join()
    record, _ = next(read(journal.file))
    told = {"system/processor_energy_wh"}  # on some machines
    assert set(record["metrics"]) - told == {"system/cpu_percent", "system/memory_gb"}
    assert 0.001 < record["metrics"]["system/memory_gb"] < 1000


def test_a_gpu_is_read_in_our_units_and_what_it_does_not_tell_is_left_out():
    assert read_gpu("87, 1024, 310.5\n") == {
        "gpu_percent": 87.0,
        "gpu_memory_gb": pytest.approx(1.073741824),
        "gpu_power_w": 310.5,
    }
    assert read_gpu("[N/A], 2, [Not Supported]") == {"gpu_memory_gb": pytest.approx(0.002097152)}
    assert gpu() == {}  # nothing is computed on one here


def test_rates_are_those_between_two_epochs():
    rates = Throughput(audio_per_step=4.0)
    assert rates.of({"epoch": 1, "step": 10, "seconds": 5.0}) == {
        "throughput/steps_per_second": 2.0,
        "throughput/audio_seconds_per_second": 8.0,
    }
    second = rates.of({"epoch": 2, "step": 20, "seconds": 7.0})
    assert second["throughput/steps_per_second"] == 5.0


def test_no_rate_is_made_up():
    continued = Throughput(None)
    assert continued.of({"epoch": 4, "step": 40, "seconds": 5.0}) == {}
    assert continued.of({"epoch": 5, "step": 50, "seconds": 5.0}) == {}
    assert continued.of({"epoch": 6, "step": 60, "seconds": 10.0}) == {
        "throughput/steps_per_second": 2.0
    }


def test_untracked_files_are_changes_and_can_be_applied(repository, tmp_path_factory):
    commit = git_commit(repository)
    package = repository / "package"
    package.mkdir()
    (package / "new_model.py").write_text("class New:\n    pass")
    (package / "empty.py").write_text("")
    (repository / ".gitignore").write_text("*.ignored\n")
    (repository / "a.ignored").write_text("ignored")
    (repository / "song.wav").write_bytes(b"RIFF\0\xff")
    (repository / "table.csv").write_text("0\n" * 50_000)
    (repository / "api_token.txt").write_text("planted")
    (repository / ".env").write_text("KEY=planted")
    assert git_commit(repository) == f"{commit}-dirty"
    changes = git_changes(package)
    assert "planted" not in changes
    for line in (
        "[untracked, binary, 6 bytes: song.wav]",
        "[untracked, 100000 bytes: table.csv]",
        "[untracked, left out as its name is that of a secret: api_token.txt]",
        "[untracked, left out as its name is that of a secret: .env]",
    ):
        assert line in changes.splitlines()
    copy = tmp_path_factory.mktemp("copy")
    subprocess.run(["git", "clone", "-q", str(repository), str(copy)], check=True)
    subprocess.run(["git", "apply"], input=changes, text=True, cwd=copy, check=True)
    assert (copy / "package" / "new_model.py").read_text() == "class New:\n    pass"
    assert (copy / "package" / "empty.py").read_text() == ""
    assert not (copy / "a.ignored").exists()


def test_an_ignored_file_is_no_change(repository):
    (repository / ".git" / "info" / "exclude").write_text("results/\n")
    (repository / "results").mkdir()
    (repository / "results" / "scores.csv").write_text("1\n")
    assert not git_commit(repository).endswith("-dirty")
    assert git_changes(repository) == ""


def test_many_untracked_files_are_counted(repository):
    for number in range(10):
        (repository / f"{number}.txt").write_text("x" * 49_000)
    changes = git_changes(repository)
    assert len(changes) < LONGEST_CHANGES + 100
    assert changes.count("new file mode") == 5
