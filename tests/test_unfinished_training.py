"""What a training that was stopped, or has diverged, leaves in the folder of its checkpoints."""

import math

import pandas
import pytest
import torch
from small_runs import RANDOM_CROPS, U_NET, configuration, is_no_time, run, stop_after

from mssbench.data.rendition import Rendition
from mssbench.errors import Interrupted, UserError
from mssbench.models.wave_u_net import WaveUNet


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


@pytest.fixture
def broken_from(monkeypatch):
    """Return the function that has all steps from one on, counted from 1, give NaN."""
    compute, taken = WaveUNet.forward, []

    def from_step(first):
        def forward(model, mixture):
            taken.extend([None] * model.training)
            factor = math.nan if model.training and len(taken) >= first else 1.0
            return {name: factor * values for name, values in compute(model, mixture).items()}

        monkeypatch.setattr(WaveUNet, "forward", forward)

    return from_step


def steps_of(epoch, **training):
    crops = {**RANDOM_CROPS, "steps_per_epoch": epoch}
    return configuration(U_NET, crops=crops, **{"epochs": 9, "patience": 9, **training})


def written(folder):
    return pandas.read_csv(folder / "history.csv", usecols=is_no_time)


def states(folder):
    """Return the step and the bad steps in a row of each checkpoint, the older one first."""
    saved = [torch.load(file)["state"] for file in sorted(folder.glob("checkpoint-*.pt"))]
    return [(state["step"], int(state["bad"][0])) for state in saved]


def test_a_stopped_run_leaves_the_rows_of_its_epochs_and_goes_on_without_a_gap(rendition, tmp_path):
    config = steps_of(4, epochs=4)
    whole = pandas.DataFrame(run(config, rendition, tmp_path / "whole").history)
    whole = whole[[name for name in whole if is_no_time(name)]]
    found = []
    while len(found) < 30:
        try:
            # Some questions more than an epoch has: between two stops are steps and validations.
            run(config, rendition, tmp_path / "cut", should_stop=stop_after(13))
        except Interrupted:
            rows = written(tmp_path / "cut")
            found.append(len(rows))
            pandas.testing.assert_frame_equal(rows, whole.head(len(rows)), rtol=1e-12)
        else:
            break
    assert found == sorted(found)
    assert len(set(found)) > 1
    pandas.testing.assert_frame_equal(written(tmp_path / "cut"), whole, rtol=1e-12)


def test_a_run_that_diverged_leaves_its_rows_and_the_last_good_state(
    rendition, tmp_path, broken_from
):
    broken_from(6)
    with pytest.raises(UserError, match="not finite in the 15 steps up to step 20"):
        run(steps_of(4), rendition, tmp_path)
    rows = written(tmp_path)
    assert rows["epoch"].tolist() == [1, 2, 3, 4]
    assert rows["bad_steps"].tolist() == [0, 3, 4, 4]
    # Epochs end behind bad steps too; only the newest of those is kept.
    assert states(tmp_path) == [(4, 0), (16, 11)]


def test_while_steps_are_left_out_no_state_is_saved_within_an_epoch(
    rendition, tmp_path, broken_from
):
    broken_from(6)
    with pytest.raises(UserError, match="not finite in the 15 steps up to step 20"):
        run(steps_of(40), rendition, tmp_path, seconds_between_checkpoints=0)
    assert states(tmp_path) == [(4, 0), (5, 0)]


def test_a_run_stopped_again_and_again_while_steps_are_left_out_keeps_the_last_good_state(
    rendition, tmp_path, broken_from
):
    broken_from(4)
    with pytest.raises(Interrupted):
        run(steps_of(40), rendition, tmp_path, should_stop=stop_after(3))
    for bad in (1, 2, 3):
        with pytest.raises(Interrupted):
            run(steps_of(40), rendition, tmp_path, should_stop=stop_after(1))
        assert states(tmp_path) == [(3, 0), (3 + bad, bad)]
