"""Two processes or more that train one model by torch.distributed, on CPUs."""

import os
import time

import pytest
import torch
from processes import (
    REFUSED,
    STOPPED,
    begin,
    ends_of,
    kill,
    run_together,
    trained,
    wait_for,
)
from small_runs import (
    AUGMENTATION,
    RANDOM_CROPS,
    TASNET,
    U_NET,
    configuration,
    flawed,
    is_no_time,
    run,
    stop_after,
    without_seconds,
)

from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.models.registry import build
from mssbench.training import checkpoint

DROPOUT = {
    "name": "spectrogram_u_net",
    "params": {"n_fft": 64, "hop": 32, "filters": 2, "levels": 3},
}


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


def assert_equal_on_all(results):
    """Check that all processes have the same bits."""
    first, *others = results
    for other in others:
        assert without_seconds(other["history"]) == without_seconds(first["history"])
        for name, values in first["weights"].items():
            assert torch.equal(values, other["weights"][name]), name


def assert_close(one, other, tolerance=1e-4):
    """Check that two histories have the same losses but for rounding."""
    assert len(one) == len(other)
    for row, expected in zip(one, other, strict=True):
        for name in filter(is_no_time, row):
            assert row[name] == pytest.approx(expected[name], rel=tolerance, nan_ok=True), name


CASES = {
    # An epoch's last batch has fewer examples than there are processes.
    "uneven": (3, configuration(U_NET, batch_size=5, clip_norm=0.1, accumulate=4, epochs=2)),
    "random": (
        2,
        configuration(
            U_NET,
            **{"crops": RANDOM_CROPS, "augmentation": AUGMENTATION, "epochs": 2},
            average={"decay": 0.9},
        ),
    ),
    "batch_norm": (2, configuration(TASNET, batch_size=5, epochs=2)),
    "held": (
        2,
        configuration(
            U_NET,
            **{"memory_gb": 1, "epochs": 2, "score": "si_sdr", "normalise": "song"},
            optimiser={"name": "ranger", "lr": 3e-3},
        ),
    ),
    "songs": (2, configuration(U_NET, score="median_sdr", score_on="songs", epochs=2)),
    "fp16": (2, configuration(U_NET, epochs=1, precision="fp16")),
}


@pytest.mark.parametrize("case", CASES)
def test_processes_that_share_a_batch_train_like_one(rendition, tmp_path, case):
    count, config = CASES[case]
    results = run_together(count, config, rendition, tmp_path / "together")
    assert_equal_on_all(results)
    expected = run(config, rendition, tmp_path / "alone")
    # Products of 16 bits in batches of other sizes are rounded otherwise.
    assert_close(results[0]["history"], expected.history, 0.02 if case == "fp16" else 1e-4)
    if case != "fp16":
        for name, values in expected.weights.items():
            torch.testing.assert_close(results[0]["weights"][name], values, rtol=1e-2, atol=1e-4)


def test_a_step_that_is_not_finite_in_one_process_is_left_out_in_all(make_rendition, tmp_path):
    config = configuration(split={"kind": "all"}, batch_size=2, epochs=2)
    rendition = flawed(make_rendition, "b")
    results = run_together(2, config, rendition, tmp_path / "together")
    assert_equal_on_all(results)
    expected = run(config, rendition, tmp_path / "alone")
    assert [row["bad_steps"] for row in expected.history] > [0, 0]
    assert_close(results[0]["history"], expected.history)
    assert all(values.isfinite().all() for values in results[0]["weights"].values())


@pytest.mark.parametrize("model", [TASNET, DROPOUT], ids=["tasnet", "dropout"])
def test_one_process_asked_to_stop_stops_all_and_they_end_as_if_it_had_not(
    rendition, tmp_path, model
):
    config = configuration(model, epochs=2)

    def second_is_asked(calls):
        return lambda ranks: stop_after(calls) if ranks.rank == 1 else None

    checkpoints, results = tmp_path / "checkpoints", tmp_path / "results"
    for calls in (3, 8):
        work = trained(config, rendition, checkpoints, results, second_is_asked(calls))
        assert ends_of(begin(2, work)) == [STOPPED, STOPPED]
    assert ends_of(begin(2, trained(config, rendition, checkpoints, results))) == [0, 0]
    stopped = [torch.load(results / f"{rank}.pt") for rank in range(2)]
    assert_equal_on_all([*stopped, *run_together(2, config, rendition, tmp_path / "whole")])


def test_no_process_that_stops_ends_before_the_state_is_written(rendition, tmp_path, monkeypatch):
    checkpoints, results = tmp_path / "checkpoints", tmp_path / "results"
    save = checkpoint.save

    def save_slowly(*state, **how):
        time.sleep(0.5)
        save(*state, **how)

    monkeypatch.setattr(checkpoint, "save", save_slowly)
    train = trained(configuration(U_NET), rendition, checkpoints, results, lambda _: stop_after(2))

    def work(ranks):
        try:
            train(ranks)
        finally:
            found = list(checkpoints.glob("checkpoint-*"))
            (tmp_path / f"{ranks.rank} has seen {len(found)}").touch()

    assert ends_of(begin(2, work)) == [STOPPED, STOPPED]
    seen = sorted(file.name for file in tmp_path.glob("* has seen *"))
    assert seen == ["0 has seen 1", "1 has seen 1"]


def test_a_killed_process_ends_all_and_they_continue_from_the_checkpoint(rendition, tmp_path):
    config = configuration(U_NET, epochs=6, patience=6)
    checkpoints, results = tmp_path / "checkpoints", tmp_path / "results"
    for victim in (0, 1):
        known = set(checkpoints.glob("checkpoint-*"))
        children = begin(2, trained(config, rendition, checkpoints, results))
        wait_for(lambda known=known: set(checkpoints.glob("checkpoint-*")) - known)
        kill(children[victim])
        codes = ends_of(children)
        assert codes[victim] == -9
        assert codes[1 - victim] == STOPPED
    assert ends_of(begin(2, trained(config, rendition, checkpoints, results))) == [0, 0]
    killed = [torch.load(results / f"{rank}.pt") for rank in range(2)]
    assert_equal_on_all([*killed, *run_together(2, config, rendition, tmp_path / "whole")])


def test_memory_that_runs_out_in_one_process_is_told_and_ends_all(
    rendition, tmp_path, monkeypatch, capfd
):
    kind = type(build(TASNET["name"], TASNET["params"]))
    compute = kind.forward

    def forward(model, mixture):
        if os.environ["RANK"] == "1" and len(mixture) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return compute(model, mixture)

    monkeypatch.setattr(kind, "forward", forward)
    work = trained(configuration(TASNET), rendition, tmp_path / "checkpoints", tmp_path / "results")
    assert ends_of(begin(2, work)) == [STOPPED, REFUSED]
    told = capfd.readouterr().err
    assert "batches of 2 crops in each process, each of 2048 samples" in told
    assert "1 crops at once do fit: set training.accumulate to 4" in told


def test_a_run_may_go_on_in_another_number_of_processes(rendition, tmp_path):
    config = configuration(U_NET)
    checkpoints, results = tmp_path / "checkpoints", tmp_path / "results"
    stopped = trained(config, rendition, checkpoints, results, lambda ranks: stop_after(9))
    assert ends_of(begin(2, stopped)) == [STOPPED, STOPPED]
    result = run(config, rendition, checkpoints)
    assert_close(result.history, run(config, rendition, tmp_path / "alone").history)


def test_checkpoints_of_another_run_are_refused_in_all_processes(rendition, tmp_path, capfd):
    checkpoints, results = tmp_path / "checkpoints", tmp_path / "results"
    config = configuration(U_NET)
    stopped = trained(config, rendition, checkpoints, results, lambda ranks: stop_after(2))
    assert ends_of(begin(2, stopped)) == [STOPPED, STOPPED]
    other = trained(configuration(U_NET, batch_size=6), rendition, checkpoints, results)
    assert ends_of(begin(2, other)) == [REFUSED, REFUSED]
    assert capfd.readouterr().err.count("training.batch_size is 4 there and 6 here") == 2


def test_a_batch_with_fewer_examples_than_processes_is_refused(rendition, tmp_path, capfd):
    config = configuration(U_NET, batch_size=1)
    work = trained(config, rendition, tmp_path / "checkpoints", tmp_path / "results")
    assert ends_of(begin(2, work)) == [REFUSED, REFUSED]
    told = capfd.readouterr().err
    assert told.count("training.batch_size is 1, but 2 processes share a batch") == 2


def test_what_a_machine_needs_is_made_by_one_process_of_each(tmp_path):
    def work(ranks):
        made = ranks.from_machine(
            lambda: (tmp_path / f"made by {ranks.rank}").touch() or ranks.rank
        )
        (tmp_path / f"{ranks.rank} has that of {made}").touch()

    assert ends_of(begin(4, work, machines=2)) == [0] * 4
    made = ["made by 0", "made by 2"]
    had = ["0 has that of 0", "1 has that of 0", "2 has that of 2", "3 has that of 2"]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*made, *had])


def test_what_one_machine_refuses_ends_the_processes_of_all(capfd):
    def work(ranks):
        def refuse():
            if ranks.machine == 1:
                raise UserError("no such folder on this machine")

        ranks.from_machine(refuse)

    assert ends_of(begin(4, work, machines=2)) == [REFUSED] * 4
    assert capfd.readouterr().err.count("no such folder on this machine") == 4
