"""DeepConvSep: a convolutional autoencoder on patches of magnitudes, which gives soft masks.

P. Chandna, M. Miron, J. Janer and E. Gómez, "Monoaural Audio Source Separation Using Deep
Convolutional Neural Networks", LVA/ICA 2017, and its released code for DSD100.
"""

import math
from collections.abc import Collection
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, fold, pad, relu

from mssbench.models.base import Compared, Variant
from mssbench.models.magnitudes import MagnitudeSeparator

N_FFT, HOP = 1024, 512
SCALE = 0.3 / math.sqrt(N_FFT)
"""From the transform's magnitudes to those that the network hears."""
BLACKMAN_HARRIS = (0.35875, 0.48829, 0.14128, 0.01168)
EPSILON = 1e-8
"""Added to each source before the masks are made."""
ALPHA, BETA, BETA_VOCALS = 0.001, 0.01, 0.03
# Rows: estimated vocals, bass and drums. Columns: true vocals, bass, drums and other.
WEIGHTS = (
    (1.0, -ALPHA, -ALPHA, -BETA_VOCALS),
    (-ALPHA, 1.0, -ALPHA, -BETA),
    (-ALPHA, -ALPHA, 1.0, -BETA),
)
"""Of the squared errors between estimates and true sources in the loss."""


class Autoencoder(nn.Module):
    """Convolutions over all bins and over half the frames, a bottleneck, and one head a source.

    The way back uses the convolutions' own filters, transposed. As the released code has a bias
    in each convolution and another behind it, so has this.

    Args:
        N1: filters over the bins ("vertical").
        N2: filters over T / 2 frames ("horizontal").
        NN: units of the bottleneck.
        T: frames of a patch.
        bins: of a frame.
        heads: for each source the number of its dense layer.
    """

    def __init__(
        self, *, N1: int, N2: int, NN: int, T: int, bins: int, heads: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.heads = heads
        self.vertical = nn.Conv2d(1, N1, (1, bins))
        self.vertical_bias = nn.Parameter(torch.zeros(N1, 1, 1))
        self.horizontal = nn.Conv2d(N1, N2, (T // 2, 1))
        self.horizontal_bias = nn.Parameter(torch.zeros(N2, 1, 1))
        self.code = (N2, T - T // 2 + 1, 1)
        self.bottleneck = nn.Linear(math.prod(self.code), NN)
        self.dense = nn.ModuleList(nn.Linear(NN, math.prod(self.code)) for _ in set(heads))
        self.output_bias = nn.Parameter(torch.zeros(len(heads), 1, 1))

    def forward(self, patches: Tensor) -> Tensor:
        """Map (batch, T, bins) to what is not negative, (batch, sources, T, bins)."""
        signal = self.vertical(patches.unsqueeze(1)) + self.vertical_bias
        signal = self.horizontal(signal) + self.horizontal_bias
        signal = relu(self.bottleneck(signal.flatten(1)))
        codes = [relu(dense(signal)).unflatten(1, self.code) for dense in self.dense]
        decoded = [self.decode(code) for code in codes]
        return relu(torch.cat([decoded[head] for head in self.heads], dim=1) + self.output_bias)

    def decode(self, code: Tensor) -> Tensor:
        """Go back through both convolutions, (batch, *code) to (batch, 1, T, bins)."""
        return conv_transpose2d(
            conv_transpose2d(code, self.horizontal.weight), self.vertical.weight
        )


def cross_fades(patches: int, T: int, overlap: int) -> Tensor:
    """Return the weights that patches have where they overlap, (patches, T).

    Each patch fades in linearly over ``overlap`` frames while all before it fade out; so the
    weights of a frame sum to one however many patches lie over it.
    """
    rise = torch.cat((torch.linspace(0, 1, overlap), torch.ones(T - overlap)))
    weights = rise.repeat(patches, 1)
    weights[0] = 1
    for later, start in enumerate(range(T - overlap, T, T - overlap), start=1):
        weights[:-later, start:] *= 1 - rise[: T - start]
    return weights


class DeepConvSep(MagnitudeSeparator):
    """Soft masks for vocals, bass, drums and other, from patches of 30 frames.

    With the defaults it has 578,682 trainable values, with N2 = 30 357,562. The released code
    takes the bass's dense layer for the other too, by mistake: ``released`` does likewise
    (475,482). The song is cut into patches that overlap, the last one completed by silence, and
    their masks are cross-faded. A crop of 29 hops, 14,848 samples, is one patch, as in the
    paper's training. Before the masks are made the released code adds 1e-8 times a random number
    that all sources share; here it is 1e-8, so where all outputs are 0 the mixture is shared
    evenly either way and nothing is random.

    The loss is ``loss: {kind: penalty, weight: 1}``: the absolute value of the squared errors of
    vocals, bass and drums, less 0.001 times those between two of them, 0.01 (vocals: 0.03) times
    those between each and the true other. They are means over all elements, the paper's are sums:
    batch * bins * frames times as large. The other is never fitted itself.

    Args:
        N1: filters over the bins.
        N2: filters over T / 2 frames: 50 in the released code, 30 by the paper.
        NN: units of the bottleneck.
        T: frames of a patch.
        overlap: frames that a patch shares with the next one.
        released: share the dense layer as the released code does.

    Raises:
        ValueError: T is not above the overlap.
    """

    targets = ("vocals", "bass", "drums", "other")
    probes = ("final", "magnitudes", "loss")
    variants: ClassVar[dict[str, Variant]] = {
        "50/50": Variant({}, 44100),
        "50/30": Variant({"N2": 30}, 44100),
        "released": Variant({"released": True}, 44100),
    }

    def __init__(
        self,
        *,
        N1: int = 50,
        N2: int = 50,
        NN: int = 128,
        T: int = 30,
        overlap: int = 25,
        released: bool = False,
    ) -> None:
        super().__init__(
            targets=self.targets,
            channels=1,
            n_fft=N_FFT,
            hop=HOP,
            window=torch.signal.windows.general_cosine(N_FFT, a=BLACKMAN_HARRIS),
            scale=SCALE,
        )
        if overlap >= T:
            raise ValueError(f"overlap is {overlap}; it must be below T, which is {T}")
        self.T, self.overlap = T, overlap
        self.sees(T, grid=T - overlap)
        self.network = Autoencoder(
            N1=N1,
            N2=N2,
            NN=NN,
            T=T,
            bins=N_FFT // 2 + 1,
            heads=(0, 1, 2, 1) if released else (0, 1, 2, 3),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def masks(self, magnitudes: Tensor) -> Tensor:
        """Return masks that sum to one, (batch, targets, bins, frames).

        Args:
            magnitudes: (batch, 1, bins, frames).
        """
        batch, _, bins, frames = magnitudes.shape
        hop = self.T - self.overlap
        count = 1 + max(0, math.ceil((frames - self.T) / hop))
        length = self.T + (count - 1) * hop
        patches = pad(magnitudes[:, 0], (0, length - frames)).unfold(-1, self.T, hop)
        outputs = self.network(patches.permute(0, 2, 3, 1).flatten(0, 1)) + EPSILON
        masks = outputs / outputs.sum(1, keepdim=True)
        faded = masks.unflatten(0, (batch, count)) * cross_fades(count, self.T, self.overlap).to(
            masks
        ).view(count, 1, self.T, 1)
        columns = faded.permute(0, 2, 4, 3, 1).flatten(1, 3)
        joined = fold(columns, (length, 1), (self.T, 1), stride=(hop, 1))
        return joined.view(batch, -1, bins, length)[..., :frames]

    def estimate(self, magnitudes: Tensor) -> Tensor:
        """Mask (batch, 1, bins, frames); gives (batch, targets, 1, bins, frames)."""
        return self.masks(magnitudes).unsqueeze(2) * magnitudes.unsqueeze(1)

    def compare_estimates(
        self, estimates: Tensor, spectra: Tensor, sources: Tensor, probes: Collection[str]
    ) -> Compared:
        """Return what losses compare; at ``loss`` stands the paper's loss itself and zero."""
        compared = super().compare_estimates(estimates, spectra, sources, probes)
        if "loss" in probes:
            loss = combined_loss(estimates, self.magnitudes(sources))
            compared["loss"] = (loss, torch.zeros_like(loss))
        return compared


def combined_loss(estimates: Tensor, truths: Tensor) -> Tensor:
    """Return the paper's loss, a scalar, for magnitudes (batch, 4, channels, bins, frames)."""
    total = estimates.new_zeros(())
    for source, row in enumerate(WEIGHTS):
        for other, weight in enumerate(row):
            error = (estimates[:, source] - truths[:, other]).square().mean()
            total = total + weight * error
    return total.abs()
