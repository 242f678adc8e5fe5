"""MMDenseNet: dense blocks at several scales, for each band and for all bins.

N. Takahashi and Y. Mitsufuji, "Multi-scale Multi-band DenseNets for Audio Source Separation",
WASPAA 2017. Its code is not published; what it leaves open is as in reimplementations.
"""

from typing import ClassVar

from mssbench.models.base import Variant
from mssbench.models.dense_block import BlockOutput
from mssbench.models.dense_bodies import Growth, MultiBand, MultiScale
from mssbench.models.dense_net import FRAMES, TARGETS
from mssbench.models.dense_target import Head, TargetNetwork
from mssbench.models.target_networks import TargetNetworks


class MMDenseNet(TargetNetworks):
    """Multi-scale multi-band DenseNets: one for each band and one for all bins, then both joined.

    With the defaults, the 335,368 trainable values a target are those of a reimplementation (with
    ``affine`` 339,468); 0.33 million are published, with how a block ends left open. The other
    reading that comes near keeps all maps of a block and compresses them to a quarter, with 3x3
    filters: 340,378.

    Lists have an entry for each band, the lowest first, then one for all bins. With J targets,
    ``loss: {magnitudes: {kind: mse, weight: J}}`` is the sum of the losses of networks that are
    trained on their own, as in the paper: each sees its target alone, though all stop together.

    Args:
        targets: the sources; each has a network.
        channels: audio channels of the mixture and of the estimates.
        n_fft: length of an STFT frame (samples).
        hop: distance of two frames (samples).
        splits: the bins at which one band ends and the next begins.
        width: maps of the first convolution.
        scales: how often the resolution is halved.
        k_first: growth rate of the first dense block.
        k: growth rate of the following ones.
        L: layers of a dense block.
        L_bottom: layers of the one at the lowest resolution.
        first_bins: bins that the filters of the first convolution span.
        block_bins: bins that the filters of the dense blocks span.
        k_final: growth rate of the last dense block, where all are joined.
        L_final: its layers.
        final_kernel: bins and frames that its filters span.
        gated: whether the last convolution is normalised, 1x1 and gated; the paper's spans two
            bins.
        block_output: what a dense block gives: the maps of its ``last`` layer, or with its input
            those of ``all``.
        compression: share of these that a 1x1 convolution keeps; None does without.
        affine: whether every bin is scaled and shifted at the input and at the output.
        wiener_iterations: of the multichannel Wiener filter in evaluation; None uses the phase of
            the mixture.

    Raises:
        ValueError: lists are not as long as they must be, bands are empty, the compression is not
            a share or a single target is to be filtered.
    """

    variants: ClassVar[dict[str, Variant]] = {
        "MMDenseNet": Variant({}, 44100),
        "MMDenseNet compressed": Variant(
            {
                "block_bins": (3, 3, 3),
                "final_kernel": (3, 3),
                "gated": False,
                "block_output": "all",
                "compression": 0.25,
            },
            44100,
        ),
    }

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = TARGETS,
        channels: int = 2,
        n_fft: int = 2048,
        hop: int = 1024,
        splits: tuple[int, ...] = (512,),
        width: int = 32,
        scales: int = 3,
        k_first: tuple[int, ...] = (14, 10, 6),
        k: tuple[int, ...] = (16, 10, 6),
        L: tuple[int, ...] = (4, 3, 2),
        L_bottom: tuple[int, ...] = (4, 3, 4),
        first_bins: tuple[int, ...] = (4, 3, 4),
        block_bins: tuple[int, ...] = (4, 3, 4),
        k_final: int = 4,
        L_final: int = 2,
        final_kernel: tuple[int, ...] = (2, 1),
        gated: bool = True,
        block_output: BlockOutput = "last",
        compression: float | None = None,
        affine: bool = False,
        wiener_iterations: int | None = None,
    ) -> None:
        bins = n_fft // 2 + 1
        check_splits(splits, bins)
        lists = {"k_first": k_first, "k": k, "L": L, "L_bottom": L_bottom}
        lists |= {"first_bins": first_bins, "block_bins": block_bins}
        for name, values in lists.items():
            if len(values) != len(splits) + 2:
                raise ValueError(
                    f"{name} has {len(values)} entries; it must have {len(splits) + 2}, one for "
                    "each band and one for all bins"
                )
        if len(final_kernel) != 2:
            raise ValueError(f"final_kernel is {final_kernel}; it must be bins and frames")
        growths = [
            Growth(
                k_first=k_first[band],
                k=k[band],
                L=L[band],
                L_bottom=L_bottom[band],
                first_kernel=(first_bins[band], FRAMES),
                kernel=(block_bins[band], FRAMES),
                output=block_output,
                compression=compression,
            )
            for band in range(len(splits) + 2)
        ]
        kernel = (final_kernel[0], final_kernel[1])
        head = Head(k_final, L_final, block_output, compression, kernel, gated)

        def network() -> TargetNetwork:
            *bands, full = (MultiScale(channels, width, scales, growth) for growth in growths)
            body = MultiBand(bands, full, splits)
            return TargetNetwork(body, channels, head, bins if affine else None)

        super().__init__(
            targets=targets,
            channels=channels,
            n_fft=n_fft,
            hop=hop,
            wiener_iterations=wiener_iterations,
            network=network,
        )


def check_splits(splits: tuple[int, ...], bins: int) -> None:
    """Refuse bands that are empty.

    Raises:
        ValueError: the splits do not rise, or lie outside.
    """
    if sorted({0, *splits, bins}) != [0, *splits, bins]:
        raise ValueError(
            f"splits are {', '.join(map(str, splits))}; they must rise and lie between 0 and "
            f"the {bins} bins"
        )
