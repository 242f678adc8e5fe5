"""Conv-TasNet: the original, and as HTMD-Net's authors compare with it."""

from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn.functional import pad

from mssbench.models.base import Separator, Variant
from mssbench.models.dilated_block import DilatedBlock, spare_memory
from mssbench.models.filter_bands import FilterGroup
from mssbench.models.framing import analysed, parts, synthesised
from mssbench.models.initialisation import glorot_uniform
from mssbench.models.masking import MaskingModule
from mssbench.models.normalisation import CumulativeNorm, GlobalNorm
from mssbench.models.products import pointwise

LETTERS = ("N", "L", "B", "H", "Sc", "P", "X", "R")
TABLE = (
    (128, 40, 128, 256, 128, 3, 7, 2),
    (256, 40, 128, 256, 128, 3, 7, 2),
    (512, 40, 128, 256, 128, 3, 7, 2),
    (512, 40, 128, 256, 256, 3, 7, 2),
    (512, 40, 128, 512, 128, 3, 7, 2),
    (512, 40, 128, 512, 512, 3, 7, 2),
    (512, 40, 256, 256, 256, 3, 7, 2),
    (512, 40, 256, 512, 256, 3, 7, 2),
    (512, 40, 256, 512, 512, 3, 7, 2),
    (512, 40, 128, 512, 128, 3, 6, 4),
    (512, 40, 128, 512, 128, 3, 4, 6),
    (512, 40, 128, 512, 128, 3, 8, 3),
    (512, 32, 128, 512, 128, 3, 8, 3),
    (512, 16, 128, 512, 128, 3, 8, 3),
)
"""The paper's configurations, table II; the last is the best. It trains them at 8 kHz."""


def table_variants() -> dict[str, Variant]:
    """Return the paper's configurations: ``best``, the same ``causal``, and all by their letters.

    Every block has a residual path, as in the paper's count of parameters; but for one more, which
    is the best without the last block's.
    """
    rows: list[dict[str, Any]] = [dict(zip(LETTERS, row, strict=True)) for row in TABLE]
    best = rows[-1]
    named = {
        " ".join(f"{letter}{value}" for letter, value in row.items()): row for row in rows[:-1]
    }
    params = {"best": best, "causal": best | {"norm": "cLN"}, **named}
    variants = {
        name: Variant({**row, "last_residual": True}, rate=8000) for name, row in params.items()
    }
    return variants | {"best, without what nothing reads": Variant(best, rate=8000)}


class ConvTasNet(Separator):
    """Masks on a learned representation, estimated by stacks of dilated convolutions.

    Y. Luo and N. Mesgarani, "Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for
    Speech Separation", IEEE/ACM TASLP 2019. The encoder is linear and the masks come from the sum
    of the blocks' skip paths. With the defaults it has 4,984,881 trainable values; 5,050,545 with a
    residual path in the last block, too, which nothing reads and no gradient but zero reaches.

    The paper's loss is `loss: {final: {kind: si_sdr, weight: 1}}`, up to the order of speakers,
    which instruments do not need. A mixture of any length is taken: it is completed with zeros, and
    the estimates are cut.

    Args:
        targets: the sources.
        channels: audio channels of the mixture and of the estimates, encoded together.
        N: filters of the encoder and of the decoder.
        L: length of these filters (samples), an even number; their hop is L / 2.
        B: channels of the bottleneck and of the residual paths.
        H: channels inside a block.
        Sc: channels of the skip paths.
        P: taps of the dilated filters, an odd number.
        X: blocks in a stack; block x has a dilation of 2^x frames.
        R: stacks.
        norm: ``gLN`` over the whole excerpt; or ``cLN`` over the past, with filters that see the
            past alone, for a model that hears less than L samples ahead.
        mask: ``sigmoid``, or ``relu`` as in some recipes.
        last_residual: whether the last block has a residual path.

    Raises:
        ValueError: L is odd or P is even.
    """

    variants: ClassVar[dict[str, Variant]] = table_variants()

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = ("accompaniment", "vocals"),
        channels: int = 1,
        N: int = 512,
        L: int = 16,
        B: int = 128,
        H: int = 512,
        Sc: int = 128,
        P: int = 3,
        X: int = 8,
        R: int = 3,
        norm: Literal["gLN", "cLN"] = "gLN",
        mask: Literal["sigmoid", "relu"] = "sigmoid",
        last_residual: bool = False,
    ) -> None:
        super().__init__()
        if L % 2:
            raise ValueError(f"L is {L}; it must be even")
        self.targets = targets
        self.channels = channels
        self.hop = L // 2
        self.hidden_channels = H
        self.squash = mask
        # A hop of zeros at both ends, so that every sample lies in two frames.
        self.encoder = nn.Conv1d(channels, N, L, stride=self.hop, padding=self.hop, bias=False)
        layer = GlobalNorm if norm == "gLN" else CumulativeNorm
        self.bottleneck = nn.Sequential(layer(N), nn.Conv1d(N, B, 1))
        outputs = [B + Sc] * (R * X)
        if not last_residual:
            outputs[-1] = Sc
        self.blocks = nn.ModuleList(
            DilatedBlock(B=B, H=H, outputs=out, P=P, dilation=2 ** (i % X), bias=True, norm=norm)
            for i, out in enumerate(outputs)
        )
        self.skip_channels = Sc
        self.mask = nn.Sequential(nn.PReLU(), nn.Conv1d(Sc, len(targets) * N, 1))
        self.decoder = nn.ConvTranspose1d(
            N, channels, L, stride=self.hop, padding=self.hop, bias=False
        )

    def filter_groups(self, rate: int) -> list[FilterGroup]:
        """Return the encoder's filters, as `mssbench.models.filter_bands` asks for them."""
        return [FilterGroup("", self.encoder.weight, rate)]

    def skips(self, encoded: Tensor) -> Tensor:
        """Return the sum of the skip paths (batch, frames, Sc) for (batch, N, frames)."""
        norm, convolution = self.bottleneck
        frames = pointwise(norm(encoded), convolution).transpose(1, 2)
        # The sum begins with zeros.
        state = pad(frames, (0, self.skip_channels))
        spare = spare_memory(state, self.hidden_channels)
        for block in self.blocks:
            state = block(state, spare)
        return state[..., -self.skip_channels :]

    def masks(self, skips: Tensor) -> Tensor:
        """Return the masks (batch, targets, N, frames) for the skips of some frames."""
        activation, convolution = self.mask
        masks = pointwise(activation(skips.transpose(1, 2)), convolution, self.squash)
        return masks.unflatten(1, (len(self.targets), -1))

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to ``final``, (batch, targets, channels, samples)."""
        self.check(mixture)
        samples = mixture.shape[-1]
        encoded = analysed(pad(mixture, (0, -samples % self.hop)), self.encoder)
        skips = self.skips(encoded)
        masked = (
            self.masks(skips[:, part]) * encoded[..., part].unsqueeze(1) for part in parts(encoded)
        )
        return {"final": synthesised(masked, self.decoder)[..., :samples]}


class ConvTasNet3x9(Separator):
    """The masking module of HTMD-Net with three stacks, on its own: vocals from a mixture.

    The HTMD-Net paper (Garoufis, Zlatintsi and Maragos, EUSIPCO 2021) trains Conv-TasNet under
    its own conditions; its configuration is not in the released code, where a leftover condition
    speaks of three stacks of nine blocks. With the defaults it has 5,523,713 trainable values.

    Args:
        channels: audio channels of the mixture and of the estimate.
        N: filters of the encoder and of the decoder.
        L: length of these filters (samples), a multiple of 4; their hop is L / 2.
        B: channels of the bottleneck, of the residual and of the skip paths.
        H: channels inside a block.
        P: taps of the dilated filters.
        X: blocks in a stack; block x has a dilation of 2^x frames.
        R: stacks.

    Raises:
        ValueError: L is not a multiple of 4.
    """

    targets = ("vocals",)

    def __init__(
        self,
        *,
        channels: int = 1,
        N: int = 512,
        L: int = 16,
        B: int = 128,
        H: int = 512,
        P: int = 3,
        X: int = 9,
        R: int = 3,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.masking = MaskingModule(channels=channels, N=N, L=L, B=B, H=H, P=P, X=X, R=R)
        self.multiple = self.grid = self.masking.hop
        # Both frames that a sample lies in reach a hop further.
        self.reach = self.masking.hop * R * (2**X - 1) * (P // 2) + 2 * L
        self.apply(glorot_uniform)

    def filter_groups(self, rate: int) -> list[FilterGroup]:
        """Return the encoder's filters, as `mssbench.models.filter_bands` asks for them."""
        return [FilterGroup("", self.masking.encoder.weight, rate)]

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to ``final``, (batch, 1, channels, samples)."""
        self.check(mixture)
        return {"final": self.masking(mixture).unsqueeze(1)}
