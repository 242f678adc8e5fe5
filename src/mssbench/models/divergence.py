"""How far a non-negative model is from what was observed, and the factors that bring it nearer.

The model of the observed V is sigma = sum_j W_j P_j, all of them non-negative. A multiplicative
update of P_j needs two weights of V's shape, a and b, and multiplies P_j by a function of
(sum W_j a) / (sum W_j b); W is updated alike.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Updates = Literal["beta", "cauchy_heuristic", "cauchy_equalisation"]


@dataclass(frozen=True)
class Divergence:
    """The cost of a model and its updates.

    Attributes:
        updates: ``beta``: the beta-divergence (C. Févotte and J. Idier, Neural Computation 23(9),
            2011), whose cost no update raises. ``cauchy_heuristic`` and ``cauchy_equalisation``:
            the negative log-likelihood of V as magnitudes of isotropic complex Cauchy variables
            of scale sigma (A. Liutkus, D. FitzGerald and R. Badeau, WASPAA 2015). The heuristic
            update is the quicker one; equalisation has a bound that shows that it never raises
            the cost.
        beta: of the beta-divergence: 0 Itakura-Saito, 1 generalised Kullback-Leibler, 2 Euclidean.
    """

    updates: Updates = "beta"
    beta: float = 1.0

    def weights(self, V: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weights a and b, in the shape of ``V`` and ``sigma``."""
        if self.updates == "beta":
            return V * sigma ** (self.beta - 2), sigma ** (self.beta - 1)
        return 1 / sigma, 3 * sigma / (V**2 + sigma**2)

    def factor(self, above: Tensor, below: Tensor) -> Tensor:
        """Return by what to multiply, from the sums of the weights a and b."""
        ratio = above / below
        if self.updates != "cauchy_equalisation":
            return ratio
        return (torch.sqrt(1 + 8 * ratio) - 1) / 2

    def cost(self, V: Tensor, sigma: Tensor) -> float:
        """Return the cost, summed over all elements."""
        if self.updates != "beta":
            costs = 1.5 * torch.log(V**2 + sigma**2) - torch.log(sigma)
        elif self.beta == 0:
            costs = V / sigma - torch.log(V / sigma) - 1
        elif self.beta == 1:
            costs = V * torch.log(V / sigma) - V + sigma
        else:
            b = self.beta
            costs = (V**b + (b - 1) * sigma**b - b * V * sigma ** (b - 1)) / (b * (b - 1))
        return float(costs.sum(dtype=torch.float64))
