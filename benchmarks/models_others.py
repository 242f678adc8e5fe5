"""Our systems beside other packages' implementations of them, with the same weights."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mssbench.models.base import Separator
from mssbench.models.conv_tasnet import ConvTasNet
from mssbench.models.demucs import Demucs

Pair = tuple[Separator, nn.Module, int]
"""Ours, theirs and the sample rate (Hz)."""

SPEECH_RATE, MUSIC_RATE = 8000, 44100


class Like(nn.Module):
    """Another package's model, padded and cut as ours is.

    Args:
        model: the model.
        call: gives its output, of the shape of ours or squeezed.
    """

    def __init__(self, model: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.call = model, call

    def forward(self, mixture: Tensor) -> Tensor:
        """Separate (batch, channels, samples)."""
        return self.call(self.model, mixture)


def torchaudio_conv_tasnet() -> Pair:
    """Conv-TasNet at the size of its paper's best model, beside torchaudio's."""
    from torchaudio.models import ConvTasNet as Theirs

    theirs = Theirs(2, 16, 512, 3, 128, 512, 8, 3, "sigmoid")
    ours = ConvTasNet()
    masks = theirs.mask_generator
    pairs = [
        (ours.encoder, theirs.encoder),
        (ours.bottleneck[0], masks.input_norm),
        (ours.bottleneck[1], masks.input_conv),
        (ours.mask[0], masks.output_prelu),
        (ours.mask[1], masks.output_conv),
        (ours.decoder, theirs.decoder),
    ]
    for block, other in zip(ours.blocks, masks.conv_layers, strict=True):
        mine = block.expand, block.activation1, block.norm1
        mine += block.depthwise, block.activation2, block.norm2
        pairs += zip(mine, other.conv_layers, strict=True)
        paths = [path for path in (other.res_out, other.skip_out) if path is not None]
        for key in ("weight", "bias"):
            both = torch.cat([getattr(path, key) for path in paths]).detach()
            getattr(block.output, key).data.copy_(both)
    for mine, other in pairs:
        mine.load_state_dict(other.state_dict())
    return ours, Like(theirs, lambda model, mixture: model(mixture)), SPEECH_RATE


def asteroid_conv_tasnet() -> Pair:
    """Conv-TasNet at the size of its paper's best model, beside asteroid's.

    Needs ``pip install asteroid``, which wants other versions than ours: give it an environment
    of its own.
    """
    from asteroid.models import ConvTasNet as Theirs

    theirs = Theirs(2, mask_act="sigmoid")
    ours = ConvTasNet(last_residual=True)
    # Both have the same arrays in the same order, but for the two paths out of a block.
    given = [value.detach() for value in theirs.parameters()]
    for key, weights in ours.named_parameters():
        value = given.pop(0)
        if ".output." in key:
            value = torch.cat((value, given.pop(1 if key.endswith("weight") else 0)))
        weights.data.copy_(value.reshape(weights.shape))
    # It leaves the padding to its caller.
    call = lambda model, mixture: model(pad(mixture, (8, 8)))[..., 8:-8]  # noqa: E731
    return ours, Like(theirs, call), SPEECH_RATE


def demucs() -> Pair:
    """Demucs with 32 channels beside the released one.

    Needs ``pip install --no-deps demucs==2.0.3 julius==0.2.8 diffq==0.1.1``.
    """
    from demucs.model import Demucs as Theirs

    ours = Demucs(C=32)
    theirs = Theirs(sources=list(ours.targets), channels=32, resample=False)
    theirs.load_state_dict(ours.state_dict())

    def call(model: nn.Module, mixture: Tensor) -> Tensor:
        samples = mixture.shape[-1]
        missing = theirs.valid_length(samples) - samples
        output: Tensor = model(pad(mixture, (missing // 2, missing - missing // 2)))
        begin = (output.shape[-1] - samples) // 2
        return output[..., begin : begin + samples]

    return ours, Like(theirs, call), MUSIC_RATE


PAIRS: dict[str, Callable[[], Pair]] = {
    "conv_tasnet/torchaudio": torchaudio_conv_tasnet,
    "conv_tasnet/asteroid": asteroid_conv_tasnet,
    "demucs/demucs": demucs,
}
