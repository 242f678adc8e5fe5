"""Small training runs that several test files make, and what they check of them."""

import copy

import numpy as np
import pandas
import torch

from mssbench.training.config import TrainingConfig
from mssbench.training.loop import train

U_NET = {"name": "wave_u_net", "params": {"levels": 3, "filters": 4, "output": "single"}}
TASNET = {"name": "conv_tasnet_3x9", "params": {"N": 16, "B": 8, "H": 16, "X": 2, "R": 1}}
HTMD_NET = {
    "name": "htmd_net",
    "params": {"N": 16, "B": 8, "H": 16, "X": 2, "filters": 4, "levels": 6, "units": 8},
}
MAE = {"final": {"kind": "mae", "weight": 1.0}}
TWO_PROBES = {**MAE, "intermediate": {"kind": "mse", "weight": 0.5}}
RANDOM_CROPS = {"kind": "random", "samples": 2048, "steps_per_epoch": 7}
AUGMENTATION = [
    {"kind": "remix_groups", "group": 2},
    {"kind": "shift", "max_shift": 100},
    {"kind": "flip_sign"},
    {"kind": "gain", "low": 0.25, "high": 1.25},
    {"kind": "remix_half"},
]


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


def run(config, rendition, folder, **hooks):
    torch.set_num_threads(1)
    return train(TrainingConfig.from_dict(config), rendition, folder, **hooks)


def assert_same(one, other):
    """Check that two results are equal bit for bit, but for the time that they took."""
    assert one.weights.keys() == other.weights.keys()
    for name, values in one.weights.items():
        assert torch.equal(values, other.weights[name]), name
    assert without_seconds(one.history) == without_seconds(other.history)
    assert (one.best_epoch, one.stopped_because) == (other.best_epoch, other.stopped_because)


def without_seconds(history):
    return [{name: repr(row[name]) for name in row if is_no_time(name)} for row in history]


def is_no_time(column):
    return not column.endswith("seconds")


def read_history(folder):
    """Return the history that a run wrote into ``folder``, without the columns of times."""
    return pandas.read_csv(folder / "history.csv", usecols=is_no_time)


def stop_after(calls):
    """Return a function that is False so many times and then True."""
    answers = iter([False] * calls)
    return lambda: next(answers, True)


def flawed(make_rendition, flaws):
    """Return a rendition of noise; songs named in ``flaws`` hold a NaN in each window."""
    stems = {}
    for number, name in enumerate(("a", "b", "c", "d")):
        audio = 0.1 * np.random.default_rng(number).standard_normal((5, 1, 8192))
        if name in flaws:
            audio[..., ::512] = np.nan
        stems[name] = audio
    return make_rendition(stems)
