"""Conv-TasNet as HTMD-Net's authors compare with it."""

from torch import Tensor

from mssbench.models.base import Separator
from mssbench.models.initialisation import glorot_uniform
from mssbench.models.masking import MaskingModule


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
        self.multiple = self.masking.hop
        self.apply(glorot_uniform)

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to ``final``, (batch, 1, channels, samples)."""
        self.check(mixture)
        return {"final": self.masking(mixture).unsqueeze(1)}
