import math

import pytest
import torch
from small_runs import U_NET, configuration, run

from mssbench.data.rendition import Rendition
from mssbench.data.splits import split_songs
from mssbench.errors import UserError
from mssbench.models.registry import build
from mssbench.training.crops import WindowCrops
from mssbench.training.losses import si_sdr
from mssbench.training.score import MeanSiSdr
from mssbench.training.stems import targets

STILL = {"name": "adam", "lr": 1e-30}


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


def test_the_mean_is_over_signals_that_are_not_silent():
    torch.manual_seed(0)
    truth = torch.randn(4, 2, 1, 500)
    estimate = truth + 0.1 * torch.randn_like(truth)
    truth[1] = 0
    mean = MeanSiSdr(torch.device("cpu"))
    mean.add(estimate[:3], truth[:3])
    mean.add(estimate[3:], truth[3:])
    active = [0, 2, 3]
    expected = si_sdr(estimate[active], truth[active]).mean().item()
    assert mean.value() == pytest.approx(expected)
    assert mean.value() == pytest.approx(20, abs=1)
    mean.reset()
    assert math.isnan(mean.value())


def test_the_highest_si_sdr_of_the_validation_songs_decides(rendition, tmp_path):
    # So large a step that the score goes up and down, yet stays where rounding does not decide it.
    config = configuration(
        U_NET, epochs=6, patience=6, score="si_sdr", optimiser={"name": "adam", "lr": 0.01}
    )
    result = run(config, rendition, tmp_path)
    scores = [row["valid_score"] for row in result.history]
    assert result.best_score == max(scores) == result.history[-1]["best"]
    assert result.best_epoch == 1 + scores.index(max(scores))

    model = build(U_NET["name"], U_NET["params"])
    model.load_state_dict(result.weights)
    (song,) = split_songs(rendition, config["split"]).valid
    crops = WindowCrops(rendition, [song], 2048, 1)
    mean = MeanSiSdr(torch.device("cpu"))
    with torch.no_grad():
        for n in range(crops.steps_per_epoch):
            mixture, truth = targets(crops.batch(n), rendition.stems, model.targets)
            inner = slice(model.context, truth.shape[-1] - model.context)
            mean.add(model.eval()(mixture)["final"], truth[..., inner])
    assert result.best_score == pytest.approx(mean.value(), abs=1e-4)


def test_a_score_that_does_not_rise_exhausts_the_patience(rendition, tmp_path):
    config = configuration(U_NET, epochs=10, patience=2, score="si_sdr", optimiser=STILL)
    result = run(config, rendition, tmp_path)
    assert (len(result.history), result.stopped_because) == (3, "patience")


def test_a_study_may_stop_by_the_training_loss(rendition, tmp_path):
    config = configuration(U_NET, epochs=3, score="train_loss")
    result = run(config, rendition, tmp_path)
    losses = [row["train_loss"] for row in result.history]
    assert result.best_score == min(losses)
    # Validation goes on for the history's sake.
    assert not any(math.isnan(row["valid_loss"]) for row in result.history)


def test_si_sdr_needs_songs_for_validation(rendition, tmp_path):
    config = configuration(U_NET, score="si_sdr", split={"kind": "all"})
    with pytest.raises(UserError, match=r"training\.score is 'si_sdr'.*'loss'"):
        run(config, rendition, tmp_path)
