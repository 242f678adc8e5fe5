import math

import pytest
import torch
from small_runs import HTMD_NET, TASNET, TWO_PROBES, U_NET, assert_same, configuration, run

from mssbench.data.rendition import Rendition
from mssbench.training.config import LossTerm
from mssbench.training.crops import WindowCrops
from mssbench.training.losses import total_loss
from mssbench.training.stems import targets


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


def validation_loss(model, rendition, song, spec, samples=2048):
    model.eval()
    crops = WindowCrops(rendition, [song], samples, 1)
    losses = []
    with torch.no_grad():
        for n in range(crops.steps_per_epoch):
            mixture, truth = targets(crops.batch(n), rendition.stems, model.targets)
            losses.append(total_loss(model.compare(mixture, truth, spec), spec)[0].item())
    return sum(losses) / len(losses)


def test_training_learns_to_separate(rendition, tmp_path):
    config = configuration(U_NET, epochs=8, patience=8, optimiser={"name": "adam", "lr": 1e-2})
    history = run(config, rendition, tmp_path).history
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    assert min(row["valid_loss"] for row in history) < 0.8 * history[0]["valid_loss"]


def test_a_model_looks_at_the_training_mixtures_before_the_first_step(rendition, tmp_path):
    config = configuration(
        {
            "name": "meta_tasnet",
            "params": {"stages": 1, "first_rate": rendition.rate, "N": 8, "B": 8, "H": 8, "X": 2},
        },
        loss={"final": {"kind": "si_snr", "weight": 1}},
    )
    weights = run(config, rendition, tmp_path).weights
    means = weights["stages.0.encoder.spectrogram.mean"]
    assert means.abs().min() > 0


def test_the_best_epochs_weights_are_the_result(rendition, tmp_path):
    # So large a step that the validation loss goes up and down.
    config = configuration(epochs=8, patience=8, optimiser={"name": "adam", "lr": 0.1})
    result = run(config, rendition, tmp_path)
    losses = [row["valid_loss"] for row in result.history]
    assert result.best_epoch == 1 + losses.index(min(losses)) < len(losses)
    assert result.best_score == min(losses) == result.history[-1]["best"]

    from mssbench.data.splits import split_songs
    from mssbench.models.registry import build

    model = build(TASNET["name"], TASNET["params"])
    model.load_state_dict(result.weights)
    (song,) = split_songs(rendition, config["split"]).valid
    spec = {"final": LossTerm("mae", 1.0)}
    expected = validation_loss(model, rendition, song, spec)
    assert result.best_score == pytest.approx(expected, rel=1e-5)


def test_training_stops_when_patience_is_over(rendition, tmp_path):
    # Too small a step to change a float32 weight: no epoch is better than the first.
    config = configuration(U_NET, epochs=10, patience=2, optimiser={"name": "adam", "lr": 1e-30})
    result = run(config, rendition, tmp_path)
    assert [row["epoch"] for row in result.history] == [1, 2, 3]
    assert (result.best_epoch, result.stopped_because) == (1, "patience")


def test_without_validation_songs_the_training_loss_decides(rendition, tmp_path):
    result = run(configuration(U_NET, split={"kind": "all"}), rendition, tmp_path)
    assert all(math.isnan(row["valid_loss"]) for row in result.history)
    assert result.best_score == min(row["train_loss"] for row in result.history)


def test_the_history_has_the_loss_of_each_probe(rendition, tmp_path):
    config = configuration(HTMD_NET, epochs=1, loss=TWO_PROBES)
    (row,) = run(config, rendition, tmp_path).history
    for part in ("train", "valid"):
        weighted = row[f"{part}_final"] + 0.5 * row[f"{part}_intermediate"]
        assert row[f"{part}_loss"] == pytest.approx(weighted)


def test_the_seed_decides_the_first_weights_and_the_course(rendition, tmp_path):
    # Too small a step to change a float32 weight: the result holds the first weights.
    still = {"name": "adam", "lr": 1e-30}
    for name, optimiser in (("first", still), ("course", {"name": "adam", "lr": 1e-3})):
        config = configuration(U_NET, epochs=1, optimiser=optimiser)
        one = run(config, rendition, tmp_path / name / "one")
        assert_same(one, run(config, rendition, tmp_path / name / "same"))
        other = run({**config, "seed": 1}, rendition, tmp_path / name / "other")
        assert not torch.equal(one.weights["bottom.weight"], other.weights["bottom.weight"])


def test_a_batch_in_pieces_trains_like_the_whole(rendition, tmp_path):
    rows = []
    for pieces in (1, 3):
        config = configuration(U_NET, accumulate=pieces)
        rows.append(run(config, rendition, tmp_path / str(pieces)).history)
    for one, other in zip(*rows, strict=True):
        assert one["step"] == other["step"]
        for loss in ("train_loss", "valid_loss"):
            assert other[loss] == pytest.approx(one[loss], rel=1e-4)
