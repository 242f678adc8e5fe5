"""The layers of RA (Brunner et al., ICTAI 2019, table I and released code): encoder and decoder.

Tensors are (batch, channels, bins, frames). No convolution has a bias.
"""

from torch import Tensor, nn

TAPS = 12
"""Bins that the filters of the encoder and of the decoder span."""

STRIDE = 4
"""By how much the encoder shortens both axes."""


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to their input; nothing is rectified behind that."""

    def __init__(self, channels: int, batch_statistics: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=False),
            norm(channels, batch_statistics),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=False),
            norm(channels, batch_statistics),
        )

    def forward(self, latent: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        refined: Tensor = latent + self.body(latent)
        return refined


class Doubling(nn.ConvTranspose2d):
    """A transposed convolution that doubles both axes: TensorFlow's "SAME" padding."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            inputs, outputs, (TAPS, 3), stride=2, padding=(TAPS // 2 - 1, 0), bias=False
        )

    def forward(self, latent: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return twice as many bins and frames."""
        # What the halving convolution pads, one frame behind the last, is cut here.
        return super().forward(latent, output_size)[..., :-1]


def halving(inputs: int, outputs: int) -> nn.Module:
    """Return a convolution that halves both axes: TensorFlow's "SAME" padding for even ones."""
    side = TAPS // 2 - 1
    return nn.Sequential(
        nn.ZeroPad2d((0, 1, side, side)),
        nn.Conv2d(inputs, outputs, (TAPS, 3), stride=2, bias=False),
    )


def norm(channels: int, batch_statistics: bool) -> nn.BatchNorm2d:
    """Return a batch normalisation, which may know nothing but the batch even in evaluation."""
    return nn.BatchNorm2d(channels, track_running_stats=not batch_statistics)


def encoder(audio: int, nf: int, batch_statistics: bool) -> nn.Sequential:
    """Return the encoder: F bins to (F - 5) / 4, T frames to T / 4, 4 * nf channels."""
    return nn.Sequential(
        nn.ReflectionPad2d(3),
        nn.Conv2d(2 * audio, nf, (TAPS, 7), bias=False),
        norm(nf, batch_statistics),
        nn.ReLU(),
        halving(nf, 2 * nf),
        norm(2 * nf, batch_statistics),
        nn.ReLU(),
        halving(2 * nf, 4 * nf),
        norm(4 * nf, batch_statistics),
        nn.ReLU(),
    )


def decoder(inputs: int, audio: int, nf: int, batch_statistics: bool) -> nn.Sequential:
    """Return the decoder, from one source's ``inputs`` latent channels to its spectrogram."""
    return nn.Sequential(
        Doubling(inputs, 2 * nf),
        norm(2 * nf, batch_statistics),
        nn.ReLU(),
        Doubling(2 * nf, nf),
        norm(nf, batch_statistics),
        nn.ReLU(),
        nn.ReflectionPad2d((5, 4, 8, 8)),
        nn.Conv2d(nf, 2 * audio, (TAPS, 10), bias=False),
        norm(2 * audio, batch_statistics),
        nn.ReLU(),
        nn.Conv2d(2 * audio, 2 * audio, 3, padding=1, bias=False),
    )


def frames_seen(res_blocks: int) -> int:
    """Return how many frames to each side an estimate depends on at most.

    Args:
        res_blocks: residual blocks between encoder and decoder.
    """
    encoded = 3 + 2 * (1 + 2)
    decoded = STRIDE + STRIDE // 2 + 5 + 1
    return encoded + 2 * STRIDE * res_blocks + decoded


def truncated_normal(layer: nn.Module) -> None:
    """Draw a convolution's weights as the code does: sigma 0.02, at most two of them off 0."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04)
