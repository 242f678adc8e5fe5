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
        weights: the best epoch's state of the model, or of its running mean where that is
            validated, on the CPU.
        last_weights: the same of the last epoch.
        history: one row an epoch: ``epoch`` (from 1), ``step``, ``train_loss``, ``valid_loss``
            (NaN without validation songs), ``best`` (the best score so far), ``seconds`` (spent
            so far), ``waiting_seconds`` and ``validation_seconds`` (this epoch's: see
            `mssbench.training.history`), ``bad_steps`` (left out since not finite), ``lr`` (of
            the last step), ``train_<term>`` and ``valid_<term>`` for each term's loss without its
            weight, and ``valid_score`` where another score than a loss decides.
        best_epoch: the epoch of the weights.
        best_score: its validation loss, or what ``training.score`` names; its training loss
            without validation songs.
        seconds: time spent in training and validation, in all attempts.
        codes: digests of the code that trained; several where other code was accepted on the way.
        stopped_because: ``epochs`` (all done) or ``patience``.
        parameters: number of trainable parameters.
    """

    weights: dict[str, Tensor]
    last_weights: dict[str, Tensor]
    history: list[Row]
    best_epoch: int
    best_score: float
    seconds: float
    codes: list[str]
    stopped_because: StopReason
    parameters: int
