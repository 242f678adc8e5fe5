import logging
import re
import sys
from itertools import count

import pytest
from small_runs import RANDOM_CROPS, U_NET, configuration, run

from mssbench.data.rendition import Rendition
from mssbench.progress import Progress


@pytest.fixture
def clock(monkeypatch, caplog):
    """A clock that a test sets, and lines that are kept."""
    caplog.set_level(logging.INFO)
    now = [0.0]
    monkeypatch.setattr("mssbench.progress.time.monotonic", lambda: now[0])
    return now


def test_a_rated_line_says_how_fast_it_went_since_the_line_before(clock, caplog):
    progress = Progress("train x", 100, "steps", done=10, rated=True)
    clock[0] = 10.0
    progress.advance(20, "loss 1")
    clock[0] = 20.0
    progress.advance(40, "loss 1")
    assert caplog.messages == [
        "train x: 30/100 steps, loss 1, 2 steps/s, 35 s left",
        "train x: 70/100 steps, loss 1, 4 steps/s, 10 s left",
    ]


def test_others_say_no_rate(clock, caplog):
    progress = Progress("score", 10)
    clock[0] = 10.0
    progress.advance(5)
    assert caplog.messages == ["score: 5/10 songs, 10 s left"]


def test_a_remark_is_a_line_only_where_there_was_none_for_long(clock, caplog):
    progress = Progress("train x", 100, "steps", rated=True)
    for clock[0] in range(0, 13, 2):
        progress.remark(f"validating {clock[0]}/12")
    assert caplog.messages == [
        "train x: 0/100 steps, validating 6/12",
        "train x: 0/100 steps, validating 12/12",
    ]
    hidden = Progress("train x", 100, "steps", shown=False)
    clock[0] = 100
    hidden.remark("validating")
    assert len(caplog.messages) == 2


def test_on_a_terminal_the_bar_has_the_rate_and_the_remark(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("mssbench.progress.SECONDS_BETWEEN_DRAWINGS", 0.0)
    progress = Progress("train x", 10, "steps", rated=True)
    progress.advance(5, "loss 1")
    progress.remark("validating 3/12")
    progress.close()
    drawn = capsys.readouterr().err
    assert re.search(r"5/10 .*steps/s, validating 3/12", drawn)


def test_a_training_says_its_rate_its_last_validation_and_that_it_validates(
    tiny_rendition, tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    # Each look at the clock is another line's time later.
    ticks = count(0, 10)
    monkeypatch.setattr("mssbench.progress.time.monotonic", lambda: float(next(ticks)))
    crops = {**RANDOM_CROPS, "steps_per_epoch": 10}
    songs = {"score": "si_sdr", "score_on": "songs"}
    config = configuration(U_NET, crops=crops, epochs=2, **songs)
    result = run(config, Rendition.open(tiny_rendition), tmp_path)
    lines = [line for line in caplog.messages if line.startswith("train wave_u_net: ")]
    assert any(re.search(r": 5/20 steps, epoch 1/2, [\d.]+ steps/s, ", line) for line in lines)
    valid = f"valid {result.history[0]['valid_loss']:.4g}"
    assert any(re.search(rf": 20/20 steps, epoch 2/2, .*{valid}, best ", line) for line in lines)
    told = [re.search(r": 10/20 steps, epoch 1/2, validating (\d+)/(\d+)$", x) for x in lines]
    parts = [(int(found[1]), int(found[2])) for found in told if found]
    # The batches of windows, and the one song.
    assert [n for n, _ in parts] == list(range(parts[0][1]))
    assert len(parts) > 2
