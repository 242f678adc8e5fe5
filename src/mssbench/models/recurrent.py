"""The bidirectional LSTM of HTMD-Net, whose cell is linear."""

from typing import Literal

import torch
from torch import Tensor, nn

Activation = Literal["linear", "tanh"]

ACTIVATIONS: dict[Activation, type[nn.Module]] = {"linear": nn.Identity, "tanh": nn.Tanh}


class BidirectionalLSTM(nn.Module):
    """An LSTM that reads a sequence in both directions and returns the mean of the two.

    With input ``x``, cell ``c`` and state ``h``, one step of a direction computes

        i, f, o = sigmoid(x W + h U + b), each with its own W, U and b
        g       = activation(x W + h U + b)
        c       = f c + i g
        h       = o activation(c)

    HTMD-Net builds its Keras layer with ``activation=None``, which makes the activation linear
    and which ``torch.nn.LSTM`` cannot do. As in Keras each gate has one bias; ``torch.nn.LSTM``
    has two that are added, so it counts 8 ``units`` values more a layer (2,688 more in HTMD-Net's
    two layers of 168 units).

    The weights start as in Keras: W Glorot-uniform, U orthogonal, b zero except the forget
    gate's, which is one.

    Args:
        inputs: values of the input at each step.
        units: values of the output at each step.
        activation: of the candidate ``g`` and of the output.
    """

    def __init__(self, inputs: int, units: int, activation: Activation = "linear") -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]()
        # First axis: forwards, backwards. Last axis: the gates i, f, g and o.
        self.kernel = nn.Parameter(torch.empty(2, inputs, 4 * units))
        self.recurrent = nn.Parameter(torch.empty(2, units, 4 * units))
        self.bias = nn.Parameter(torch.zeros(2, 1, 4 * units))
        for direction in range(2):
            nn.init.xavier_uniform_(self.kernel.data[direction])
            nn.init.orthogonal_(self.recurrent.data[direction])
        nn.init.ones_(self.bias.data[..., units : 2 * units])

    def forward(self, sequence: Tensor) -> Tensor:
        """Map (batch, steps, inputs) to (batch, steps, units)."""
        both = torch.stack((sequence, sequence.flip(1)))
        gates = torch.baddbmm(self.bias, both.flatten(1, 2), self.kernel)
        steps = gates.unflatten(1, sequence.shape[:2]).unbind(2)
        state = cell = sequence.new_zeros(2, len(sequence), self.recurrent.shape[1])
        states = []
        for step in steps:
            i, f, g, o = torch.baddbmm(step, state, self.recurrent).chunk(4, dim=-1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * self.activation(g)
            state = torch.sigmoid(o) * self.activation(cell)
            states.append(state)
        forwards, backwards = torch.stack(states, dim=2)
        return (forwards + backwards.flip(1)) / 2
