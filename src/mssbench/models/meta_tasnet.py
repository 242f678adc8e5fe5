"""Meta-TasNet: extractors whose weights are generated, at three sample rates.

D. Samuel, A. Ganeshan and J. Naradowsky, "Meta-learning Extractors for Music Source Separation",
ICASSP 2020, and its released code.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import ClassVar, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torchaudio.functional import resample

from mssbench.models.base import Compared, Separator, Variant
from mssbench.models.filter_bands import FilterGroup
from mssbench.models.latent_penalties import PENALTIES
from mssbench.models.meta_tasnet_masks import GROUPS, InstrumentMasks
from mssbench.models.strong_front_end import StrongDecoder, StrongEncoder

LENGTHS, SPECTRAL_BANDS, N_FFT = 3, 256, 1024
"""The strong encoder's numbers of filter lengths and of learned bands, and its first frames."""

EXAMPLES = 5000
"""So many give the statistics that spectrograms are standardised by, as in the released code."""


class Sizes(NamedTuple):
    """The letters of a network; those of stage m = 1, 2, 4, ... are N m and L m."""

    N: int
    L: int
    B: int
    H: int
    P: int
    X: int
    R: int
    E1: int | None
    E2: int


class Stage(nn.Module):
    """Encoder, masks and decoder at one sample rate.

    Args:
        instruments: how many.
        m: the rate over that of the first stage.
        sizes: of the network.
        strong: whether encoder and decoder have filters of several lengths and a spectrogram.
    """

    def __init__(self, instruments: int, m: int, sizes: Sizes, strong: bool) -> None:
        super().__init__()
        N, hop = sizes.N * m, sizes.L * m
        self.encoder: nn.Module
        self.decoder: nn.Module
        if strong:
            both = {"channels": 1, "N": N, "L": hop, "hop": hop, "lengths": LENGTHS}
            self.encoder = StrongEncoder(
                **both, bands=SPECTRAL_BANDS, n_fft=N_FFT * m, normalised=True
            )
            self.decoder = StrongDecoder(**both)
        else:
            self.encoder = nn.Conv1d(1, N, 2 * hop, stride=hop, padding=hop // 2, bias=False)
            self.decoder = nn.ConvTranspose1d(
                N, 1, 2 * hop, stride=hop, padding=hop // 2, bias=False
            )
        self.masks = InstrumentMasks(
            instruments=instruments,
            # The masked latents of the stage before have half as many channels.
            inputs=N if m == 1 else N + N // 2,
            N=N,
            **{key: value for key, value in sizes._asdict().items() if key not in "NL"},
        )
        self.instruments = instruments

    def forward(self, mixture: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Separate a mixture.

        Args:
            mixture: (batch, 1, samples), at the stage's rate and a multiple of its hop.
            before: the masked latents of the stage before, (batch, instruments, N / 2, frames);
                None in the first.

        Returns:
            The estimates (batch, instruments, 1, samples) and the masked latents.
        """
        latents = self.encoder(mixture).unsqueeze(1).expand(-1, self.instruments, -1, -1)
        heard = latents if before is None else torch.cat((latents, before), dim=2)
        masked = latents * self.masks(heard)
        estimates: Tensor = self.decoder(masked.flatten(0, 1))
        return estimates.unflatten(0, masked.shape[:2]), masked


class MetaTasNet(Separator):
    """Conv-TasNets at 8, 16 and 32 kHz, each of which hears what the one before has separated.

    The masks' weights are generated from an embedding of each instrument by two linear maps for
    every layer. With the defaults it has 45,531,260 trainable values. The network hears one audio
    channel; it is given the highest rate and resamples it for the stages below. ``final`` is the
    last stage's estimate, whose level is free: `mssbench.models.rescaling` finds it. The last
    block's residual weights exist as in the released code, but nothing reads them and no gradient
    reaches them.

    Probes, for stage 1, 2, ...: ``stage_1``, the estimates beside the sources at that stage's rate
    (the last stage's are ``final``); ``reconstruction_1``, the mixture encoded and decoded;
    ``dissimilarity_1`` and ``similarity_1``, penalties. The released code's loss has for each stage

    - `stage_1: {kind: si_snr, weight: 4}` (for the last, `final`), but that it takes the mean over
      the active examples of each instrument first;
    - `reconstruction_1: {kind: si_snr, weight: 0.05}`;
    - `dissimilarity_1: {kind: penalty, weight: 3}`;
    - `similarity_1: {kind: penalty, weight: -2}`.

    Args:
        targets: the sources.
        stages: how many; each has twice the rate of the one before.
        first_rate: sample rate of the first stage (Hz).
        N: channels of the first stage's representation, a multiple of 8; doubled by each stage.
        L: the first stage's hop and the length of its shortest filters (samples), an even number;
            doubled by each stage.
        B: channels of the bottleneck, of the residual and of the skip paths, a multiple of 8.
        H: channels inside a block, a multiple of 8.
        P: taps of the dilated filters, an odd number.
        X: blocks in a stack; block x has a dilation of 2^x frames.
        R: stacks.
        E1: length of an instrument's embedding.
        E2: values between the two linear maps that generate a layer's weights.
        weights: ``generated``, or ``independent`` for each instrument.
        encoder: ``strong`` for filters of three lengths and a spectrogram; ``plain`` for filters of
            two hops alone, our reading of the paper's ablation, which the code does not have.

    Raises:
        ValueError: a number is no multiple of what it must be.
    """

    channels = 1
    has_levels = False
    variants: ClassVar[dict[str, Variant]] = {
        "Meta-TasNet": Variant({}, rate=32000),
        "two stages": Variant({"stages": 2}, rate=16000),
        "one stage": Variant({"stages": 1}, rate=8000),
        "independent": Variant({"weights": "independent"}, rate=32000),
        "plain encoder": Variant({"encoder": "plain"}, rate=32000),
    }

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = ("drums", "bass", "other", "vocals"),
        stages: int = 3,
        first_rate: int = 8000,
        N: int = 440,
        L: int = 20,
        B: int = 160,
        H: int = 160,
        P: int = 3,
        X: int = 6,
        R: int = 3,
        E1: int = 8,
        E2: int = 5,
        weights: Literal["generated", "independent"] = "generated",
        encoder: Literal["strong", "plain"] = "strong",
    ) -> None:
        super().__init__()
        for letter, value in {"N": N, "B": B, "H": H}.items():
            if value % GROUPS:
                raise ValueError(f"{letter} is {value}; it must be a multiple of {GROUPS}")
        if L % 2 or P % 2 == 0:
            raise ValueError(f"L is {L} and P is {P}; L must be even and P odd")
        sizes = Sizes(N, L, B, H, P, X, R, E1 if weights == "generated" else None, E2)
        self.targets = targets
        self.factors = [2**stage for stage in range(stages)]
        self.rate = first_rate * self.factors[-1]
        self.hop = L * self.factors[-1]
        self.stages = nn.ModuleList(
            Stage(len(targets), m, sizes, encoder == "strong") for m in self.factors
        )
        self.estimates = (*(f"stage_{i}" for i in range(1, stages)), "final")
        auxiliary = ("reconstruction", "dissimilarity", "similarity")
        numbered = (f"{name}_{i}" for name in auxiliary for i in range(1, stages + 1))
        self.probes = (*self.estimates, *numbered)

    def filter_groups(self, rate: int) -> list[FilterGroup]:
        """Return the filters of each stage and length, as `mssbench.models.filter_bands` asks."""
        found = []
        for m, stage in zip(self.factors, self.stages, strict=True):
            own = rate * m // self.factors[-1]
            encoder = stage.get_submodule("encoder")
            if isinstance(encoder, StrongEncoder):
                groups = encoder.filter_groups(own)
            else:
                groups = [FilterGroup("", encoder.get_parameter("weight"), own)]
            for group in groups:
                name = f"{own / 1000:g} kHz, {group.name}".removesuffix(", ")
                found.append(group._replace(name=name))
        return found

    def at_stage(self, waves: Tensor, stage: int) -> Tensor:
        """Resample waveforms (..., samples) to a stage's rate, completed to whole frames.

        Torchaudio's windowed sinc with its default width; the released code prepares its data so
        with another library.
        """
        whole = pad(waves, (0, -waves.shape[-1] % self.hop))
        return resample(whole, self.factors[-1], self.factors[stage])

    def prepare(self, mixtures: Iterable[Tensor]) -> None:
        """Set the statistics that the spectrograms are standardised by, in every stage.

        Args:
            mixtures: batches (batch, 1, samples) at the model's rate, gone through once a stage;
                as the authors do, 5,000 examples are heard, if there are so many.
        """
        for i, stage in enumerate(self.stages):
            if isinstance(stage.encoder, StrongEncoder):
                heard = (self.at_stage(mixture, i) for mixture in first(mixtures, EXAMPLES))
                stage.encoder.spectrogram.set_statistics(heard)

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, 1, samples) to ``final``, (batch, targets, 1, samples).

        The estimates of the stages before come at their own rates, completed to whole frames.
        """
        self.check(mixture)
        outputs: dict[str, Tensor] = {}
        masked = None
        for i, (name, stage) in enumerate(zip(self.estimates, self.stages, strict=True)):
            outputs[name], masked = stage(self.at_stage(mixture, i), masked)
        outputs["final"] = outputs["final"][..., : mixture.shape[-1]]
        return outputs

    def compare(self, mixture: Tensor, sources: Tensor, probes: Collection[str]) -> Compared:
        """Return what losses compare; see the class for the probes."""
        outputs = self(mixture) if set(probes) & set(self.estimates) else {}
        compared: Compared = {}
        for probe in probes:
            name, _, number = probe.partition("_")
            if probe == "final":
                compared[probe] = outputs[probe], sources
            elif name == "stage":
                compared[probe] = outputs[probe], self.at_stage(sources, int(number) - 1)
            elif name == "reconstruction":
                stage = cast(Stage, self.stages[int(number) - 1])
                true = self.at_stage(mixture, int(number) - 1)
                compared[probe] = stage.decoder(stage.encoder(true)), true
            else:
                value = PENALTIES[name](*self.true_latents(sources, int(number) - 1))
                compared[probe] = value, torch.zeros_like(value)
        return compared

    def true_latents(self, sources: Tensor, stage: int) -> tuple[Tensor, Tensor]:
        """Encode the true sources at one stage.

        Returns:
            The latents (batch, targets, N, frames) and who is not silent, (batch, targets).
        """
        waves = self.at_stage(sources, stage)
        latents: Tensor = cast(Stage, self.stages[stage]).encoder(waves.flatten(0, 1))
        return latents.unflatten(0, waves.shape[:2]), waves.ne(0).flatten(2).any(-1)


def first(batches: Iterable[Tensor], examples: int) -> Iterator[Tensor]:
    """Yield the batches that hold the first ``examples``; the last is not cut."""
    heard = 0
    for batch in batches:
        yield batch
        heard += len(batch)
        if heard >= examples:
            return
