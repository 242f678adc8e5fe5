"""Updates of a model: gradients of a batch, clipped, and a step unless they are not finite."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from mssbench.training.distributed import ALONE, Ranks
from mssbench.training.optimisers import Step

Losses = tuple[Tensor, dict[str, Tensor]]
"""A total loss () and its terms, means over a batch."""


class FiniteSteps:
    """Steps of training that leave no trace where the loss or a gradient is not finite.

    A step of NaN would otherwise end up in the weights, in the optimiser's means and in the
    running statistics of batch normalisation, and never leave them.

    Args:
        model: the model in training.
        optimiser: of the model's parameters.
        clip_norm: norm to which a longer gradient is shortened; None leaves it.
        scaler: scales the loss of 16-bit training; None does not.
        ranks: the processes that train together, each on a share of the batch.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: Optimizer,
        *,
        clip_norm: float | None = None,
        scaler: GradScaler | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.parameters = list(model.parameters())
        self.optimiser, self.clip_norm, self.ranks = optimiser, clip_norm, ranks
        self.step = Step(optimiser)
        self.scaler = scaler or GradScaler(enabled=False)
        self.buffers = list(model.buffers())
        self.kept = [buffer.clone() for buffer in self.buffers]

    def take(
        self,
        objective: Callable[[Tensor], Losses],
        batch: Tensor,
        pieces: int = 1,
        weight: float = 1.0,
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Step down the gradient of a batch's mean loss, the same step in all processes.

        Args:
            objective: the losses of examples (examples, ...).
            batch: the examples, or this process's share of them.
            pieces: parts of the batch that are computed one after the other.
            weight: of the share in the batch's mean; all processes' add up to 1.

        Returns:
            The batch's total loss, its terms, and a bool tensor () on the device: whether the
            step was left out.
        """
        total, terms = self.add_up(*self.gradients(objective, batch, pieces, weight))
        self.scaler.unscale_(self.optimiser)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(self.parameters, self.clip_norm, norm)
        bad = ~(total.isfinite() & norm.isfinite())
        self.step.take_unless(bad)
        self.scaler.update()
        for buffer, kept in zip(self.buffers, self.kept, strict=True):
            torch.where(bad, kept, buffer, out=buffer)
            kept.copy_(buffer)
        return total, terms, bad

    def gradients(
        self,
        objective: Callable[[Tensor], Losses],
        batch: Tensor,
        pieces: int,
        weight: float = 1.0,
    ) -> Losses:
        """Compute the gradients of a batch's mean loss, times its weight, in this process.

        Returns:
            The mean loss and its terms, times the weight, detached.
        """
        self.optimiser.zero_grad()
        rows = []
        for piece in batch.tensor_split(min(pieces, len(batch))):
            share = weight * (len(piece) / len(batch))
            total, terms = objective(piece)
            self.scaler.scale(total * share).backward()
            rows.append(share * torch.stack([total, *terms.values()]).detach())
        mean, *means = torch.stack(rows).sum(0)
        return mean, dict(zip(terms, means, strict=True))

    def add_up(self, total: Tensor, terms: dict[str, Tensor]) -> Losses:
        """Sum the processes' gradients and losses, so that all go on from the same numbers."""
        if self.ranks.count == 1:
            return total, terms
        weights = [p for p in self.parameters if p.grad is not None]
        parts = [total, *terms.values(), *(p.grad for p in weights)]
        # One message, before a 16-bit loss's scale is taken off: an overflow is one for all.
        sums = torch.cat([part.flatten() for part in parts if part is not None])
        self.ranks.add_up(sums)
        total, *rest = sums.split([part.numel() for part in parts if part is not None])
        for values, gradient in zip(weights, rest[len(terms) :], strict=True):
            values.grad = gradient.view_as(values)
        means = (mean.squeeze(0) for mean in rest[: len(terms)])
        return total.squeeze(0), dict(zip(terms, means, strict=True))
