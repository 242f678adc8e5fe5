import copy
import math
import random

import numpy as np
import pytest
import torch

from mssbench.augmentation.chain import Chain
from mssbench.data.rendition import Rendition
from mssbench.errors import Interrupted, UserError
from mssbench.training.config import LossTerm, TrainingConfig
from mssbench.training.crops import WindowCrops, downmix, make_crops, targets
from mssbench.training.keeper import Keeper
from mssbench.training.loop import Training, train
from mssbench.training.losses import total_loss
from mssbench.training.state import State
from mssbench.training.update import Adam, FiniteSteps

U_NET = {"name": "wave_u_net", "params": {"levels": 3, "filters": 4, "output": "single"}}
TASNET = {"name": "conv_tasnet_3x9", "params": {"N": 16, "B": 8, "H": 16, "X": 2, "R": 1}}
HTMD_NET = {
    "name": "htmd_net",
    "params": {"N": 16, "B": 8, "H": 16, "X": 2, "filters": 4, "levels": 6, "units": 8},
}
MAE = {"final": {"kind": "mae", "weight": 1.0}}
TWO_PROBES = {**MAE, "intermediate": {"kind": "mse", "weight": 0.5}}


def configuration(model=TASNET, **training):
    """Return a configuration for the tiny rendition; ``split`` and ``seed`` may be among it."""
    rest = {name: training.pop(name) for name in ("split", "seed") if name in training}
    return {
        "dataset": {"name": "tiny"},
        "rendition": {"rate": 8000, "channels": "mono"},
        "split": {"kind": "random", "train_share": 0.75, "seed": 1},
        "model": copy.deepcopy(model),
        "training": {
            "crops": {"kind": "windows", "samples": 2048},
            "batch_size": 4,
            "optimiser": {"name": "adam", "lr": 3e-3},
            "epochs": 3,
            "patience": 3,
            "loss": MAE,
            **training,
        },
        "seed": 0,
        **rest,
    }


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def run(config, rendition, folder, **hooks):
    return train(TrainingConfig.from_dict(config), rendition, folder, **hooks)


def assert_same(one, other):
    """Check that two results are equal bit for bit, but for the time that they took."""
    assert one.weights.keys() == other.weights.keys()
    for name, values in one.weights.items():
        assert torch.equal(values, other.weights[name]), name
    assert without_seconds(one.history) == without_seconds(other.history)
    assert (one.best_epoch, one.stopped_because) == (other.best_epoch, other.stopped_because)


def without_seconds(history):
    return [{name: repr(x) for name, x in row.items() if name != "seconds"} for row in history]


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


def test_a_normalised_song_is_heard_at_its_level_in_training_and_validation(rendition, tmp_path):
    rows = []
    for normalise in ("none", "song"):
        config = configuration(epochs=1, normalise=normalise)
        rows.append(run(config, rendition, tmp_path / normalise).history[0])
    # The mixtures' deviation is far below 1, so what is divided by it is louder.
    for loss in ("train_loss", "valid_loss"):
        assert rows[1][loss] > 2 * rows[0][loss]


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


def stop_after(calls):
    """Return a function that is False so many times and then True."""
    answers = iter([False] * calls)
    return lambda: next(answers, True)


RANDOM_CROPS = {"kind": "random", "samples": 2048, "steps_per_epoch": 7}
AUGMENTATION = [
    {"kind": "remix_groups", "group": 2},
    {"kind": "shift", "max_shift": 100},
    {"kind": "flip_sign"},
    {"kind": "gain", "low": 0.25, "high": 1.25},
    {"kind": "remix_half"},
]


@pytest.mark.parametrize(
    "config",
    [
        configuration(TASNET),
        configuration(HTMD_NET, loss=TWO_PROBES, epochs=2, crops=RANDOM_CROPS),
        configuration(U_NET, split={"kind": "all"}),
        configuration(TASNET, augmentation=AUGMENTATION),
    ],
    ids=["windows", "random", "all", "augmented"],
)
def test_a_run_that_is_stopped_again_and_again_ends_like_one_that_is_not(
    rendition, tmp_path, config
):
    rows, attempts, chance = [], 0, random.Random(0)
    result = None
    while result is None and attempts < 200:
        # Stops come between steps, at an epoch's end and in the middle of a validation.
        stop = stop_after(chance.randint(1, 9))
        attempts += 1
        try:
            result = run(
                config, rendition, tmp_path / "stopped", on_epoch=rows.append, should_stop=stop
            )
        except Interrupted:
            torch.rand(3)
    assert 3 < attempts < 200
    assert repr(rows) == repr(result.history)
    assert_same(result, run(config, rendition, tmp_path / "whole"))


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


def stereo_rendition(make_rendition):
    """Return a rendition of noise, whose mixtures are not the sums of their sources."""
    names = ("a", "b", "c", "d")
    generators = {name: np.random.default_rng(number) for number, name in enumerate(names)}
    return make_rendition({k: 0.1 * g.standard_normal((5, 2, 8192)) for k, g in generators.items()})


def heard_batches(training, monkeypatch):
    """Train and validate an epoch; return what the losses were computed of, part by part."""
    heard = {True: [], False: []}
    compute = training.losses

    def losses(stems):
        heard[training.model.training].append(stems.clone())
        return compute(stems)

    monkeypatch.setattr(training, "losses", losses)
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


def test_time_counts_through_all_attempts(rendition, tmp_path):
    config = configuration(U_NET, epochs=2)
    with pytest.raises(Interrupted):
        run(config, rendition, tmp_path, should_stop=stop_after(10))
    result = run(config, rendition, tmp_path)
    seconds = [row["seconds"] for row in result.history]
    assert 0 < seconds[0] < seconds[1] <= result.seconds + 0.001


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
    state = State(model, Adam(model, 1e-3), ("final",))
    torch.manual_seed(5)
    saved = copy.deepcopy(state.state_dict())
    expected = torch.rand(3)
    state.load_state_dict(saved)
    assert torch.equal(torch.rand(3), expected)


def flawed(make_rendition, flaws):
    """Return a rendition of noise; songs named in ``flaws`` hold a NaN in each window."""
    stems = {}
    for number, name in enumerate(("a", "b", "c", "d")):
        audio = 0.1 * np.random.default_rng(number).standard_normal((5, 1, 8192))
        if name in flaws:
            audio[..., ::512] = np.nan
        stems[name] = audio
    return make_rendition(stems)


def test_steps_that_are_not_finite_are_left_out_and_counted(make_rendition, tmp_path):
    config = configuration(split={"kind": "all"}, batch_size=1, epochs=4, patience=4)
    result = run(config, flawed(make_rendition, "b"), tmp_path / "checkpoints")
    # 4 of the 16 windows, and never ten of them in a row.
    assert [row["bad_steps"] for row in result.history] == [4, 4, 4, 4]
    assert all(math.isfinite(row["train_loss"]) for row in result.history)
    assert all(values.isfinite().all() for values in result.weights.values())


def test_a_run_without_finite_steps_is_given_up(make_rendition, tmp_path):
    config = configuration(split={"kind": "all"}, batch_size=1)
    with pytest.raises(UserError, match=r"10 steps up to step 10.*training\.optimiser\.lr"):
        run(config, flawed(make_rendition, "abcd"), tmp_path / "checkpoints")


def test_a_step_that_is_left_out_leaves_no_trace():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    optimiser = Adam(model, 0.1)
    update = FiniteSteps(model, optimiser)
    assert not update.take(model(torch.randn(8, 4)).square().mean())
    before = copy.deepcopy((model.state_dict(), optimiser.state_dict()["state"]))
    assert update.take(model(torch.full((8, 4), math.nan)).square().mean())
    # A finite loss with a gradient that is not.
    assert update.take((0 * model(torch.randn(8, 4))).sum().sqrt())
    after = (model.state_dict(), optimiser.state_dict()["state"])
    assert str(before) == str(after)
    assert not update.take(model(torch.randn(8, 4)).square().mean())
    assert not torch.equal(model[0].weight, before[0]["0.weight"])


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
