"""Wave-U-Net, with and without input context (variants M1 to M7).

D. Stoller, S. Ewert and S. Dixon, "Wave-U-Net: A Multi-Scale Neural Network for End-to-End Audio
Source Separation", ISMIR 2018, and its released code.
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad

from mssbench.errors import UserError
from mssbench.models.base import Separator, Variant
from mssbench.models.cropping import centre
from mssbench.models.initialisation import glorot_uniform

LEAK = 0.2
"""Slope of the LeakyReLU for negative values: the default of TensorFlow."""

DIFFERENCE = {"output": "difference"}
CONTEXT = {**DIFFERENCE, "output_samples": 16_384}
STEREO = {**CONTEXT, "channels": 2}
LEARNED = {**STEREO, "upsampling": "learned"}
INSTRUMENTS = {**STEREO, "targets": ("bass", "drums", "other", "vocals")}
# As many samples as 128 frames of 1024 with a hop of 768: the output of the U-Net beside it.
COMPARISON = {**DIFFERENCE, "filters": 34, "output_samples": 127 * 768 + 1024}


class Upsampling(nn.Module):
    """Doubles the length: inputs stay as even samples, odd ones lie between their neighbours.

    Linear interpolation takes the mean of the two. It is TensorFlow 1's bilinear resizing, which
    no mode of torch's ``interpolate`` computes. Learned interpolation takes sigmoid(w) of the
    earlier and 1 - sigmoid(w) of the later, with one w a channel.

    Args:
        channels: of the signal.
        learned: whether to learn the weights.
        context: stop at the last input, 2 N - 1 samples from N. Otherwise there are 2 N: the last
            one repeats the last input, or, learned, lies between it and zero.
    """

    def __init__(self, channels: int, learned: bool, context: bool) -> None:
        super().__init__()
        self.context = context
        self.weights = nn.Parameter(torch.empty(channels)) if learned else None
        if self.weights is not None:
            # Glorot-uniform: TensorFlow takes a vector to have as many inputs as outputs.
            nn.init.uniform_(self.weights, -((3 / channels) ** 0.5), (3 / channels) ** 0.5)

    def forward(self, signal: Tensor) -> Tensor:
        """Map (batch, channels, N) to (batch, channels, 2 N or 2 N - 1)."""
        last = signal[..., -1:]
        if self.weights is None:
            middles = (signal + torch.cat((signal[..., 1:], last), dim=-1)) / 2
        else:
            share = torch.sigmoid(self.weights).unsqueeze(-1)
            following = torch.cat((signal[..., 1:], torch.zeros_like(last)), dim=-1)
            middles = share * signal + (1 - share) * following
        doubled = torch.stack((signal, middles), dim=-1).flatten(-2)
        return doubled[..., :-1] if self.context else doubled


def fitting_lengths(
    output: int, levels: int, down_kernel: int, up_kernel: int
) -> tuple[int, int, int]:
    """Return the lengths of a network without padding that gives ``output`` samples or more.

    At the bottom there are n samples. Upwards each level makes 2 n - up_kernel of n; downwards
    each one needs 2 n + down_kernel - 2, and the convolution at the bottom down_kernel - 1 more.

    Returns:
        Samples of the input and of the output, and how many of the input are lost at each side.
    """
    halved = 2**levels
    bottom = -((-output - up_kernel * (halved - 1)) // halved)
    given = halved * bottom - up_kernel * (halved - 1)
    heard = halved * (bottom + down_kernel - 1) + (down_kernel - 2) * (halved - 1)
    return heard, given, (heard - given) // 2


class WaveUNet(Separator):
    """A U-Net on waveforms: decimation on the way down, interpolation on the way up.

    With the defaults (M1) the convolutions are zero padded, the output is as long as the input,
    and there are 10,263,028 trainable values. The paper's loss is ``final: {kind: mse, weight:
    1}``. Of the variants, M5-HighSR is in the released code alone.

    With ``output_samples`` nothing is padded, so every estimate comes from audio alone, and the
    output is shorter by the context. Lengths that fit the decimation are 2^levels apart: with the
    paper's kernels 4096 k - 13. Zeros complete any other at its end, and up to the last 2^levels
    - 1 samples of the output hear them; so choose crops and segments of ``input_samples``.

    Args:
        channels: audio channels of the mixture and of the estimates.
        levels: how often the length is halved.
        filters: level i (1, 2, ...) has i times as many channels.
        down_kernel: taps of the filters on the way down and at the bottom.
        up_kernel: taps of the filters on the way up.
        output: ``direct`` (M1) estimates every target; ``difference`` (M2 to M7) all but the last,
            which is the mixture without the others; ``single`` the last alone, our reading of the
            baseline in the HTMD-Net paper, which does not print its configuration.
        targets: the sources.
        upsampling: ``linear`` interpolation, or ``learned`` (M5).
        output_samples: how many samples should come out at least of convolutions without padding;
            ``input_samples`` is what that takes: 147,443 for 16,384 (M3 to M6). None pads.

    Raises:
        ValueError: there are too few targets for ``difference``, or the kernels are even without
            padding.
    """

    input_samples: int | None = None
    output_samples: int | None = None
    variants: ClassVar[dict[str, Variant]] = {
        "M1": Variant({}, 22_050),
        "M2": Variant(DIFFERENCE, 22_050),
        "M3": Variant(CONTEXT, 22_050),
        "M4": Variant(STEREO, 22_050),
        "M5": Variant(LEARNED, 22_050),
        "M5-HighSR": Variant(LEARNED, 44_100),
        "M6": Variant(INSTRUMENTS, 22_050),
        "M7": Variant(COMPARISON, 8_192),
    }

    def __init__(
        self,
        *,
        channels: int = 1,
        levels: int = 12,
        filters: int = 24,
        down_kernel: int = 15,
        up_kernel: int = 5,
        output: Literal["direct", "difference", "single"] = "direct",
        targets: tuple[str, ...] = ("accompaniment", "vocals"),
        upsampling: Literal["linear", "learned"] = "linear",
        output_samples: int | None = None,
    ) -> None:
        super().__init__()
        self.targets = targets[-1:] if output == "single" else targets
        self.channels = channels
        self.difference = output == "difference"
        convolved = self.targets[:-1] if self.difference else self.targets
        if not convolved:
            raise ValueError("targets has one name; it must have two or more for a difference")
        self.grid, self.offset = 2**levels, down_kernel - 2
        self.padded = output_samples is None
        padding = "same" if self.padded else "valid"
        if output_samples is None:
            self.multiple = self.grid
            convolved_samples = (2 * self.grid - 1) * (down_kernel // 2)
            self.reach = convolved_samples + (self.grid - 1) * (up_kernel // 2 + 1)
        else:
            if down_kernel % 2 == 0 or up_kernel % 2 == 0:
                raise ValueError(
                    f"down_kernel and up_kernel are {down_kernel} and {up_kernel}; they must be "
                    "odd where output_samples is given"
                )
            lengths = fitting_lengths(output_samples, levels, down_kernel, up_kernel)
            self.input_samples, self.output_samples, self.context = lengths
            # Of zeros at the end of other lengths.
            self.reach = self.grid - 1
        widths = [filters * (level + 1) for level in range(levels + 1)]
        self.down = nn.ModuleList(
            nn.Conv1d(inputs, outputs, down_kernel, padding=padding)
            for inputs, outputs in zip([channels, *widths[:-2]], widths[:-1], strict=True)
        )
        self.bottom = nn.Conv1d(widths[-2], widths[-1], down_kernel, padding=padding)
        self.upsampling = nn.ModuleList(
            Upsampling(width, upsampling == "learned", not self.padded) for width in widths[:0:-1]
        )
        self.up = nn.ModuleList(
            nn.Conv1d(below + width, width, up_kernel, padding=padding)
            for below, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.outputs = nn.ModuleList(nn.Conv1d(filters + channels, channels, 1) for _ in convolved)
        self.apply(glorot_uniform)

    def check(self, mixture: Tensor) -> None:
        """Check a mixture's shape.

        Raises:
            UserError: the channels or the length do not suit the model.
        """
        super().check(mixture)
        samples = mixture.shape[-1]
        if samples <= 2 * self.context:
            raise UserError(
                f"WaveUNet: the mixture has {samples} samples, {2 * self.context} are lost as "
                f"context; {self.input_samples} give {self.output_samples}: choose crops and "
                "segments of such a length"
            )

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map a batch of mixtures to their sources.

        Args:
            mixture: (batch, channels, samples).

        Returns:
            ``final``, (batch, targets, channels, samples - 2 context).
        """
        self.check(mixture)
        given = mixture.shape[-1] - 2 * self.context
        missing = 0 if self.padded else -(mixture.shape[-1] + self.offset) % self.grid
        features = self.features(pad(mixture, (0, missing)))[..., :given]
        heard = centre(mixture, given)
        features = torch.cat((features, heard), dim=1)
        estimates = [torch.tanh(output(features)) for output in self.outputs]
        if self.difference:
            estimates.append(heard - torch.stack(estimates).sum(0))
        return {"final": torch.stack(estimates, dim=1)}

    def features(self, signal: Tensor) -> Tensor:
        """Map a mixture of a fitting length to what the sources are computed from.

        Args:
            signal: (batch, channels, samples).

        Returns:
            (batch, filters, samples - 2 context).
        """
        skips = []
        for convolution in self.down:
            signal = leaky_relu(convolution(signal), LEAK)
            skips.append(signal)
            signal = signal[..., ::2]
        signal = leaky_relu(self.bottom(signal), LEAK)
        for upsampling, convolution in zip(self.upsampling, self.up, strict=True):
            longer = upsampling(signal)
            both = torch.cat((longer, centre(skips.pop(), longer.shape[-1])), dim=1)
            signal = leaky_relu(convolution(both), LEAK)
        return signal
