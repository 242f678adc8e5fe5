"""Updates of a model: gradients of a batch, clipped, and a step unless they are not finite."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

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
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: Optimizer,
        *,
        clip_norm: float | None = None,
        scaler: GradScaler | None = None,
    ) -> None:
        self.parameters = list(model.parameters())
        self.optimiser, self.clip_norm = optimiser, clip_norm
        self.step = Step(optimiser)
        self.scaler = scaler or GradScaler(enabled=False)
        self.buffers = list(model.buffers())
        self.kept = [buffer.clone() for buffer in self.buffers]

    def take(
        self, objective: Callable[[Tensor], Losses], batch: Tensor, pieces: int = 1
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Step down the gradient of a batch's mean loss.

        Args:
            objective: the losses of examples (examples, ...).
            batch: the examples.
            pieces: parts of the batch that are computed one after the other.

        Returns:
            The batch's total loss, its terms, and a bool tensor () on the device: whether the
            step was left out.
        """
        total, terms = self.gradients(objective, batch, pieces)
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
        self, objective: Callable[[Tensor], Losses], batch: Tensor, pieces: int
    ) -> Losses:
        """Compute the gradients of a batch's mean loss; return it and its terms, detached."""
        self.optimiser.zero_grad()
        rows = []
        for piece in batch.tensor_split(min(pieces, len(batch))):
            share = len(piece) / len(batch)
            total, terms = objective(piece)
            self.scaler.scale(total * share).backward()
            rows.append(share * torch.stack([total, *terms.values()]).detach())
        mean, *means = torch.stack(rows).sum(0)
        return mean, dict(zip(terms, means, strict=True))
