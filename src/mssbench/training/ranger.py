"""Ranger: rectified Adam whose weights are pulled back to slow ones every few steps."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Ranger(torch.optim.RAdam):
    """Rectified Adam with decoupled weight decay and Lookahead.

    Zhang et al., "Lookahead optimizer: k steps forward, 1 step back" (NeurIPS 2019), algorithm 1,
    around Liu et al., "On the variance of the adaptive learning rate and beyond" (ICLR 2020). The
    slow weights begin as the first weights. Only steps that are kept count, so that count is on
    the device, where it decides without a look from the host.

    Args:
        params: the weights.
        lr: learning rate.
        betas: decays of the means of the gradient and of its square.
        eps: added to the root of the mean square.
        weight_decay: share of the weights, times ``lr``, that a step takes off them.
        k: steps between two meetings of fast and slow weights.
        alpha: how far the slow weights go towards the fast ones there.
        capturable: whether torch keeps its own counts on the device.

    Attributes:
        slow: the slow weights, and the count of steps behind them.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        *,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        k: int,
        alpha: float,
        capturable: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            decoupled_weight_decay=True,
            capturable=capturable,
        )
        self.k, self.alpha = k, alpha
        self.fast = [weights for group in self.param_groups for weights in group["params"]]
        count = torch.zeros((), dtype=torch.int64, device=self.fast[0].device)
        self.slow = [*(weights.detach().clone() for weights in self.fast), count]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step of the fast weights, and of the slow ones if it is their turn."""
        loss = super().step(closure)
        *slow_weights, count = self.slow
        count += 1
        turn = count % self.k == 0
        for fast, slow in zip(self.fast, slow_weights, strict=True):
            torch.where(turn, torch.lerp(slow, fast, self.alpha), slow, out=slow)
            torch.where(turn, slow, fast, out=fast)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the state with the slow weights."""
        return {**super().state_dict(), "slow": self.slow}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "slow"})
        for mine, saved in zip(self.slow, state_dict["slow"], strict=True):
            mine.copy_(saved)


def tensors_of(optimiser: torch.optim.Optimizer) -> dict[tuple[int, str], Tensor]:
    """Return all that a step of ``optimiser`` changes, by the number of the weights and a name.

    Of weights that have had no gradient yet there is no state.
    """
    slow = optimiser.slow if isinstance(optimiser, Ranger) else []
    found = {(number, "slow"): value for number, value in enumerate(slow)}
    groups = optimiser.param_groups
    for number, weights in enumerate(w for group in groups for w in group["params"]):
        found[number, "weights"] = weights.detach()
        state = optimiser.state.get(weights, {})
        found |= {(number, name): value for name, value in state.items()}
    return found
