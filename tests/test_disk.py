import errno
import shutil
from types import SimpleNamespace

import pytest

from mssbench.cli import USER_ERROR, main
from mssbench.data.disk import telling_full_disk


def leave_free(monkeypatch, free):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))


def test_hidden_full_disk_becomes_a_plain_error(monkeypatch, tmp_path):
    leave_free(monkeypatch, 0)
    with pytest.raises(OSError, match="no space left") as caught, telling_full_disk(tmp_path):
        raise RuntimeError("System error.")
    assert caught.value.errno == errno.ENOSPC


def test_other_errors_stay_what_they_are(tmp_path, monkeypatch):
    leave_free(monkeypatch, 1 << 40)
    with pytest.raises(RuntimeError, match="System error"), telling_full_disk(tmp_path):
        raise RuntimeError("System error.")
    leave_free(monkeypatch, 0)
    with pytest.raises(FileNotFoundError), telling_full_disk(tmp_path):
        raise FileNotFoundError


def test_rendering_says_before_it_starts_what_it_needs(tmp_path, monkeypatch, caplog):
    leave_free(monkeypatch, 1000)
    songs = ["--train-songs", "1", "--test-songs", "1", "--seconds", "4", "--seed", "0"]
    out = tmp_path / "dataset.json"
    words = ["data", "render", "--root", str(tmp_path / "songs"), *songs, "--out", str(out)]
    assert main(words) == USER_ERROR
    assert "rendering 2 songs needs 7.06 MB" in caplog.text
    assert not out.exists()
    assert not list((tmp_path / "songs").rglob("*.wav"))
