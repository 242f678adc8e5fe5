import copy

import pytest
import torch
from small_runs import TASNET, configuration, run

from mssbench.data.rendition import Rendition
from mssbench.data.splits import split_songs
from mssbench.models.registry import build
from mssbench.training.average import Average
from mssbench.training.config import TrainingConfig
from mssbench.training.keeper import Keeper
from mssbench.training.loop import Training

TAKEN, LEFT_OUT = torch.tensor(False), torch.tensor(True)


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


def walk(average, model, weights, left_out=TAKEN):
    for value in weights:
        torch.nn.init.constant_(model[0].weight, value)
        model[1].num_batches_tracked.fill_(int(value))
        average.add(model, left_out)


def normalised():
    return torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))


def test_the_mean_weighs_each_step_by_its_age():
    model = normalised()
    average = Average(model, 0.5)
    walk(average, model, [1, 2, 4])
    assert average.model[0].weight.item() == pytest.approx((0.25 * 1 + 0.5 * 2 + 4) / 1.75)
    assert average.model[1].num_batches_tracked == 4
    assert model[0].weight.item() == 4


def test_the_mean_of_one_step_is_that_step_whatever_the_decay():
    model = normalised()
    average = Average(model, 0.9999)
    walk(average, model, [7])
    assert average.model[0].weight.item() == 7


def test_a_step_that_is_left_out_does_not_count():
    model = normalised()
    average = Average(model, 0.5)
    walk(average, model, [5], LEFT_OUT)
    walk(average, model, [1, 2])
    before = copy.deepcopy(average.state_dict())
    walk(average, model, [9], LEFT_OUT)
    assert str(average.state_dict()) == str(before)
    assert average.model[0].weight.item() == pytest.approx((0.5 * 1 + 2) / 1.5)


def test_a_restored_mean_goes_on():
    model = normalised()
    average, again = Average(model, 0.5), Average(normalised(), 0.5)
    walk(average, model, [1, 2])
    again.load_state_dict(copy.deepcopy(average.state_dict()))
    walk(average, model, [3])
    walk(again, model, [3])
    assert str(again.state_dict()) == str(average.state_dict())


def test_the_mean_is_what_is_validated_chosen_and_saved(rendition, tmp_path):
    # Last weights and mean ones are far apart with so large a step.
    config = configuration(
        TASNET, epochs=4, average={"decay": 0.9}, optimiser={"name": "adam", "lr": 0.05}
    )
    read = TrainingConfig.from_dict(config)
    training = Training(read, rendition, torch.device("cpu"))
    result = training.run(Keeper(tmp_path, {}, 300.0, lambda: False), lambda row: None)
    losses = [row["valid_loss"] for row in result.history]
    assert result.best_score == min(losses) == losses[result.best_epoch - 1]

    def validated(weights):
        model = build(TASNET["name"], TASNET["params"])
        model.load_state_dict(weights)
        return loss_of(model, training, rendition, config)

    assert validated(result.weights) == pytest.approx(result.best_score, rel=1e-5)
    mean, last = training.state.average.model.state_dict(), training.model.state_dict()
    assert validated(mean) == pytest.approx(losses[-1], rel=1e-5)
    assert validated(last) != pytest.approx(losses[-1], rel=1e-3)


def loss_of(model, training, rendition, config):
    """Return a model's mean loss on the validation song, window by window."""
    from mssbench.training.crops import WindowCrops
    from mssbench.training.objective import Objective

    (song,) = split_songs(rendition, config["split"]).valid
    crops = WindowCrops(rendition, [song], 2048, 1)
    objective = Objective(model.eval(), training.options, rendition.stems)
    with torch.no_grad():
        losses = [objective(crops.batch(n))[0].item() for n in range(crops.steps_per_epoch)]
    return sum(losses) / len(losses)


def test_the_mean_leaves_the_course_of_training_as_it_is(rendition, tmp_path):
    losses = {}
    for name, average in (("with", {"decay": 0.99}), ("without", None)):
        result = run(configuration(average=average), rendition, tmp_path / name)
        losses[name] = [row["train_loss"] for row in result.history]
    assert losses["with"] == losses["without"]
