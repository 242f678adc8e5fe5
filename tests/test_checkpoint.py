import hashlib
import logging
import os
import pickle

import pytest
import torch

from mssbench.errors import UserError
from mssbench.training import checkpoint

RUN = {"training": {"optimiser": {"name": "adam", "lr": 1e-4}, "epochs": 3}, "code": "abc"}


def state(step):
    return {"step": step, "weights": torch.full((1000,), float(step)), "history": [{"epoch": 1}]}


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def damage_by_truncation(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_by_one_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def damage_by_emptying(path):
    path.write_bytes(b"")


def test_the_newest_state_comes_back(tmp_path):
    for step in range(12):
        checkpoint.save(tmp_path, RUN, state(step))
        loaded = checkpoint.load(tmp_path, RUN)
        assert loaded["step"] == step
        assert torch.equal(loaded["weights"], state(step)["weights"])
        assert loaded["history"] == [{"epoch": 1}]


def test_no_checkpoint_is_no_state(tmp_path):
    assert checkpoint.load(tmp_path / "missing", RUN) is None


def test_two_are_kept(tmp_path):
    for step in range(12):
        checkpoint.save(tmp_path, RUN, state(step))
        assert len(files(tmp_path)) == min(step + 1, 2)


@pytest.mark.parametrize(
    "damage",
    [damage_by_truncation, damage_by_one_bit, damage_by_emptying],
    ids=lambda d: d.__name__,
)
def test_the_one_before_a_damaged_one_is_used_and_that_is_said(tmp_path, caplog, damage):
    checkpoint.save(tmp_path, RUN, state(1))
    newest = checkpoint.save(tmp_path, RUN, state(2))
    damage(newest)
    with caplog.at_level(logging.WARNING):
        assert checkpoint.load(tmp_path, RUN)["step"] == 1
    assert newest.name in caplog.text
    checkpoint.save(tmp_path, RUN, state(3))
    assert checkpoint.load(tmp_path, RUN)["step"] == 3


def test_damaged_ones_alone_are_no_state(tmp_path):
    for step in range(2):
        damage_by_one_bit(checkpoint.save(tmp_path, RUN, state(step)))
    assert checkpoint.load(tmp_path, RUN) is None


def test_one_that_another_attempt_replaces_while_it_is_looked_for_is_not_missed(
    tmp_path, monkeypatch
):
    checkpoint.save(tmp_path, RUN, state(0))
    newest_first = checkpoint._newest_first
    later = iter([1, 2])

    def saved_twice_more(folder):
        found = newest_first(folder)
        monkeypatch.setattr(checkpoint, "_newest_first", newest_first)
        for step in later:
            checkpoint.save(folder, RUN, state(step))
        return found

    monkeypatch.setattr(checkpoint, "_newest_first", saved_twice_more)
    assert checkpoint.load(tmp_path, RUN)["step"] == 2


def test_another_run_is_refused_and_the_differing_keys_are_named(tmp_path):
    checkpoint.save(tmp_path, RUN, state(1))
    other = {"training": {"optimiser": {"name": "adam", "lr": 1e-3}, "patience": 2}, "code": "abc"}
    with pytest.raises(UserError) as refused:
        checkpoint.load(tmp_path, other)
    message = str(refused.value)
    assert "training.optimiser.lr is 0.0001 there and 0.001 here" in message
    assert "training.epochs is 3 there and 'absent' here" in message
    assert "training.patience" in message
    assert "optimiser.name" not in message
    assert "code" not in message


def test_what_a_killed_writer_left_is_removed(tmp_path):
    written = checkpoint.save(tmp_path, RUN, state(1))
    partial = tmp_path / f".{written.stem}.99999.partial.pt"
    partial.write_bytes(b"half")
    assert checkpoint.load(tmp_path, RUN)["step"] == 1
    assert files(tmp_path) == [written.name]


def test_a_write_that_fails_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, RUN, state(1))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        checkpoint.save(tmp_path, RUN, state(2))
    assert checkpoint.load(tmp_path, RUN)["step"] == 1
    assert len(files(tmp_path)) == 1


def test_clearing_removes_checkpoints_and_nothing_else(tmp_path):
    checkpoint.save(tmp_path / "a", RUN, state(1))
    checkpoint.clear(tmp_path / "a")
    assert not (tmp_path / "a").exists()
    checkpoint.save(tmp_path / "b", RUN, state(1))
    (tmp_path / "b" / "notes.txt").write_text("mine")
    checkpoint.clear(tmp_path / "b")
    assert files(tmp_path / "b") == ["notes.txt"]
    checkpoint.clear(tmp_path / "missing")


class Intruder:
    def __reduce__(self):
        return (os.mkdir, ("intruded",))


def test_a_checkpoint_cannot_run_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"run": RUN, "state": Intruder()}, tmp_path / "made.pt")
    content = (tmp_path / "made.pt").read_bytes()
    name = f"checkpoint-000001-{hashlib.sha256(content).hexdigest()[:16]}.pt"
    (tmp_path / "made.pt").rename(tmp_path / name)
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.load(tmp_path, RUN)
    assert not (tmp_path / "intruded").exists()
