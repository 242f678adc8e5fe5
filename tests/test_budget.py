"""The command under a limit of time, alone and started by torchrun."""

import json
import logging
import os
import subprocess
import sys
import time

import pandas
import pytest
import torch
from safetensors.torch import load_file
from small_runs import RANDOM_CROPS, U_NET, configuration, read_history

from mssbench.cli import RUN_AGAIN, main
from mssbench.training.stopping import stop_requests

CONFIG = configuration(U_NET, crops=RANDOM_CROPS)


def words(rendition, folder, *more):
    """Return the command line that trains into ``folder``."""
    given = {
        "config": json.dumps(CONFIG),
        "rendition": rendition,
        "checkpoints": folder / "checkpoints",
        "out-weights": folder / "model.safetensors",
        "out-last": folder / "last.safetensors",
        "out-history": folder / "history.csv",
        "out-run": folder / "run.json",
        "log": folder / "logs" / "train.log",
        "device": "cpu",
    }
    named = (str(word) for name, value in given.items() for word in (f"--{name}", value))
    return ["train", *named, *map(str, more)]


def contents(folder):
    weights = load_file(folder / "model.safetensors")
    history = read_history(folder)
    return weights, history


@pytest.fixture(scope="module")
def whole(tiny_rendition, tmp_path_factory):
    """Folder of a run that nothing cut short."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole")
    assert main(words(tiny_rendition, folder)) == 0
    return folder


def test_a_run_cut_by_its_budget_again_and_again_ends_like_one_that_was_not(
    whole, tiny_rendition, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    # Each of the first attempts takes a step and no more; the last ones have time for the rest.
    budgets = [0.001] * 4 + [0.5 * 2**n for n in range(8)]
    codes = []
    for budget in budgets:
        codes.append(main(words(tiny_rendition, tmp_path, "--budget", budget)))
        if codes[-1] != RUN_AGAIN:
            break
    assert codes[:4] == [RUN_AGAIN] * 4
    assert codes[-1] == 0
    assert "the budget of 0.001 s is spent" in caplog.text
    assert "stopped: after step 4, in epoch 1" in caplog.text
    (weights, history), (expected, expected_history) = contents(tmp_path), contents(whole)
    assert weights.keys() == expected.keys()
    assert all(torch.equal(values, expected[name]) for name, values in weights.items())
    pandas.testing.assert_frame_equal(history, expected_history, check_exact=True)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("budget", ["0", "-5", "inf", "nan", "soon"])
def test_a_budget_that_is_no_time_is_refused(tiny_rendition, tmp_path, capsys, budget):
    with pytest.raises(SystemExit) as refused:
        main(words(tiny_rendition, tmp_path, f"--budget={budget}"))
    assert refused.value.code == 2
    assert "--budget" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["-1", "nan", "soon"])
def test_a_time_between_checkpoints_that_is_no_time_is_refused(
    tiny_rendition, tmp_path, capsys, seconds
):
    with pytest.raises(SystemExit) as refused:
        main(words(tiny_rendition, tmp_path, f"--checkpoint-seconds={seconds}"))
    assert refused.value.code == 2
    assert f"--checkpoint-seconds: invalid seconds value: '{seconds}'" in capsys.readouterr().err


def test_a_budget_counts_from_the_start_and_lasts_one_question():
    with stop_requests(1000.0) as should_stop:
        assert [should_stop() for _ in range(3)] == [False] * 3
    with stop_requests(0.01) as should_stop:
        time.sleep(0.02)
        assert [should_stop() for _ in range(3)] == [False, True, True]
    with stop_requests() as should_stop:
        assert not any(should_stop() for _ in range(3))


def torchrun(arguments):
    """Run the command in two processes that torchrun starts."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    two = ["--nproc-per-node", "2", "-m", "--", "mssbench"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*launcher, *two, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_torchrun_trains_what_one_process_does_and_the_first_one_writes(
    whole, tiny_rendition, tmp_path
):
    # It goes on from where one process was cut.
    assert main(words(tiny_rendition, tmp_path, "--budget", 0.001)) == RUN_AGAIN
    done = torchrun(words(tiny_rendition, tmp_path))
    assert done.returncode == 0, done.stderr
    (weights, history), (expected, expected_history) = contents(tmp_path), contents(whole)
    pandas.testing.assert_frame_equal(history, expected_history, rtol=1e-4)
    for name, values in expected.items():
        torch.testing.assert_close(weights[name], values, rtol=1e-2, atol=1e-4)
    assert json.loads((tmp_path / "run.json").read_text())["processes"] == 2
    # One log an attempt, and no line of it twice.
    assert len(list((tmp_path / "logs").glob("train.2*.log"))) == 2
    assert (tmp_path / "logs" / "train.log").read_text().count("train wave_u_net: done") == 1
    assert not (tmp_path / "checkpoints").exists()
