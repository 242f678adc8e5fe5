"""Conv-TasNet with separate mask estimators for bands of its representation.

I. Papantonakis, C. Garoufis and P. Maragos, "Multi-band Masking for Waveform-based Singing Voice
Separation", EUSIPCO 2022, and its released code.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mssbench.models.base import Separator, Variant
from mssbench.models.conv_tasnet_music import FrontEnd, MaskEstimator, xavier_normal
from mssbench.models.filter_bands import FilterGroup, bands_of
from mssbench.models.strong_front_end import StrongDecoder, StrongEncoder

LENGTHS, SPECTRAL_BANDS, N_FFT = 6, 256, 1024
"""The strong front end's numbers of filter lengths and of learned bands, and its frames."""

ONE_BAND: dict[str, Any] = {"bands": 1, "B": 256}
TWO_BANDS: dict[str, Any] = {"bands": 2, "B": 128}


class StrongFrontEnd(nn.Module):
    """Filters of six lengths and a spectrogram that is not normalised, and their inverse.

    Args:
        channels: audio channels.
        N: channels of the representation.
        L: length of the shortest filters (samples), an even number; the hop of all is L / 2.

    Raises:
        ValueError: L is odd.
    """

    def __init__(self, channels: int, N: int, L: int) -> None:
        super().__init__()
        if L % 2:
            raise ValueError(f"L is {L}; it must be even")
        self.hop = L // 2
        sizes = {"channels": channels, "N": N, "L": L, "hop": self.hop, "lengths": LENGTHS}
        self.encoder = StrongEncoder(**sizes, bands=SPECTRAL_BANDS, n_fft=N_FFT, normalised=False)
        self.decoder = StrongDecoder(**sizes)

    def encode(self, mixture: Tensor) -> Tensor:
        """Return the representation (batch, N, frames) of (batch, channels, samples)."""
        encoded: Tensor = self.encoder(pad(mixture, (0, -mixture.shape[-1] % self.hop)))
        return encoded

    def decode(self, encoded: Tensor, samples: int) -> Tensor:
        """Return waveforms (..., channels, samples) of representations (..., N, frames)."""
        waves: Tensor = self.decoder(encoded.flatten(0, -3))
        return waves.unflatten(0, encoded.shape[:-2])[..., :samples]


class MultiBand(Separator):
    """A Conv-TasNet whose masks are estimated band by band.

    The N channels of the representation are cut into equal bands of neighbours, each with a mask
    estimator of its own. With the defaults (M2) it has 6,582,880 trainable values. The poster gives
    M3 12.97 million, which is two bands without the full one and with a bottleneck of 256; the
    released weights are of the size of a full band with 128: ``M3`` is the latter, ``M3 poster``
    the former. M5 and M6 begin with the front end of a trained model and leave it as it is: an
    experiment of a study says ``initial: {experiment: m1, parts: [front_end]}``. Which one the
    authors took (M1's is a guess), and how they sort, is not in the released code.

    The released code scales each song by the mean and the standard deviation of its mono mixture,
    outside the network, and trains with `loss: {final: {kind: mae, weight: 1}}`.

    Args:
        targets: the sources.
        channels: audio channels of the mixture and of the estimates, encoded together.
        N: channels of the representation.
        L: length of the filters (samples), an even number; their hop is L / 2.
        B: channels of each bottleneck and of the residual paths.
        H: channels inside a block.
        P: taps of the dilated filters, an odd number.
        X: blocks in a stack; block x has a dilation of 2^x frames.
        R: stacks.
        bands: number of bands.
        full_band: whether one more estimator sees all channels; then a linear map without bias
            makes the masks from its masks and those of the bands.
        encoder: ``plain``, or ``strong`` for filters of six lengths and a spectrogram.
        front_end: ``learned`` with all else; ``frozen`` as it is taken from a trained model; or
            ``sorted``, the same with its channels in the order of their centre frequencies.

    Raises:
        ValueError: L is odd, P is even, N is no multiple of the bands, or a strong encoder is to be
            sorted.
    """

    variants: ClassVar[dict[str, Variant]] = {
        "M1": Variant(ONE_BAND, rate=22050),
        "M2": Variant(TWO_BANDS, rate=22050),
        "M3": Variant(TWO_BANDS | {"full_band": True}, rate=22050),
        "M3 poster": Variant({"bands": 2, "B": 256}, rate=22050),
        "M4": Variant({"bands": 4, "B": 64}, rate=22050),
        "M5": Variant(TWO_BANDS | {"front_end": "frozen"}, rate=22050),
        "M6": Variant(TWO_BANDS | {"front_end": "sorted"}, rate=22050),
        "S1": Variant(ONE_BAND | {"encoder": "strong"}, rate=22050),
        "S2": Variant(TWO_BANDS | {"encoder": "strong"}, rate=22050),
    }

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = ("accompaniment", "vocals"),
        channels: int = 2,
        N: int = 256,
        L: int = 20,
        B: int = 128,
        H: int = 512,
        P: int = 3,
        X: int = 8,
        R: int = 3,
        bands: int = 2,
        full_band: bool = False,
        encoder: Literal["plain", "strong"] = "plain",
        front_end: Literal["learned", "frozen", "sorted"] = "learned",
    ) -> None:
        super().__init__()
        if N % bands:
            raise ValueError(f"N is {N}; it must be a multiple of bands, {bands}")
        if front_end == "sorted" and encoder == "strong":
            raise ValueError("front_end is sorted; it must be learned or frozen if it is strong")
        self.targets = targets
        self.channels = channels
        self.sorted = front_end == "sorted"
        front = FrontEnd if encoder == "plain" else StrongFrontEnd
        self.front_end: FrontEnd | StrongFrontEnd = front(channels, N, L)
        sizes = {"B": B, "H": H, "P": P, "X": X, "R": R, "C": len(targets)}
        self.bands = nn.ModuleList(MaskEstimator(N=N // bands, **sizes) for _ in range(bands))
        self.full_band = MaskEstimator(N=N, **sizes) if full_band else None
        self.merge = nn.Linear(2 * N, N, bias=False) if full_band else None
        xavier_normal(self)
        self.front_end.requires_grad_(front_end == "learned")

    def taken(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return another model's weights, its front end sorted if this model's is.

        Sorted by the centre frequencies of the encoder's filters, from low to high.

        Args:
            weights: state of a model with a plain front end of as many channels.
        """
        filters = weights.get("front_end.encoder.weight")
        if not self.sorted or filters is None:
            return weights
        # The unit of frequency does not change the order.
        centre, _ = bands_of(filters, rate=1)
        order = centre.argsort(stable=True)
        front = {key: w[order] for key, w in weights.items() if key.startswith("front_end.")}
        return {**weights, **front}

    def filter_groups(self, rate: int) -> list[FilterGroup]:
        """Return the encoder's filters of each band, as `mssbench.models.filter_bands` asks.

        A strong encoder mixes its filters before the bands: it gives them by their lengths.
        """
        if isinstance(self.front_end, StrongFrontEnd):
            return self.front_end.encoder.filter_groups(rate)
        parts = self.front_end.encoder.weight.chunk(len(self.bands))
        names = [f"band {number}" for number in range(1, len(parts) + 1)] if parts[1:] else [""]
        return [FilterGroup(*each, rate) for each in zip(names, parts, strict=True)]

    def masks(self, encoded: Tensor) -> Tensor:
        """Return the masks (batch, targets, N, frames) of an encoded mixture."""
        parts = encoded.chunk(len(self.bands), dim=1)
        masks = [band(part) for band, part in zip(self.bands, parts, strict=True)]
        if self.full_band is None or self.merge is None:
            return torch.cat(masks, dim=2)
        both: Tensor = self.merge(
            torch.cat((*masks, self.full_band(encoded)), dim=2).transpose(2, 3)
        )
        return both.transpose(2, 3)

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to ``final``, (batch, targets, channels, samples)."""
        self.check(mixture)
        encoded = self.front_end.encode(mixture)
        masked = self.masks(encoded) * encoded.unsqueeze(1)
        return {"final": self.front_end.decode(masked, mixture.shape[-1])}
