"""Optimiser steps that leave out what is not finite, without waiting for the device."""

import torch
from torch import Tensor, nn


class Adam(torch.optim.Adam):
    """Adam (Kingma and Ba, 2015), whose fused kernel leaves out a step where it is told to.

    Attributes:
        found_inf: float tensor (), 1 to leave the next step out and 0 to take it.
    """

    # Read by torch's fused step, as its gradient scaler for mixed precision uses it.
    found_inf: Tensor | None = None

    def __init__(self, model: nn.Module, lr: float) -> None:
        super().__init__(model.parameters(), lr=lr, fused=True)


class FiniteSteps:
    """Steps of training that leave no trace where the loss or a gradient is not finite.

    A step of NaN would otherwise end up in the weights, in Adam's moments and in the running
    statistics of batch normalisation, and never leave them.

    Args:
        model: the model in training.
        optimiser: of the model's parameters.
    """

    def __init__(self, model: nn.Module, optimiser: Adam) -> None:
        self.parameters, self.optimiser = list(model.parameters()), optimiser
        self.buffers = list(model.buffers())
        self.kept = [buffer.clone() for buffer in self.buffers]

    def take(self, loss: Tensor) -> Tensor:
        """Step down the gradient of ``loss``.

        Returns:
            Bool tensor () on the device: whether the step was left out.
        """
        self.optimiser.zero_grad()
        loss.backward()
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        bad = ~(loss.detach().isfinite() & norm.isfinite())
        self.optimiser.found_inf = bad.float()
        self.optimiser.step()
        for buffer, kept in zip(self.buffers, self.kept, strict=True):
            torch.where(bad, kept, buffer, out=buffer)
            kept.copy_(buffer)
        return bad
