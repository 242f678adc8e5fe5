"""Batch normalisation over the whole batch where several processes compute a share of it each."""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mssbench.training.distributed import Ranks


def normalise_together(model: nn.Module, ranks: Ranks, *, compiled: bool = False) -> None:
    """Let a model's batch normalisations look across all processes; one alone needs no change.

    Torch's own layer for this works on GPUs alone.

    Args:
        model: the model.
        ranks: the processes.
        compiled: whether torch compiles the model.
    """
    if ranks.count == 1:
        return
    kind = not_compiled() if compiled else SharedBatchNorm
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            # The weights and their names stay as they are.
            module.__class__ = kind
            module.ranks = ranks  # type: ignore[assignment]


class SharedBatchNorm(_BatchNorm):
    """`torch.nn.BatchNorm1d` and its kin, with mean and variance over the shares of all processes.

    Attributes:
        ranks: the processes.
    """

    ranks: Ranks

    def _check_input_dim(self, signal: Tensor) -> None:
        """Take any shape (batch, channels, ...)."""

    def forward(self, signal: Tensor) -> Tensor:
        """Normalise (batch, channels, ...) to mean 0 and variance 1 of each channel."""
        by_batch = self.training or self.running_mean is None
        if not (by_batch and self.ranks.together):
            return super().forward(signal)
        wide = signal.float()
        dims = [0, *range(2, signal.dim())]
        variance, mean = torch.var_mean(wide, dims, correction=0)
        count = torch.full_like(mean, signal.numel() / signal.shape[1])
        counts, means, variances = self._of_all(torch.stack([count, mean, variance])).unbind(1)
        total = counts.sum(0)
        shares = counts / total
        mean = (shares * means).sum(0)
        variance = (shares * (variances + (means - mean).square())).sum(0)
        if self.training and self.running_mean is not None:
            self._count(mean.detach(), (variance * total / (total - 1)).detach())
        shape = [1, -1, *[1] * (signal.dim() - 2)]
        scale = (variance + self.eps).rsqrt()
        if self.weight is not None:
            scale = scale * self.weight
        normal = (wide - mean.view(shape)) * scale.view(shape)
        if self.bias is not None:
            normal = normal + self.bias.view(shape)
        return normal.to(signal.dtype)

    def _of_all(self, values: Tensor) -> Tensor:
        """Return the values of all processes, (processes, *shape), differentiably."""
        places = torch.arange(self.ranks.count, device=values.device) == self.ranks.rank
        table = places.view(-1, *[1] * values.dim()) * values
        summed: Tensor = Sum.apply(table, self.ranks)
        return summed

    def _count(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of a batch."""
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked.add_(1)
        factor = self.momentum
        if factor is None:
            factor = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, factor)
        self.running_var.lerp_(variance, factor)


@cache
def not_compiled() -> type[SharedBatchNorm]:
    """Return the layer as torch's compiler leaves it alone.

    To mark it loads that compiler, which takes seconds.
    """
    forward = torch.compiler.disable(SharedBatchNorm.forward)
    return type("SharedBatchNorm", (SharedBatchNorm,), {"forward": forward})


class Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; so is the gradient's."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, ranks: Ranks) -> Tensor:
        """Return the sum, the same in each process."""
        ctx.ranks = ranks
        total = values.clone()
        ranks.add_up(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the sum of the processes' losses."""
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        ctx.ranks.add_up(total)
        return total, None
