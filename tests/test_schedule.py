import itertools
import math

import pytest
from small_runs import U_NET, configuration, run

from mssbench.data.rendition import Rendition
from mssbench.training.schedule import CosineConfig, FineTuningConfig, PlateauConfig, Schedule

# Too small a rate to change a float32 weight: no epoch is better than the first.
STILL = {"name": "adam", "lr": 1e-30}


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


def test_without_a_schedule_the_rate_stays():
    assert {Schedule(0.1, 4).lr(step) for step in (0, 1, 10**6)} == {0.1}


def test_the_rate_warms_up_in_equal_parts():
    schedule = Schedule(0.1, 4, warm_up=4)
    assert [schedule.lr(step) for step in range(6)] == pytest.approx(
        [0.025, 0.05, 0.075, 0.1, 0.1, 0.1]
    )


def test_a_cosine_falls_to_zero_and_starts_anew_from_a_lower_rate():
    # Meta-TasNet's.
    schedule = Schedule(1e-3, 12, CosineConfig("cosine", 200_000, restart=0.85))
    rates = [schedule.lr(step) for step in range(0, 600_000, 1000)]
    assert rates[0] == 1e-3
    assert rates[100] == pytest.approx(0.5e-3)
    assert schedule.lr(199_999) < 1e-12
    assert rates[200] == pytest.approx(0.85e-3)
    assert rates[400] == pytest.approx(0.85**2 * 1e-3)
    assert all(later < rate for rate, later in itertools.pairwise(rates[:200]))
    assert rates[50] == pytest.approx(1e-3 * (1 + math.cos(math.pi / 4)) / 2)


def test_a_cosine_may_end_above_zero():
    schedule = Schedule(1e-3, 4, CosineConfig("cosine", 1000, lowest=0.05))
    assert schedule.lr(999) == pytest.approx(5e-5, rel=1e-3)
    assert schedule.lr(500) == pytest.approx(0.525e-3)


def test_the_rate_falls_once_for_each_plateau_that_is_as_long_as_the_patience():
    schedule = Schedule(0.8, 4, PlateauConfig("plateau", 0.5, patience=3))
    rates = []
    for waited in (0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 0, 1):
        schedule.end_epoch(waited)
        rates.append(schedule.lr(0))
    assert rates == pytest.approx([0.8] * 6 + [0.4] * 3 + [0.2] * 3)


def test_fine_tuning_begins_once_and_has_its_own_rate_and_batch_size():
    plateau = PlateauConfig("plateau", 0.5, patience=1)
    schedule = Schedule(0.1, 16, plateau, warm_up=100, second=FineTuningConfig(1e-5, 32))
    assert (schedule.lr(99), schedule.batch_size) == (0.1, 16)
    assert schedule.begin_fine_tuning()
    assert (schedule.lr(3), schedule.batch_size) == (1e-5, 32)
    schedule.end_epoch(1)
    assert schedule.lr(3) == 1e-5
    assert not schedule.begin_fine_tuning()
    assert not Schedule(0.1, 16).begin_fine_tuning()


def test_the_history_tells_the_rate_of_each_epoch(rendition, tmp_path):
    crops = {"kind": "random", "samples": 2048, "steps_per_epoch": 2}
    schedule = {"kind": "cosine", "steps": 4, "restart": 0.5}
    config = configuration(U_NET, crops=crops, schedule=schedule, epochs=4, patience=4)
    rates = [row["lr"] for row in run(config, rendition, tmp_path).history]
    top = config["training"]["optimiser"]["lr"]
    # The last step of an epoch is the second or the fourth of a cycle.
    shares = [(1 + math.cos(math.pi * place / 4)) / 2 for place in (1, 3)]
    expected = [top * shares[0], top * shares[1], top * shares[0] / 2, top * shares[1] / 2]
    assert rates == pytest.approx(expected)


def test_the_rate_decides_how_far_the_weights_move(rendition, tmp_path):
    crops = {"kind": "random", "samples": 2048, "steps_per_epoch": 1}
    moved = {}
    for warm_up in (0, 10):
        config = configuration(U_NET, crops=crops, epochs=1, patience=1, warm_up=warm_up)
        still = configuration(U_NET, crops=crops, epochs=1, patience=1, optimiser=STILL)
        weights = run(config, rendition, tmp_path / str(warm_up)).weights["bottom.weight"]
        first = run(still, rendition, tmp_path / f"still-{warm_up}").weights["bottom.weight"]
        moved[warm_up] = (weights - first).abs().max().item()
    assert moved[10] == pytest.approx(moved[0] / 10, rel=1e-3)


def test_fine_tuning_follows_the_patience_of_training_and_has_as_much(rendition, tmp_path):
    second = {"lr": 1e-32, "batch_size": 8}
    config = configuration(U_NET, epochs=20, patience=2, optimiser=STILL, fine_tuning=second)
    result = run(config, rendition, tmp_path)
    assert [row["lr"] for row in result.history] == [1e-30] * 3 + [1e-32] * 2
    assert (result.best_epoch, result.stopped_because) == (1, "patience")
    # All windows are heard in each epoch: in about half as many steps of twice the size.
    steps = [row["step"] for row in result.history]
    assert steps[0] == steps[2] - steps[1] > steps[3] - steps[2] == steps[4] - steps[3]
    assert steps[3] - steps[2] == -(-steps[0] // 2)


def test_a_better_epoch_of_fine_tuning_is_the_result(rendition, tmp_path):
    second = {"lr": 1e-2, "batch_size": 8}
    config = configuration(U_NET, epochs=6, patience=2, optimiser=STILL, fine_tuning=second)
    result = run(config, rendition, tmp_path)
    assert result.best_epoch > 3
    assert result.best_score < result.history[0]["valid_loss"]
