import copy
import random
from itertools import count

import pytest
import torch
from small_runs import (
    AUGMENTATION,
    HTMD_NET,
    RANDOM_CROPS,
    TASNET,
    TWO_PROBES,
    U_NET,
    assert_same,
    configuration,
    run,
    stop_after,
)

from mssbench.data.rendition import Rendition
from mssbench.errors import Interrupted
from mssbench.training import history, loop
from mssbench.training.config import TrainingConfig
from mssbench.training.state import State
from mssbench.training.update import FiniteSteps


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


CASES = {
    "windows": configuration(TASNET),
    "random": configuration(HTMD_NET, loss=TWO_PROBES, epochs=2, crops=RANDOM_CROPS),
    "all": configuration(U_NET, split={"kind": "all"}),
    "augmented": configuration(TASNET, augmentation=AUGMENTATION),
    **{
        name: configuration(U_NET, epochs=2, optimiser={"name": name, "lr": 3e-3, **more})
        for name, more in {
            "adamw": {},
            "rmsprop": {"momentum": 0.9},
            "adadelta": {},
            "radam": {},
            "ranger": {"weight_decay": 5e-4},
        }.items()
    },
    # Too small a rate to make any epoch better than the first: each is a plateau.
    "plateau": configuration(
        U_NET,
        optimiser={"name": "adam", "lr": 1e-30},
        schedule={"kind": "plateau", "factor": 0.5, "patience": 1},
    ),
    "cosine": configuration(
        U_NET, schedule={"kind": "cosine", "steps": 9, "restart": 0.5}, warm_up=5, clip_norm=0.1
    ),
    "fine_tuning": configuration(
        U_NET,
        epochs=5,
        patience=1,
        optimiser={"name": "adam", "lr": 1e-30},
        fine_tuning={"lr": 1e-3, "batch_size": 6},
    ),
    "average": configuration(TASNET, epochs=2, average={"decay": 0.9}, accumulate=2),
    "si_sdr": configuration(U_NET, score="si_sdr", optimiser={"name": "adam", "lr": 0.1}),
    "bf16": configuration(U_NET, epochs=2, precision="bf16"),
    "fp16": configuration(U_NET, epochs=2, precision="fp16"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_is_stopped_again_and_again_ends_like_one_that_is_not(rendition, tmp_path, case):
    rows, attempts, chance = [], 0, random.Random(0)
    result = None
    while result is None and attempts < 200:
        # Stops come between steps, at an epoch's end and in the middle of a validation.
        stop = stop_after(chance.randint(1, 9))
        attempts += 1
        try:
            result = run(
                CASES[case], rendition, tmp_path / "stopped", on_epoch=rows.append, should_stop=stop
            )
        except Interrupted:
            torch.rand(3)
    assert 3 < attempts < 200
    assert repr(rows) == repr(result.history)
    assert_same(result, run(CASES[case], rendition, tmp_path / "whole"))


def test_time_counts_through_all_attempts(rendition, tmp_path):
    config = configuration(U_NET, epochs=2)
    with pytest.raises(Interrupted):
        run(config, rendition, tmp_path, should_stop=stop_after(10))
    result = run(config, rendition, tmp_path)
    seconds = [row["seconds"] for row in result.history]
    assert 0 < seconds[0] < seconds[1] <= result.seconds + 0.001


def test_waiting_for_batches_is_counted_by_epoch_and_through_all_attempts(
    rendition, tmp_path, monkeypatch
):
    # A clock that goes on by a second when it is looked at, as before and behind each wait.
    monkeypatch.setattr(history, "perf_counter", count().__next__)
    config = configuration(U_NET, epochs=2, crops=RANDOM_CROPS)
    whole = run(config, rendition, tmp_path / "whole")
    assert [row["waiting_seconds"] for row in whole.history] == [7, 7]
    with pytest.raises(Interrupted):
        run(config, rendition, tmp_path / "stopped", should_stop=stop_after(4))
    # The batch of the step that was not taken is waited for again.
    stopped = run(config, rendition, tmp_path / "stopped")
    assert [row["waiting_seconds"] for row in stopped.history] == [8, 7]


def test_validation_seconds_are_those_of_the_epochs_own_validation(
    rendition, tmp_path, monkeypatch
):
    clock = count(10, 10)
    monkeypatch.setattr(loop, "perf_counter", lambda: next(clock))
    result = run(configuration(U_NET, epochs=3), rendition, tmp_path)
    assert [row["validation_seconds"] for row in result.history] == [10, 10, 10]


def test_a_damaged_checkpoint_costs_no_more_than_the_steps_since_the_one_before(
    rendition, tmp_path
):
    config = configuration()
    with pytest.raises(Interrupted):
        run(
            config,
            rendition,
            tmp_path / "damaged",
            should_stop=stop_after(14),
            seconds_between_checkpoints=0,
        )
    newest = max((tmp_path / "damaged").glob("checkpoint-*"))
    newest.write_bytes(newest.read_bytes()[:-100])
    asked = []
    result = run(config, rendition, tmp_path / "damaged", should_stop=lambda: bool(asked.append(1)))
    whole = []
    expected = run(config, rendition, tmp_path / "whole", should_stop=lambda: bool(whole.append(1)))
    assert_same(result, expected)
    assert len(asked) < len(whole)


def test_the_random_numbers_continue(rendition, tmp_path):
    model = torch.nn.Linear(2, 2)
    options = TrainingConfig.from_dict(configuration()).training
    state = State.begin(model, options, ("final",))
    torch.manual_seed(5)
    saved = copy.deepcopy(state.state_dict())
    expected = torch.rand(3)
    state.load_state_dict(saved)
    assert torch.equal(torch.rand(3), expected)


def test_the_scale_of_the_loss_continues():
    options = TrainingConfig.from_dict(configuration(precision="fp16")).training
    one, other = (State.begin(torch.nn.Linear(2, 2), options, ("final",)) for _ in range(2))
    update = FiniteSteps(one.model, one.optimiser, scaler=one.scaler)
    # Times the scale it is beyond float32, so the scale is halved.
    *_, left_out = update.take(lambda batch: (1e35 * one.model(batch).sum(), {}), torch.ones(1, 2))
    assert left_out
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    assert other.scaler.get_scale() == one.scaler.get_scale() == 32768
