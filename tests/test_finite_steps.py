import copy
import math
import re

import pytest
import torch
from small_runs import configuration, flawed, run

from mssbench.errors import UserError
from mssbench.training.config import TrainingConfig
from mssbench.training.crops import make_crops
from mssbench.training.optimisers import build_optimiser
from mssbench.training.update import FiniteSteps

OPTIMISERS = {
    "adam": {},
    "adam, not fused": {"name": "adam", "fused": False},
    "adamw": {},
    "rmsprop": {"momentum": 0.5},
    "adadelta": {},
    "radam": {},
    # Slow and fast weights meet at every other step.
    "ranger": {"k": 2, "weight_decay": 1e-3},
}


def test_steps_that_are_not_finite_are_left_out_and_counted(make_rendition, tmp_path):
    config = configuration(split={"kind": "all"}, batch_size=1, epochs=4, patience=4)
    result = run(config, flawed(make_rendition, "b"), tmp_path / "checkpoints")
    # 4 of the 16 windows, and never ten of them in a row.
    assert [row["bad_steps"] for row in result.history] == [4, 4, 4, 4]
    assert all(math.isfinite(row["train_loss"]) for row in result.history)
    assert all(values.isfinite().all() for values in result.weights.values())


def test_the_mean_weights_stay_finite_too(make_rendition, tmp_path):
    config = configuration(split={"kind": "all"}, batch_size=1, epochs=1, average={"decay": 0.9})
    result = run(config, flawed(make_rendition, "b"), tmp_path / "checkpoints")
    assert result.history[0]["bad_steps"] == 4
    assert all(values.isfinite().all() for values in result.weights.values())


def test_a_run_without_finite_steps_is_given_up_and_its_songs_are_named(make_rendition, tmp_path):
    config, rendition = configuration(split={"kind": "all"}), flawed(make_rendition, "abcd")
    with pytest.raises(UserError) as given:
        run(config, rendition, tmp_path / "checkpoints")
    read = TrainingConfig.from_dict(config).training
    crops = make_crops(read.crops, rendition, rendition.songs, read.batch_size, seed=0)
    songs = sorted({rendition.songs[number].name for number in crops.places(9)[0]})
    assert re.search(r"10 steps up to step 10 .*training\.optimiser\.lr", str(given.value))
    assert f"(batch 9, cut from {', '.join(map(repr, songs))})" in str(given.value)


def updates(name):
    """Return a model with batch normalisation, its optimiser of that name and its updates."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    optimiser = {"name": name, "lr": 0.1, **OPTIMISERS[name]}
    read = TrainingConfig.from_dict(configuration(optimiser=optimiser)).training
    optimiser = build_optimiser(read.optimiser, model)
    return model, optimiser, FiniteSteps(model, optimiser)


def mean_square(model):
    return lambda batch: (model(batch).square().mean(), {})


def rootless(model):
    """Return a finite loss with a gradient that is not."""
    return lambda batch: ((0 * model(batch)).sum().sqrt(), {})


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_step_that_is_left_out_leaves_no_trace(name):
    flawed_run, flawless_run = updates(name), updates(name)
    good, nan = torch.randn(5, 8, 4), torch.full((8, 4), math.nan)
    # The first step is a bad one: what it would begin is not there yet.
    for batch in (nan, good[0], nan, good[1], good[2], nan, good[3], good[4]):
        model, _, update = flawed_run
        *_, left_out = update.take(mean_square(model), batch)
        assert bool(left_out) == bool(batch.isnan().any())
        *_, left_out = update.take(rootless(model), good[0])
        assert left_out
    for batch in good:
        model, _, update = flawless_run
        assert not update.take(mean_square(model), batch)[2]
    (one, its_optimiser, _), (other, other_optimiser, _) = flawed_run, flawless_run
    assert str(one.state_dict()) == str(other.state_dict())
    assert str(its_optimiser.state_dict()) == str(other_optimiser.state_dict())
    assert not torch.equal(one[0].weight, updates(name)[0][0].weight)


def test_a_long_gradient_is_shortened_and_a_short_one_is_not():
    steps = {}
    for norm in (None, 1e-3, 1e3):
        model = torch.nn.Linear(4, 1)
        torch.nn.init.ones_(model.weight)
        torch.nn.init.zeros_(model.bias)
        update = FiniteSteps(model, torch.optim.SGD(model.parameters(), lr=1.0), clip_norm=norm)
        before = copy.deepcopy(list(model.parameters()))
        update.take(mean_square(model), torch.ones(3, 4))
        moved = [(a - b).flatten() for a, b in zip(before, model.parameters(), strict=True)]
        steps[norm] = torch.cat(moved).norm().item()
    assert steps[1e-3] == pytest.approx(1e-3, rel=1e-3)
    assert steps[1e3] == steps[None] > 1


@pytest.mark.parametrize("pieces", [2, 3, 8, 9])
def test_a_batch_in_pieces_gives_the_gradient_and_losses_of_the_whole(pieces):
    torch.manual_seed(0)
    model, batch = torch.nn.Linear(4, 3), torch.randn(8, 4)

    def objective(examples):
        loss = model(examples).square().mean()
        return loss, {"half": loss / 2}

    update = FiniteSteps(model, torch.optim.SGD(model.parameters(), lr=0.1))
    found = []
    for count in (1, pieces):
        total, terms = update.gradients(objective, batch, count)
        found.append([total, terms["half"], *(p.grad.clone() for p in model.parameters())])
    torch.testing.assert_close(found[0], found[1])
