import copy

import pytest
import yaml

from mssbench.errors import UserError
from mssbench.training.config import AverageConfig, TrainingConfig
from mssbench.training.optimiser_config import AdadeltaConfig, AdamConfig, RangerConfig
from mssbench.training.schedule import CosineConfig, FineTuningConfig, PlateauConfig

CONFIG = yaml.safe_load("""
dataset: {name: synthetic}
rendition: {rate: 22050, channels: mono}
split: {kind: all}
model: {name: wave_u_net, params: {}}
training:
  crops: {kind: windows, samples: 16384}
  batch_size: 8
  optimiser: {name: adam, lr: 1.0e-4}
  epochs: 150
  patience: 20
  loss: {final: {kind: mae, weight: 1}}
seed: 0
""")

RANGER = {"name": "ranger", "lr": 1e-3}
PLATEAU = {"kind": "plateau", "factor": 0.5, "patience": 3}
COSINE = {"kind": "cosine", "steps": 200_000, "restart": 0.85}
TUNED = {"lr": 1e-5, "batch_size": 32}


def read(**training):
    config = copy.deepcopy(CONFIG)
    config["training"] |= training
    return TrainingConfig.from_dict(config).training


def test_what_is_left_out_changes_nothing():
    left_out = {
        **{"schedule": None, "warm_up": 0, "fine_tuning": None, "clip_norm": None},
        **{"accumulate": 1, "average": None, "score": "loss", "precision": "float32"},
        **{
            "tf32": None,
            "compile": False,
            "compile_mode": "default",
            "channels_last": False,
            "deterministic": False,
        },
        **{"score_on": "windows"},
    }
    assert read() == read(**left_out)
    assert read().optimiser == AdamConfig("adam", 1e-4, (0.9, 0.999), 1e-8, 0.0)


def test_the_name_of_an_optimiser_decides_its_keys():
    ranger = read(optimiser={**RANGER, "weight_decay": 5e-4, "betas": [0.9, 0.99]}).optimiser
    assert ranger == RangerConfig("ranger", 1e-3, (0.9, 0.99), 1e-5, 5e-4, 6, 0.5)
    assert read(optimiser={"name": "adadelta", "rho": 0.95}).optimiser == AdadeltaConfig(
        "adadelta", 1.0, 0.95
    )


def test_schedules_and_phases_are_read():
    assert read(schedule=PLATEAU).schedule == PlateauConfig("plateau", 0.5, 3)
    assert read(schedule=COSINE).schedule == CosineConfig("cosine", 200_000, 0.85, 0.0)
    assert read(fine_tuning=TUNED).fine_tuning == FineTuningConfig(1e-5, 32)
    assert read(average={"decay": 0.999}).average == AverageConfig(0.999)
    assert read(tf32=True, compile=True).tf32 is True


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"optimiser": {"name": "adam"}}, ["'training.optimiser.lr' is missing"]),
        ({"optimiser": {"lr": 1e-3}}, ["'training.optimiser.name' is missing", "ranger"]),
        ({"optimiser": {**RANGER, "name": "lion"}}, ["name is 'lion'", "adam, adamw, rmsprop"]),
        ({"optimiser": {**RANGER, "rho": 0.9}}, ["unknown key 'training.optimiser.rho'", "alpha"]),
        ({"optimiser": {**RANGER, "fused": True}}, ["unknown key 'training.optimiser.fused'"]),
        ({"optimiser": {"name": "adam", "lr": 1, "fused": 1}}, ["optimiser.fused is 1", "true"]),
        ({"optimiser": {**RANGER, "betas": [0.9]}}, ["optimiser.betas is [0.9]", "list of 2"]),
        ({"optimiser": {**RANGER, "betas": [0.9, 1]}}, ["optimiser.betas[1] is 1", "below 1"]),
        ({"optimiser": {**RANGER, "k": 0}}, ["optimiser.k is 0", "at least 1"]),
        ({"optimiser": {**RANGER, "alpha": 1.5}}, ["optimiser.alpha is 1.5", "at most 1"]),
        ({"schedule": {"kind": "step"}}, ["schedule.kind is 'step'", "plateau, cosine"]),
        ({"schedule": {**PLATEAU, "factor": 1}}, ["schedule.factor is 1", "below 1"]),
        ({"schedule": {**COSINE, "restart": 0}}, ["schedule.restart is 0", "above 0"]),
        ({"schedule": {"kind": "cosine"}}, ["'training.schedule.steps' is missing"]),
        ({"warm_up": -1}, ["training.warm_up is -1", "at least 0"]),
        ({"fine_tuning": {"lr": 1e-5}}, ["'training.fine_tuning.batch_size' is missing"]),
        ({"clip_norm": 0}, ["training.clip_norm is 0", "above 0"]),
        ({"accumulate": 9}, ["training.accumulate is 9", "training.batch_size, 8"]),
        (
            {"accumulate": 5, "fine_tuning": {"lr": 1e-5, "batch_size": 4}},
            ["training.accumulate is 5", "training.fine_tuning.batch_size, 4"],
        ),
        (
            {
                "augmentation": [{"kind": "remix_groups", "group": 4}],
                "fine_tuning": {"lr": 1e-5, "batch_size": 6},
            },
            ["augmentation[0].group is 4", "6"],
        ),
        ({"average": {"decay": 1}}, ["training.average.decay is 1", "below 1"]),
        ({"average": 0.9}, ["training.average is 0.9", "map"]),
        ({"score": "sdr"}, ["training.score is 'sdr'", "loss, si_sdr, median_sdr, train_loss"]),
        ({"score_on": "chunks"}, ["training.score_on is 'chunks'", "windows, songs"]),
        ({"channels_last": 1}, ["training.channels_last is 1", "true or false"]),
        ({"deterministic": "yes"}, ["training.deterministic is 'yes'", "true or false"]),
        ({"precision": "half"}, ["training.precision is 'half'", "float32, bf16, fp16"]),
        ({"compile": 1}, ["training.compile is 1", "true or false"]),
        ({"compile_mode": "fast"}, ["training.compile_mode is 'fast'", "reduce-overhead"]),
        ({"compile_mode": "max-autotune"}, ["training.compile is false", "compile: true"]),
        ({"tf32": "yes"}, ["training.tf32 is 'yes'", "true or false"]),
        ({"ema": 0.9}, ["unknown key 'training.ema'", "average"]),
    ],
)
def test_a_mistake_is_refused_with_its_key_and_what_is_allowed(training, words):
    with pytest.raises(UserError) as refused:
        read(**training)
    for word in words:
        assert word in str(refused.value)
    assert "\n" not in str(refused.value)
