"""Initial weights of the convolutions in models that come from Keras or TensorFlow."""

from torch import nn


def glorot_uniform(layer: nn.Module) -> None:
    """Give a convolution the default weights of Keras: Glorot-uniform filters, biases of zero.

    Other layers are left alone, so a whole model is initialised by ``model.apply``.
    """
    if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
