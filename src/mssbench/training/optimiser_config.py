"""How an optimiser is configured: its keys are the arguments of torch's class of that name."""

from dataclasses import dataclass
from typing import Annotated, Literal

from mssbench.training.structure import Maximum, Minimum, NotNegative, Positive

Decay = Annotated[float, Minimum(0), Maximum(1, excluded=True)]
"""How much of a running mean is kept at each step."""


@dataclass(frozen=True)
class AdamConfig:
    """Adam (Kingma and Ba, ICLR 2015).

    Attributes:
        lr: learning rate.
        betas: decays of the means of the gradient and of its square.
        eps: added to the root of the mean square.
        weight_decay: factor of the weights that is added to their gradients.
        fused: whether one kernel takes the step of all weights, or several do one after the other.
    """

    name: Literal["adam"]
    lr: Positive
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    fused: bool = True


@dataclass(frozen=True)
class AdamWConfig:
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).

    Attributes:
        lr: learning rate.
        betas: as Adam's.
        eps: as Adam's.
        weight_decay: share of the weights, times ``lr``, that a step takes off them.
        fused: as Adam's.
    """

    name: Literal["adamw"]
    lr: Positive
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NotNegative = 0.01
    fused: bool = True


@dataclass(frozen=True)
class RMSpropConfig:
    """RMSprop (Tieleman and Hinton, 2012), as torch has it.

    Attributes:
        lr: learning rate.
        alpha: decay of the mean of the squared gradient.
        eps: added to the root of the mean square.
        weight_decay: as Adam's.
        momentum: share of the last step that is taken again.
    """

    name: Literal["rmsprop"]
    lr: Positive
    alpha: Decay = 0.99
    eps: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    momentum: Decay = 0.0


@dataclass(frozen=True)
class AdadeltaConfig:
    """Adadelta (Zeiler, 2012), which needs no learning rate.

    Attributes:
        lr: factor of each step; 1 is the paper's.
        rho: decay of the means of the squared gradient and of the squared step.
        eps: added to both means.
        weight_decay: as Adam's.
    """

    name: Literal["adadelta"]
    lr: Positive = 1.0
    rho: Decay = 0.9
    eps: Positive = 1e-6
    weight_decay: NotNegative = 0.0


@dataclass(frozen=True)
class RAdamConfig:
    """Rectified Adam (Liu et al., ICLR 2020).

    Attributes:
        lr: learning rate.
        betas: as Adam's.
        eps: as Adam's.
        weight_decay: as Adam's.
    """

    name: Literal["radam"]
    lr: Positive
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NotNegative = 0.0


@dataclass(frozen=True)
class RangerConfig:
    """Ranger, as Meta-TasNet's released code uses it: see `mssbench.training.ranger`.

    Attributes:
        lr: learning rate.
        betas: as Adam's.
        eps: as Adam's.
        weight_decay: as AdamW's.
        k: steps between two meetings with the slow weights.
        alpha: how far the slow weights go towards the fast ones there.
    """

    name: Literal["ranger"]
    lr: Positive
    betas: tuple[Decay, Decay] = (0.95, 0.999)
    eps: Positive = 1e-5
    weight_decay: NotNegative = 0.0
    k: Annotated[int, Minimum(1)] = 6
    alpha: Annotated[float, Minimum(0, excluded=True), Maximum(1)] = 0.5


OptimiserConfig = (
    AdamConfig | AdamWConfig | RMSpropConfig | AdadeltaConfig | RAdamConfig | RangerConfig
)
