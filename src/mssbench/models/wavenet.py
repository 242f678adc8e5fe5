"""Wavenet for music source separation.

F. Lluís, J. Pons and X. Serra, "End-to-end music source separation: is it possible in the waveform
domain?", Interspeech 2019 (arXiv 1810.12187), and its released code.
"""

from collections.abc import Collection
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from mssbench.errors import UserError
from mssbench.models.base import Compared, Separator, Variant
from mssbench.models.cropping import centre
from mssbench.models.initialisation import glorot_uniform

VOICE: dict[str, Any] = {"targets": ("vocals",), "remainder": None}

HEAD_TAPS = 3
"""Taps of the two convolutions after the residual blocks."""


class GatedBlock(nn.Module):
    """A dilated convolution with a gate, a residual and a skip output; no biases.

    Args:
        residual: channels of the input and of the residual.
        skip: channels of the skip output.
        taps: of the dilated filters.
        dilation: distance between those taps (samples).
    """

    def __init__(self, residual: int, skip: int, taps: int, dilation: int) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(
            residual, 2 * residual, taps, padding="same", dilation=dilation, bias=False
        )
        self.outputs = nn.Conv1d(residual, residual + skip, 1, bias=False)
        self.widths = residual, skip

    def forward(self, signal: Tensor) -> tuple[Tensor, Tensor]:
        """Map (batch, residual, time) to the next block's input and the skip output."""
        content, gate = self.dilated(signal).chunk(2, dim=1)
        gated = torch.tanh(content) * torch.sigmoid(gate)
        residual, skip = self.outputs(gated).split(self.widths, dim=1)
        return signal + residual, skip


class Wavenet(Separator):
    """Stacks of dilated convolutions on waveforms, without any downsampling.

    With the defaults it has 3,277,763 trainable values and estimates vocals, drums and bass; other
    is the mixture minus the three. With vocals alone it has 3,277,249. More ``stacks`` make it
    deeper, more channels wider. Which model the paper calls wider is not known: here two stacks
    with 90 channels, about as many values, beside which four stacks are deeper.

    The estimates are those of the target field, whose every sample has the receptive field of the
    residual blocks around it: 8,185 samples with the defaults, so 4,092 are lost at each side. An
    input of 9,785 samples gives the paper's 1,601, any other length works. As in the released
    code convolutions are zero padded, the last ones see one sample more at each side of the field
    (its target padding), and this sample is cut from the estimates. The first and the last three
    of them therefore hear a few zeros, which a separation with a context of 3 samples or more does
    without. The paper's loss counts the padding samples too, ours does
    not.

    The paper's loss on three instruments, a sum over them, is ``final: {kind: mae, weight: 3}``;
    the mixture minus the others has no part in it. On the singing voice it is ``final: {kind: mae,
    weight: 1}`` and ``accompaniment: {kind: mae, weight: -0.05}``, which rewards an estimate
    unlike the mixture without the voice.

    Args:
        channels: audio channels of the mixture and of the estimates.
        targets: the sources that the network estimates.
        remainder: name of the mixture minus all of them; None leaves it out.
        stacks: repetitions of the dilations.
        dilations: blocks in a stack; block i has a dilation of 2^i samples.
        taps: of the first and of the dilated filters; odd.
        residual: channels of the first filters and of the residual path.
        skip: channels of the skip path.
        head: channels of the two convolutions that follow.

    Raises:
        ValueError: the taps are even, the head has not two layers, or the remainder is a target.
    """

    variants: ClassVar[dict[str, Variant]] = {
        "multi-instrument": Variant({}, 16_000),
        "singing voice": Variant(VOICE, 16_000),
        "singing voice, wider": Variant(VOICE | {"stacks": 2, "residual": 90, "skip": 90}, 16_000),
    }

    def __init__(
        self,
        *,
        channels: int = 1,
        targets: tuple[str, ...] = ("vocals", "drums", "bass"),
        remainder: str | None = "other",
        stacks: int = 4,
        dilations: int = 10,
        taps: int = 3,
        residual: int = 64,
        skip: int = 64,
        head: tuple[int, ...] = (2048, 256),
    ) -> None:
        super().__init__()
        if taps % 2 == 0:
            raise ValueError(f"taps is {taps}; it must be odd")
        if len(head) != 2:
            raise ValueError(f"head has {len(head)} values; it must have two")
        if remainder in targets:
            raise ValueError(f"remainder is {remainder!r}; it must not be one of the targets")
        self.channels = channels
        self.estimated = len(targets)
        self.targets = targets if remainder is None else (*targets, remainder)
        self.probes = ("final", "accompaniment") if self.estimated == 1 else ("final",)
        self.context = stacks * (2**dilations - 1) * (taps // 2)
        # The first convolution and the head's two, whose target padding takes no part in it.
        self.reach = taps // 2 + 2 * (HEAD_TAPS // 2)
        self.first = nn.Conv1d(channels, residual, taps, padding="same", bias=False)
        self.blocks = nn.ModuleList(
            GatedBlock(residual, skip, taps, 2**i) for _ in range(stacks) for i in range(dilations)
        )
        self.head = nn.Sequential(
            nn.Conv1d(skip, head[0], HEAD_TAPS, padding="same", bias=False),
            nn.ReLU(),
            nn.Conv1d(head[0], head[1], HEAD_TAPS, padding="same", bias=False),
            nn.Conv1d(head[1], self.estimated * channels, 1),
        )
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
                f"Wavenet: the mixture has {samples} samples; it needs more than the "
                f"{2 * self.context} that are lost as context: choose longer crops and segments"
            )

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map a batch of mixtures to their sources.

        Args:
            mixture: (batch, channels, samples).

        Returns:
            ``final``, (batch, targets, channels, samples - 2 context).
        """
        self.check(mixture)
        field = mixture.shape[-1] - 2 * self.context
        estimates = centre(self.head(relu(self.skips(mixture, field + 2))), field)
        estimates = estimates.unflatten(1, (self.estimated, self.channels))
        if len(self.targets) > self.estimated:
            rest = centre(mixture, field) - estimates.sum(1)
            estimates = torch.cat((estimates, rest.unsqueeze(1)), dim=1)
        return {"final": estimates}

    def skips(self, mixture: Tensor, samples: int) -> Tensor:
        """Return the sum of all blocks' skip outputs in the middle, (batch, skip, samples)."""
        signal = self.first(mixture)
        total = mixture.new_zeros(())
        for block in self.blocks:
            signal, skip = block(signal)
            total = total + centre(skip, samples)
        return total

    def compare(self, mixture: Tensor, sources: Tensor, probes: Collection[str]) -> Compared:
        """Return what losses compare while training.

        Args:
            mixture: (batch, channels, samples).
            sources: (batch, targets, channels, samples).
            probes: ``final``: the network's estimates, without the remainder, and their sources;
                ``accompaniment``: the one estimate and the mixture without its source.
        """
        field = mixture.shape[-1] - 2 * self.context
        estimates = self(mixture)["final"][:, : self.estimated]
        truth = {"final": sources[:, : self.estimated]}
        if "accompaniment" in probes:
            truth["accompaniment"] = mixture.unsqueeze(1) - truth["final"]
        return {probe: (estimates, centre(truth[probe], field)) for probe in probes}
