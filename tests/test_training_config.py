import copy
import json

import pytest
import yaml

from mssbench.augmentation.config import GainConfig, RemixGroupsConfig, ShiftConfig, margin
from mssbench.errors import UserError
from mssbench.provenance import digest
from mssbench.training.config import RandomCropsConfig, TrainingConfig, WindowCropsConfig

CONFIG = yaml.safe_load("""
dataset: {name: synthetic, seconds: 12.0}
rendition: {rate: 22050, channels: mono}
split: {kind: random, train_share: 0.75, seed: 1337}
model: {name: htmd_net, params: {levels: 11}}
training:
  crops: {kind: windows, samples: 16384}
  batch_size: 8
  optimiser: {name: adam, lr: 1.0e-4}
  epochs: 150
  patience: 20
  loss: {final: {kind: mae, weight: 1}, intermediate: {kind: mse, weight: 0.5}}
seed: 0
""")


def edited(path, value):
    """Return the configuration with the key at a dotted path set, or removed for None."""
    config = copy.deepcopy(CONFIG)
    *above, last = path.split(".")
    part = config
    for name in above:
        part = part[name]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return config


def test_a_resolved_configuration_is_read_whole():
    config = TrainingConfig.from_dict(CONFIG)
    assert config.rendition.rate == 22050
    assert config.model.params == {"levels": 11}
    assert config.training.crops == WindowCropsConfig("windows", 16384)
    assert config.training.optimiser.lr == 1e-4
    assert config.training.loss["intermediate"].kind == "mse"
    assert config.resolved == CONFIG


def test_whole_numbers_serve_as_numbers():
    weight = TrainingConfig.from_dict(CONFIG).training.loss["final"].weight
    assert isinstance(weight, float)


def test_json_and_back_is_the_same_configuration():
    again = TrainingConfig.from_dict(json.loads(json.dumps(CONFIG)))
    assert again == TrainingConfig.from_dict(CONFIG)


def test_the_kind_of_crops_decides_their_keys():
    crops = {"kind": "random", "samples": 16384, "steps_per_epoch": 100}
    read = TrainingConfig.from_dict(edited("training.crops", crops))
    assert read.training.crops == RandomCropsConfig("random", 16384, 100)


def test_without_augmentation_nothing_is_augmented_and_the_digest_stays():
    config = TrainingConfig.from_dict(CONFIG)
    assert config.training.augmentation == ()
    # Names finished runs: must never change.
    assert digest(config.resolved) == "6ddefca9"
    assert TrainingConfig.from_dict(edited("training.augmentation", [])) == config


def test_without_a_memory_budget_the_device_decides():
    assert TrainingConfig.from_dict(CONFIG).training.memory_gb is None
    null = copy.deepcopy(CONFIG)
    null["training"]["memory_gb"] = None
    assert TrainingConfig.from_dict(null).training.memory_gb is None
    assert TrainingConfig.from_dict(edited("training.memory_gb", 6)).training.memory_gb == 6.0


def augmented(*steps, channels="mono", batch_size=8):
    """Return the configuration with a list of augmentations."""
    config = edited("training.augmentation", list(steps))
    config["rendition"]["channels"] = channels
    config["training"]["batch_size"] = batch_size
    return config


GAIN = {"kind": "gain", "low": 0.7, "high": 1}
SWAP, CHANNEL = {"kind": "swap_channels"}, {"kind": "random_channel"}
HALF, GROUPS = {"kind": "remix_half"}, {"kind": "remix_groups", "group": 4}


def test_augmentation_is_read_in_its_order():
    shift = {"kind": "shift", "max_shift": 100}
    config = augmented(GAIN, shift, GROUPS, {**shift, "max_shift": 20})
    steps = TrainingConfig.from_dict(config).training.augmentation
    assert steps == (
        GainConfig("gain", 0.7, 1.0),
        ShiftConfig("shift", 100),
        RemixGroupsConfig("remix_groups", 4),
        ShiftConfig("shift", 20),
    )
    assert margin(steps) == 120


def test_stereo_augmentation_suits_stereo():
    config = augmented(SWAP, GAIN, CHANNEL, HALF, channels="stereo", batch_size=3)
    kinds = [step.kind for step in TrainingConfig.from_dict(config).training.augmentation]
    assert kinds == ["swap_channels", "gain", "random_channel", "remix_half"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (augmented(GAIN, SWAP), ["augmentation[1].kind is 'swap_channels'", "is mono", "gain"]),
        (augmented(CHANNEL), ["augmentation[0].kind is 'random_channel'", "is mono", "remix"]),
        (
            augmented(CHANNEL, SWAP, channels="stereo"),
            ["augmentation[1].kind is 'swap_channels'", "augmentation[0] leaves one"],
        ),
        (augmented(CHANNEL, CHANNEL, channels="stereo"), ["augmentation[1].kind", "leaves one"]),
        (
            augmented(GROUPS, batch_size=6),
            ["augmentation[0].group is 4", "batch_size 6", "2, 3, 6"],
        ),
        (augmented({**GROUPS, "group": 1}), ["augmentation[0].group is 1", "at least 2"]),
        (augmented(HALF, batch_size=2), ["augmentation[0].kind is 'remix_half'", "at least 3"]),
        (augmented({"kind": "remix"}, batch_size=1), ["'remix'", "at least 2; it is 1"]),
        (augmented({**GAIN, "low": 1.5}), ["augmentation[0].low is 1.5", "at most high, 1"]),
        (augmented({**GAIN, "low": -1}), ["augmentation[0].low is -1", "at least 0"]),
        (augmented({"kind": "gain", "low": 1}), ["'training.augmentation[0].high' is missing"]),
        (augmented({"kind": "flip"}), ["augmentation[0].kind is 'flip'", "flip_sign, swap"]),
        (augmented("flip_sign"), ["augmentation[0] is 'flip_sign'", "map"]),
        (edited("training.augmentation", GAIN), ["training.augmentation is", "a list"]),
        (
            edited(
                "training.crops",
                {"kind": "random", "samples": 9, "steps_per_epoch": 1, "voiced_share": 1.5},
            ),
            ["training.crops.voiced_share is 1.5", "at most 1"],
        ),
    ],
)
def test_augmentation_that_does_not_fit_is_refused(config, words):
    with pytest.raises(UserError) as refused:
        TrainingConfig.from_dict(config)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("training.batch_size", None, ["'training.batch_size' is missing"]),
        ("training.dropout", 0.1, ["'training.dropout'", "unknown", "batch_size"]),
        ("training.crops.kind", "all", ["training.crops.kind is 'all'", "random, windows"]),
        ("training.crops.kind", None, ["'training.crops.kind' is missing", "random, windows"]),
        ("training.crops.steps_per_epoch", 5, ["'training.crops.steps_per_epoch'", "unknown"]),
        ("training.crops.samples", 16384.0, ["training.crops.samples is 16384.0", "whole number"]),
        ("training.memory_gb", -1, ["training.memory_gb is -1", "at least 0"]),
        ("training.memory_gb", "6 GB", ["training.memory_gb is '6 GB'", "a number"]),
        ("training.epochs", 0, ["training.epochs is 0", "at least 1"]),
        ("training.epochs", True, ["training.epochs is True", "whole number"]),
        ("training.optimiser.lr", "1e-4", ["training.optimiser.lr is '1e-4'", "write 1.0e-4"]),
        ("training.optimiser.lr", 0.0, ["training.optimiser.lr is 0.0", "above 0"]),
        ("training.optimiser.lr", float("nan"), ["training.optimiser.lr is nan", "finite"]),
        ("training.optimiser.name", "sgd", ["training.optimiser.name is 'sgd'", "adam"]),
        (
            "training.loss.final.kind",
            "l1",
            ["training.loss.final.kind is 'l1'", "mae, mse, si_sdr"],
        ),
        ("training.loss.final.weight", "1", ["training.loss.final.weight is '1'", "number"]),
        ("training.loss", {}, ["training.loss", "weight above 0"]),
        ("rendition.channels", "both", ["rendition.channels is 'both'", "mono, stereo"]),
        ("model", "htmd_net", ["model is 'htmd_net'", "map"]),
        ("model.name", 3, ["model.name is 3", "text"]),
        ("seed", -1, ["seed is -1", "at least 0"]),
        ("colour", "red", ["'colour'", "unknown", "dataset"]),
    ],
)
def test_a_mistake_is_refused_with_its_key_and_what_is_allowed(path, value, words):
    with pytest.raises(UserError) as refused:
        TrainingConfig.from_dict(edited(path, value))
    for word in words:
        assert word in str(refused.value)
