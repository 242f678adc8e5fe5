import copy
import subprocess
import sys

import pytest
import torch

from mssbench.training.optimiser_config import (
    AdadeltaConfig,
    AdamConfig,
    AdamWConfig,
    RAdamConfig,
    RangerConfig,
    RMSpropConfig,
)
from mssbench.training.optimisers import build_optimiser, restore_optimiser
from mssbench.training.ranger import Ranger

# With no value at its default, and what torch's own class is given for it.
CASES = {
    torch.optim.Adam: AdamConfig("adam", 0.01, (0.8, 0.9), 1e-3, 0.1),
    torch.optim.AdamW: AdamWConfig("adamw", 0.01, (0.8, 0.9), 1e-3, 0.1),
    torch.optim.RMSprop: RMSpropConfig("rmsprop", 0.01, 0.8, 1e-3, 0.1, 0.5),
    torch.optim.Adadelta: AdadeltaConfig("adadelta", 0.5, 0.8, 1e-3, 0.1),
    torch.optim.RAdam: RAdamConfig("radam", 0.01, (0.8, 0.9), 1e-3, 0.1),
}
DEFAULTS = {
    torch.optim.Adam: AdamConfig("adam", 0.01),
    torch.optim.AdamW: AdamWConfig("adamw", 0.01),
    torch.optim.RMSprop: RMSpropConfig("rmsprop", 0.01),
    torch.optim.Adadelta: AdadeltaConfig("adadelta", 0.01),
    torch.optim.RAdam: RAdamConfig("radam", 0.01),
}
KEYS = {"name", "lr", "betas", "eps", "weight_decay", "alpha", "momentum", "rho"}

STEPS = """
import sys
import torch
from mssbench.training.optimiser_config import *
from mssbench.training.optimisers import build_optimiser, restore_optimiser
from mssbench.training.precision import reproducible
kinds = (AdamConfig, AdamWConfig, RMSpropConfig, AdadeltaConfig, RAdamConfig)
names = ("adam", "adamw", "rmsprop", "adadelta", "radam")
for kind, name in zip(kinds, names):
    model = torch.nn.Linear(4, 3)
    with reproducible(torch.device("cpu")):
        optimiser = build_optimiser(kind(name, 0.01), model)
        model(torch.ones(2, 4)).sum().backward()
        optimiser.step()
        optimiser.zero_grad()
        restore_optimiser(optimiser, optimiser.state_dict())
    assert "torch._dynamo" not in sys.modules, name
    print(name)
"""


def gradients(steps, seed=0):
    return torch.randn(steps, 3, 4, generator=torch.Generator().manual_seed(seed))


def linear():
    torch.manual_seed(0)
    return torch.nn.Linear(4, 3, bias=False)


def walk(optimiser, model, steps):
    for gradient in steps:
        model.weight.grad = gradient.clone()
        optimiser.step()
    return model.weight.detach().clone()


@pytest.mark.parametrize("cls", CASES)
def test_each_key_reaches_the_optimiser(cls):
    config = CASES[cls]
    options = {key: getattr(config, key) for key in KEYS - {"name"} if hasattr(config, key)}
    mine, other = linear(), linear()
    found = walk(build_optimiser(config, mine), mine, gradients(8))
    expected = walk(cls([other.weight], **options), other, gradients(8))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kind", [AdamConfig, AdamWConfig])
def test_adam_is_fused_unless_it_is_told_not_to_and_steps_the_same(kind):
    name, found = kind.__name__.removesuffix("Config").lower(), []
    for fused in ({}, {"fused": True}, {"fused": False}):
        model = linear()
        optimiser = build_optimiser(kind(name, 0.01, **fused), model)
        assert bool(optimiser.defaults["fused"]) == fused.get("fused", True)
        found.append(walk(optimiser, model, gradients(8)))
    assert torch.equal(found[0], found[1])
    torch.testing.assert_close(found[2], found[0])


@pytest.mark.parametrize("cls", DEFAULTS)
def test_the_defaults_are_those_of_torch(cls):
    mine, other = linear(), linear()
    found = walk(build_optimiser(DEFAULTS[cls], mine), mine, gradients(8))
    expected = walk(cls([other.weight], lr=0.01), other, gradients(8))
    torch.testing.assert_close(found, expected)


def test_frozen_weights_are_not_the_optimisers():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    model[0].requires_grad_(False)
    (group,) = build_optimiser(DEFAULTS[torch.optim.Adam], model).param_groups
    assert [id(weights) for weights in group["params"]] == list(map(id, model[1].parameters()))


def test_rangers_defaults_are_those_of_meta_tasnet():
    ranger = build_optimiser(RangerConfig("ranger", 1e-3), linear())
    assert isinstance(ranger, Ranger)
    assert (ranger.k, ranger.alpha) == (6, 0.5)
    (group,) = ranger.param_groups
    assert (group["betas"], group["eps"]) == ((0.95, 0.999), 1e-5)
    assert group["decoupled_weight_decay"]


def test_ranger_is_rectified_adam_between_the_meetings():
    mine, other = linear(), linear()
    config = RangerConfig("ranger", 0.01, weight_decay=0.1)
    walk(build_optimiser(config, mine), mine, gradients(5))
    same = torch.optim.RAdam(
        [other.weight],
        lr=0.01,
        betas=(0.95, 0.999),
        eps=1e-5,
        weight_decay=0.1,
        decoupled_weight_decay=True,
    )
    assert torch.equal(mine.weight, walk(same, other, gradients(5)))


def test_every_kth_step_ends_between_the_slow_weights_and_the_fast_ones():
    mine, other = linear(), linear()
    ranger = build_optimiser(RangerConfig("ranger", 0.1, k=3, alpha=0.25), mine)
    adam = torch.optim.RAdam([other.weight], lr=0.1, betas=(0.95, 0.999), eps=1e-5)
    slow = other.weight.detach().clone()
    for number, gradient in enumerate(gradients(9), start=1):
        walk(ranger, mine, gradient[None])
        walk(adam, other, gradient[None])
        if number % 3 == 0:
            slow += 0.25 * (other.weight.detach() - slow)
            other.weight.data.copy_(slow)
        torch.testing.assert_close(mine.weight, other.weight)


@pytest.mark.parametrize("config", [*CASES.values(), RangerConfig("ranger", 0.1, k=2)])
def test_a_restored_optimiser_goes_on_as_the_saved_one(config):
    mine = linear()
    optimiser = build_optimiser(config, mine)
    walk(optimiser, mine, gradients(7))
    saved, weights = copy.deepcopy(optimiser.state_dict()), copy.deepcopy(mine)
    # As a GPU would have saved it.
    for group in saved["param_groups"]:
        group["capturable"] = "capturable" in group
    again = build_optimiser(config, weights)
    restore_optimiser(again, saved)
    expected = walk(optimiser, mine, gradients(7, seed=1))
    assert torch.equal(walk(again, weights, gradients(7, seed=1)), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("config", [*CASES.values(), RangerConfig("ranger", 0.1, k=2)])
def test_a_gpu_steps_like_a_cpu_and_takes_over_its_state(config):
    mine = linear()
    optimiser = build_optimiser(config, mine)
    walk(optimiser, mine, gradients(7))
    there = copy.deepcopy(mine).cuda()
    again = build_optimiser(config, there)
    restore_optimiser(again, copy.deepcopy(optimiser.state_dict()))
    expected = walk(optimiser, mine, gradients(7, seed=1))
    found = walk(again, there, gradients(7, seed=1).cuda())
    torch.testing.assert_close(found.cpu(), expected)


def test_torchs_compiler_is_not_loaded_for_steps_that_nothing_compiles():
    # Loading it takes seconds, which the first step of each job would wait for.
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["adam", "adamw", "rmsprop", "adadelta", "radam"]
