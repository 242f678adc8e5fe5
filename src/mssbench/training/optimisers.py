"""Optimisers by name, and steps that they do not take, without waiting for the device."""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mssbench.training.optimiser_config import OptimiserConfig
from mssbench.training.ranger import Ranger, tensors_of

OPTIMISERS: dict[str, type[Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adadelta": torch.optim.Adadelta,
    "radam": torch.optim.RAdam,
    "ranger": Ranger,
}
# Marked by torch as not to be compiled; the first call of such a method loads torch's compiler.
MARKED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def build_optimiser(config: OptimiserConfig, model: nn.Module) -> Optimizer:
    """Return the optimiser of a model's trainable weights, on their device."""
    weights = [values for values in model.parameters() if values.requires_grad]
    options: dict[str, Any] = asdict(config)
    name = options.pop("name")
    # One kernel for all weights leaves them and its state alone where it is told to. Of the others,
    # "capturable" ones count their steps on the device.
    fused = options.pop("fused", False)
    options |= {"fused": True} if fused else {"capturable": weights[0].is_cuda}
    optimiser = without_compiler(OPTIMISERS[name])(weights, **options)
    # Torch would warn on a GPU that nobody captures a graph, which is not what this is for.
    optimiser._warned_capturable_if_run_uncaptured = True
    return optimiser


def without_compiler(kind: type[Optimizer]) -> type[Optimizer]:
    """Return an optimiser that does the same without loading torch's compiler.

    That takes as long as to load the rest of torch, which a run that compiles nothing need not
    wait for; one that does compiles its model alone.
    """
    methods = {name: getattr(kind, name) for name in (*MARKED, "step")}
    bare = {name: getattr(method, "__wrapped__", method) for name, method in methods.items()}
    return type(kind.__name__, (kind,), {**bare, "step": torch.no_grad()(bare["step"])})


def restore_optimiser(optimiser: Optimizer, saved: dict[str, Any]) -> None:
    """Load the state of an optimiser that may have been on another device."""
    kept = ("fused", "capturable")
    own = {name: optimiser.defaults[name] for name in kept if name in optimiser.defaults}
    groups = [{**group, **own} for group in saved["param_groups"]]
    optimiser.load_state_dict({**saved, "param_groups": groups})


class Step:
    """Steps of an optimiser that leave no trace where they are left out.

    Whether a step is left out is known on the device alone; to look would make a GPU idle until
    the host has sent the next step. A fused kernel reads the answer itself. Another optimiser
    takes the step, and what it changed is then chosen from before or behind it: two more passes
    over the weights and the state, and memory for them, but no wait.

    Args:
        optimiser: the optimiser.
    """

    def __init__(self, optimiser: Optimizer) -> None:
        self.optimiser = optimiser
        self.fused = bool(optimiser.defaults.get("fused"))
        self._before: dict[tuple[int, str], Tensor] = {}

    def take_unless(self, bad: Tensor) -> None:
        """Take a step unless ``bad``, a bool tensor () on the device."""
        if self.fused:
            # As torch's gradient scaler for mixed precision tells it.
            self.optimiser.found_inf = bad.float()  # type: ignore[attr-defined]
            self.optimiser.step()
            return
        for key, value in tensors_of(self.optimiser).items():
            if key in self._before:
                self._before[key].copy_(value)
            else:
                self._before[key] = value.clone()
        self.optimiser.step()
        for key, value in tensors_of(self.optimiser).items():
            # All state that appears at the first step begins as zeros.
            before = self._before.setdefault(key, torch.zeros_like(value))
            torch.where(bad, before, value, out=value)
