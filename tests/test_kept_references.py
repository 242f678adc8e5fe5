import errno
import logging

import numpy as np
import pytest
from audio_folders import Folders
from test_bss_eval import sources

from mssbench.scoring.exact_engine import bsseval
from mssbench.scoring.references import References


def signals(seed=0):
    references, estimates = sources(2, 9700, 2, seed=seed)
    return [np.moveaxis(s, 1, 2).astype(np.float32) for s in (references, estimates)]


def scores(folder, references, estimates, **how):
    found = bsseval(references, estimates, 3000, how.pop("hop", 3000), kept=folder, **how)
    return np.stack(list(found.values()))


@pytest.mark.parametrize("hop", [3000, 1500])
@pytest.mark.parametrize("framewise", [False, True])
def test_scores_are_the_same_bits_whether_references_were_kept(
    tmp_path, framewise, hop, monkeypatch
):
    how = {"framewise_filters": framewise, "hop": hop}
    references, estimates = signals()
    plain = scores(None, references, estimates, **how)
    np.testing.assert_array_equal(scores(tmp_path, references, estimates, **how), plain)
    (file,) = tmp_path.iterdir()
    # Now nothing of the references is correlated with itself.
    asked = []
    correlate = References._correlations
    monkeypatch.setattr(
        References,
        "_correlations",
        lambda self, cuts, *e: asked.append(cuts) or correlate(self, cuts, *e),
    )
    np.testing.assert_array_equal(
        scores(tmp_path, references, 2 * estimates, **how),
        scores(None, references, 2 * estimates, **how),
    )
    assert [len(cuts) for cuts in asked] == [1, 2]
    assert list(tmp_path.iterdir()) == [file]


def test_other_references_or_windows_are_kept_apart(tmp_path):
    references, estimates = signals()
    other = references.copy()
    other[0, 0, 9699] += 2**-15
    for truth, hop in ((references, 3000), (other, 3000), (references, 2000)):
        expected = scores(None, truth, estimates, hop=hop)
        np.testing.assert_array_equal(scores(tmp_path, truth, estimates, hop=hop), expected)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_file_is_named_and_made_again(tmp_path, caplog):
    references, estimates = signals()
    expected = scores(tmp_path, references, estimates)
    (file,) = tmp_path.iterdir()
    good = file.read_bytes()
    file.write_bytes(good[:5000] + bytes([good[5000] ^ 1]) + good[5001:])
    np.testing.assert_array_equal(scores(tmp_path, references, estimates), expected)
    assert str(file) in caplog.text
    assert file.read_bytes() == good


def test_a_full_disk_costs_no_score(tmp_path, monkeypatch, caplog):
    def full(self, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(References, "save", full)
    references, estimates = signals()
    plain = scores(None, references, estimates)
    np.testing.assert_array_equal(scores(tmp_path, references, estimates), plain)
    assert "No space left on device" in caplog.text


def test_systems_scored_by_command_share_what_is_kept(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    folders = Folders(tmp_path, caplog).write()
    kept = tmp_path / "kept"
    seen = []
    for name in ("first", "second"):
        words = ["--kept", kept, "--run", name, "--out", tmp_path / name]
        assert folders.score(*words, out=False) == 0
        seen.append({file.name: file.stat().st_mtime_ns for file in kept.iterdir()})
    assert len(seen[0]) == 1  # the two songs have the same sources
    assert seen[1] == seen[0]
