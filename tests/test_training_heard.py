import numpy as np
import pytest
import torch
from small_runs import AUGMENTATION, RANDOM_CROPS, TASNET, U_NET, assert_same, configuration, run

from mssbench.augmentation.chain import Chain
from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.training.config import TrainingConfig
from mssbench.training.crops import WindowCrops, make_crops
from mssbench.training.feeds import Feeds
from mssbench.training.keeper import Keeper
from mssbench.training.loop import Training
from mssbench.training.objective import Objective
from mssbench.training.resident import ResidentCrops, held_bytes
from mssbench.training.stems import downmix


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


def test_a_normalised_song_is_heard_at_its_level_in_training_and_validation(rendition, tmp_path):
    rows = []
    for normalise in ("none", "song"):
        config = configuration(epochs=1, normalise=normalise)
        rows.append(run(config, rendition, tmp_path / normalise).history[0])
    # The mixtures' deviation is far below 1, so what is divided by it is louder.
    for loss in ("train_loss", "valid_loss"):
        assert rows[1][loss] > 2 * rows[0][loss]


def test_augmentation_changes_the_course_and_an_empty_list_does_not(rendition, tmp_path):
    results = {
        name: run(configuration(U_NET, epochs=1, **training), rendition, tmp_path / name)
        for name, training in {
            "without": {},
            "empty": {"augmentation": []},
            "augmented": {"augmentation": AUGMENTATION},
        }.items()
    }
    assert_same(results["empty"], results["without"])
    losses = [result.history[0]["train_loss"] for result in results.values()]
    assert losses[2] != losses[0]


@pytest.mark.parametrize(
    "training",
    [{}, {"crops": {**RANDOM_CROPS, "voiced_share": 0.5}, "augmentation": AUGMENTATION}],
    ids=["windows", "voiced-augmented"],
)
def test_a_training_set_held_in_memory_gives_the_same_weights(
    rendition, tmp_path, caplog, training
):
    caplog.set_level("INFO")
    read, held, too_large = (
        run(configuration(TASNET, epochs=2, **training, **budget), rendition, tmp_path / str(n))
        for n, budget in enumerate([{}, {"memory_gb": 1}, {"memory_gb": 1e-4}])
    )
    assert_same(held, read)
    assert_same(too_large, read)
    said = [line for line in caplog.messages if "training set" in line]
    assert ["held in memory" in line for line in said] == [True, False]
    said = [line for line in caplog.messages if "validation set" in line]
    assert ["held in memory" in line for line in said] == [True, False]


@pytest.mark.parametrize("spare", [0, -1])
def test_validation_songs_are_held_beside_those_of_training_if_the_budget_is_for_both(
    rendition, spare
):
    def feeds(**budget):
        config = TrainingConfig.from_dict(configuration(TASNET, normalise="song", **budget))
        made = Feeds(config, rendition, torch.device("cpu"), 1)
        return made.validation(), made

    read, made = feeds()
    training = made.training(2)
    assert read.source is read.crops
    budget = held_bytes(training.crops) + held_bytes(read.crops) + spare + 0.5
    held, made = feeds(memory_gb=budget / 1e9)
    for batch_size in (2, 3):  # as fine-tuning has another
        assert isinstance(made.training(batch_size).source, ResidentCrops)
        assert isinstance(held.source, ResidentCrops) == (spare == 0)
        steps = read.steps_per_epoch
        for batch, expected in zip(held.batches(0, steps), read.batches(0, steps), strict=True):
            assert torch.equal(batch, expected)


def stereo_rendition(make_rendition):
    """Return a rendition of noise, whose mixtures are not the sums of their sources."""
    names = ("a", "b", "c", "d")
    generators = {name: np.random.default_rng(number) for number, name in enumerate(names)}
    return make_rendition({k: 0.1 * g.standard_normal((5, 2, 8192)) for k, g in generators.items()})


def heard_batches(training, monkeypatch):
    """Train and validate an epoch; return what the losses were computed of, part by part."""
    heard = {True: [], False: []}
    compute = Objective.__call__

    def losses(objective, stems):
        heard[objective.model.training].append(stems.clone())
        return compute(objective, stems)

    monkeypatch.setattr(Objective, "__call__", losses)
    return heard


@pytest.mark.parametrize("channels", [1, 2])
def test_training_hears_sums_of_augmented_sources_and_validation_the_songs_themselves(
    make_rendition, tmp_path, monkeypatch, channels
):
    rendition = stereo_rendition(make_rendition)
    listed = [*AUGMENTATION, {"kind": "swap_channels" if channels == 2 else "random_channel"}]
    model = {**U_NET, "params": {**U_NET["params"], "channels": channels}}
    config = configuration(model, epochs=1, crops=RANDOM_CROPS, augmentation=listed)
    config["rendition"]["channels"] = "stereo"
    read = TrainingConfig.from_dict(config)
    training = Training(read, rendition, torch.device("cpu"))
    heard = heard_batches(training, monkeypatch)
    keeper = Keeper(tmp_path, {}, 300.0, lambda: False)
    training.run(keeper, lambda row: None)

    from mssbench.data.splits import split_songs

    split = split_songs(rendition, config["split"])
    crops = make_crops(read.training.crops, rendition, split.train, 4, 0, margin=100)
    chain = Chain(read.training.augmentation, 0)
    assert len(heard[True]) == 7
    for n, stems in enumerate(heard[True]):
        assert stems.shape == (4, 5, channels, 2048)
        assert torch.equal(stems[:, 1:], chain(crops.batch(n)[:, 1:], n))
        torch.testing.assert_close(stems[:, 0], stems[:, 1:].sum(dim=1))
    songs = WindowCrops(rendition, split.valid, 2048, 4)
    assert len(heard[False]) == songs.steps_per_epoch
    for n, stems in enumerate(heard[False]):
        assert torch.equal(stems, downmix(songs.batch(n), channels))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rendition": {"rate": 16000, "channels": "mono"}}, ["8000 Hz mono", "16000 Hz"]),
        ({"model": {"name": "mixture", "params": {}}}, ["'mixture'", "nothing to train"]),
        ({"model": {**U_NET, "params": {"channels": 2}}}, ["2 audio channels", "has 1"]),
        ({"model": {**U_NET, "params": {"levels": 12}}}, ["2048", "multiples of 4096"]),
    ],
)
def test_what_does_not_fit_is_refused(rendition, tmp_path, changes, words):
    config = {**configuration(epochs=1), **changes}
    with pytest.raises(UserError) as refused:
        run(config, rendition, tmp_path)
    for word in words:
        assert word in str(refused.value)


def test_a_stereo_model_of_one_random_channel_is_refused(make_rendition, tmp_path):
    stereo = {**U_NET, "params": {**U_NET["params"], "channels": 2}}
    config = configuration(stereo, augmentation=[{"kind": "random_channel"}])
    config["rendition"]["channels"] = "stereo"
    with pytest.raises(UserError, match="2 audio channels, random_channel leaves 1"):
        run(config, stereo_rendition(make_rendition), tmp_path / "checkpoints")


def test_an_unknown_probe_is_refused(rendition, tmp_path):
    config = configuration(loss={"masked": {"kind": "mae", "weight": 1.0}})
    with pytest.raises(UserError, match=r"training\.loss\.masked.*final"):
        run(config, rendition, tmp_path)
