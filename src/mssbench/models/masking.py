"""The masking module of HTMD-Net: a Conv-TasNet with batch normalisation and LeakyReLU."""

from torch import Tensor, nn

LEAK = 0.3
"""Slope of the LeakyReLU for negative values: the default of Keras."""


def batch_norm(channels: int) -> nn.BatchNorm1d:
    """Return a batch normalisation with the defaults of Keras."""
    # A momentum of 0.99 in Keras is the share that is kept, in torch the share that is replaced.
    return nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    """A block of dilated convolutions with a residual and a skip output.

    Args:
        B: channels of the input, of the residual and of the skip output.
        H: channels between.
        P: taps of the dilated filters.
        dilation: distance between those taps (frames).
        residual: False for the last block, whose residual nothing would read.
    """

    def __init__(self, B: int, H: int, P: int, dilation: int, residual: bool = True) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(B, H, 1),
            nn.LeakyReLU(LEAK),
            batch_norm(H),
            nn.Conv1d(H, H, P, padding="same", dilation=dilation, groups=H),
            nn.LeakyReLU(LEAK),
            batch_norm(H),
        )
        self.skip = nn.Conv1d(H, B, 1)
        self.residual = nn.Conv1d(H, B, 1) if residual else None

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next block's input and the skip output, both (batch, B, frames)."""
        hidden = self.body(frames)
        if self.residual is not None:
            frames = frames + self.residual(hidden)
        return frames, self.skip(hidden)


class MaskingModule(nn.Module):
    """Estimates one source by masking a learned representation of the mixture.

    The encoder is linear, the masks are sigmoids, all padding is with zeros, and the skip outputs
    of all blocks are summed to give the masks. Letters as in Conv-TasNet (Luo and Mesgarani,
    IEEE/ACM TASLP 2019, table I); the network as in HTMD-Net (Garoufis, Zlatintsi and Maragos,
    EUSIPCO 2021, released code).

    Args:
        channels: audio channels.
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

    def __init__(
        self, *, channels: int, N: int, L: int, B: int, H: int, P: int, X: int, R: int
    ) -> None:
        super().__init__()
        if L % 4:
            raise ValueError(f"L is {L}; it must be a multiple of 4")
        self.hop = L // 2
        # L / 4 zeros at both ends: as many frames as hops, the "same" padding of TensorFlow.
        self.encoder = nn.Conv1d(channels, N, L, stride=self.hop, padding=L // 4)
        self.bottleneck = nn.Sequential(batch_norm(N), nn.Conv1d(N, B, 1))
        self.blocks = nn.ModuleList(
            Block(B, H, P, 2**x, residual=(r, x) != (R - 1, X - 1))
            for r in range(R)
            for x in range(X)
        )
        self.mask = nn.Sequential(nn.LeakyReLU(LEAK), nn.Conv1d(B, N, 1), nn.Sigmoid())
        self.decoder = nn.ConvTranspose1d(N, channels, L, stride=self.hop, padding=L // 4)

    def masks(self, encoded: Tensor) -> Tensor:
        """Return masks in [0, 1] for an encoded mixture, both (batch, N, frames)."""
        frames, skips = self.blocks[0](self.bottleneck(encoded))
        for block in self.blocks[1:]:
            frames, skip = block(frames)
            skips = skips + skip
        masks: Tensor = self.mask(skips)
        return masks

    def forward(self, mixture: Tensor) -> Tensor:
        """Map a mixture to an estimate, both (batch, channels, samples)."""
        encoded = self.encoder(mixture)
        estimate: Tensor = self.decoder(encoded * self.masks(encoded))
        return estimate
