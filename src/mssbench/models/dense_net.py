"""DenseNet and MDenseNet: a network of dense blocks for each target.

N. Takahashi and Y. Mitsufuji, "Multi-scale Multi-band DenseNets for Audio Source Separation",
WASPAA 2017. Its code is not published; what it leaves open is as in reimplementations.
"""

from typing import ClassVar

from mssbench.models.base import Variant
from mssbench.models.dense_block import BlockOutput
from mssbench.models.dense_bodies import Growth, MultiScale, SingleScale
from mssbench.models.dense_target import Head, TargetNetwork
from mssbench.models.target_networks import TargetNetworks

TARGETS = ("vocals", "drums", "bass", "other")

FRAMES = 3
"""Frames that the filters of the dense blocks span, but for the last block's."""


class DenseNet(TargetNetworks):
    """Plain DenseNet: MDenseNet's dense blocks in a row, none of them at a lower resolution.

    Neither pooling nor skip paths, so it sees few frames around each and its cost grows with the
    blocks. Our reading of the baseline, whose configuration is not known: 221,580 trainable values
    a target. Loss and arguments as with `MDenseNet`.

    Raises:
        ValueError: the compression is not a share, or a single target is to be filtered.
    """

    variants: ClassVar[dict[str, Variant]] = {"DenseNet": Variant({}, 44100)}

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = TARGETS,
        channels: int = 2,
        n_fft: int = 2048,
        hop: int = 1024,
        width: int = 32,
        blocks: int = 7,
        k_first: int = 14,
        k: int = 16,
        L: int = 4,
        first_bins: int = 4,
        block_bins: int = 4,
        k_final: int = 4,
        L_final: int = 2,
        block_output: BlockOutput = "last",
        compression: float | None = None,
        affine: bool = False,
        wiener_iterations: int | None = None,
    ) -> None:
        kernels = (first_bins, FRAMES), (block_bins, FRAMES)
        growth = Growth(k_first, k, L, L, *kernels, block_output, compression)
        head = Head(k_final, L_final, block_output, compression)

        def network() -> TargetNetwork:
            body = SingleScale(channels, width, blocks, growth)
            return TargetNetwork(body, channels, head, n_fft // 2 + 1 if affine else None)

        super().__init__(
            targets=targets,
            channels=channels,
            n_fft=n_fft,
            hop=hop,
            wiener_iterations=wiener_iterations,
            network=network,
        )


class MDenseNet(TargetNetworks):
    """Multi-scale DenseNet: MMDenseNet without its bands, for comparison with it.

    Its configuration in the paper is not known to us: growth and filters are those of MMDenseNet's
    low band, 260,216 trainable values a target. Loss and arguments as with `MMDenseNet`; there is
    one network a target, so one entry where that has a list.

    Raises:
        ValueError: the compression is not a share, or a single target is to be filtered.
    """

    variants: ClassVar[dict[str, Variant]] = {"MDenseNet": Variant({}, 44100)}

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = TARGETS,
        channels: int = 2,
        n_fft: int = 2048,
        hop: int = 1024,
        width: int = 32,
        scales: int = 3,
        k_first: int = 14,
        k: int = 16,
        L: int = 4,
        L_bottom: int = 4,
        first_bins: int = 4,
        block_bins: int = 4,
        k_final: int = 4,
        L_final: int = 2,
        block_output: BlockOutput = "last",
        compression: float | None = None,
        affine: bool = False,
        wiener_iterations: int | None = None,
    ) -> None:
        kernels = (first_bins, FRAMES), (block_bins, FRAMES)
        growth = Growth(k_first, k, L, L_bottom, *kernels, block_output, compression)
        head = Head(k_final, L_final, block_output, compression)

        def network() -> TargetNetwork:
            body = MultiScale(channels, width, scales, growth)
            return TargetNetwork(body, channels, head, n_fft // 2 + 1 if affine else None)

        super().__init__(
            targets=targets,
            channels=channels,
            n_fft=n_fft,
            hop=hop,
            wiener_iterations=wiener_iterations,
            network=network,
        )
