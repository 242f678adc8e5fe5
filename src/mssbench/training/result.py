"""What a training run gives."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from mssbench.training.state import Row

StopReason = Literal["epochs", "patience"]


@dataclass(frozen=True)
class Result:
    """A finished training run.

    Attributes:
        weights: the best epoch's state of the model, on the CPU.
        history: one row an epoch: ``epoch`` (from 1), ``step``, ``train_loss``, ``valid_loss``
            (NaN without validation songs), ``best`` (the lowest score so far), ``seconds`` (spent
            so far), ``bad_steps`` (left out since not finite), and ``train_<probe>`` and
            ``valid_<probe>`` for each probe's loss without its weight.
        best_epoch: the epoch of the weights.
        best_score: its validation loss, or its training loss without validation songs.
        seconds: time spent in training and validation, in all attempts.
        stopped_because: ``epochs`` (all done) or ``patience``.
        parameters: number of trainable parameters.
    """

    weights: dict[str, Tensor]
    history: list[Row]
    best_epoch: int
    best_score: float
    seconds: float
    stopped_because: StopReason
    parameters: int
