"""What a model is: a separator, which is trained, or an untrained method."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from mssbench.errors import UserError

Compared = dict[str, tuple[Tensor, Tensor]]
"""Probe -> what the model says there and what it should say, of one shape."""


@dataclass(frozen=True)
class Variant:
    """A configuration that a paper or its code describes.

    Attributes:
        params: arguments of the model's constructor, those that differ from its defaults.
        rate: sample rate that it is trained at there (Hz); 0 for a method that is not trained.
    """

    params: dict[str, Any]
    rate: int = 0


Domain = Literal["waveform", "magnitudes", "spectrogram"]


class Separator(nn.Module, ABC):
    """A network that estimates sources from a mixture.

    Attributes:
        targets: the sources it estimates, in the order of its output.
        channels: audio channels of the mixture and of every estimate.
        multiple: the mixture's length must be a multiple of this (samples).
        context: samples lost at each side of the output; 0 where it is as long as the input.
        grid: delayed by so many samples, or by a multiple of that, a mixture has estimates that
            are delayed alike, but for those near its ends.
        reach: at most so many samples to each side of an estimate have a part in it, beside those
            that are lost as context; None where it is all of the excerpt, however long.
        domain: where it tells sources apart: in the ``waveform``, or what filters that are
            learned make of it; in the ``magnitudes`` of its spectrogram, whose phases remain; or
            in the complex ``spectrogram``. Estimates are waveforms in any case.
        rate: the sample rate that it must be given (Hz); None where any will do.
        probes: the points of the network that a loss may look at.
        output_names: those of its outputs that are estimates, any of which may be kept.
        has_levels: whether the estimates' levels are the sources'; where a loss has left them
            open, each song's are found by least squares.
        variants: name -> configuration, at paper scale.
    """

    targets: tuple[str, ...]
    channels: int
    multiple: int = 1
    context: int = 0
    grid: int = 1
    reach: int | None = None
    domain: Domain = "waveform"
    rate: int | None = None
    probes: tuple[str, ...] = ("final",)
    output_names: tuple[str, ...] = ("final",)
    has_levels: bool = True
    variants: ClassVar[dict[str, Variant]] = {}

    @abstractmethod
    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Separate a batch of mixtures.

        Args:
            mixture: waveforms (batch, channels, samples).

        Returns:
            The estimates under ``"final"``, (batch, targets, channels, samples), and any other
            waveforms that the network makes on the way.
        """

    def compare(self, mixture: Tensor, sources: Tensor, probes: Collection[str]) -> Compared:
        """Return what losses compare while training.

        A model whose losses look at spectrograms, at other rates or at its latent
        representations overrides this: each probe has a domain of its own.

        Args:
            mixture: waveforms (batch, channels, samples).
            sources: the targets' true waveforms (batch, targets, channels, samples).
            probes: which of ``self.probes`` are wanted.
        """
        outputs = self(mixture)
        heard = slice(self.context, sources.shape[-1] - self.context)
        return {probe: (outputs[probe], sources[..., heard]) for probe in probes}

    def prepare(self, mixtures: Iterable[Tensor]) -> None:
        """Look at mixtures to be trained on, before the first step; most models need not.

        Args:
            mixtures: batches (batch, channels, samples), the same each time that they are asked
                for; there is no end to them.
        """

    def taken(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return another model's weights as this one begins with them: most as they are.

        Args:
            weights: a model's state, maybe of another kind of model.
        """
        return weights

    def check(self, mixture: Tensor) -> None:
        """Check a mixture's shape.

        Raises:
            UserError: the channels or the length do not suit the model.
        """
        name = type(self).__name__
        channels, samples = mixture.shape[-2:]
        if channels != self.channels:
            raise UserError(
                f"{name}: the mixture has {channels} channels, the model is made for "
                f"{self.channels}; set the model's parameter channels, or choose another rendition"
            )
        if samples == 0 or samples % self.multiple:
            raise UserError(
                f"{name}: the mixture has {samples} samples; it needs a multiple of "
                f"{self.multiple}: choose crops and segments of such a length"
            )


class Untrained(ABC):
    """A separation that nothing is learned for: a spatial method, an oracle, the mixture itself.

    Attributes:
        targets: the sources it estimates.
        needs_sources: whether it must be told the true sources, as an oracle must.
        channels: those of the mixture; None where any number will do.
        domain: where it tells sources apart, as for a separator.
        variants: name -> configuration, those that the literature knows.
    """

    targets: tuple[str, ...]
    needs_sources: bool = False
    channels: int | None = None
    domain: Domain = "waveform"
    variants: ClassVar[dict[str, Variant]] = {}

    @abstractmethod
    def separate(
        self, mixture: np.ndarray, sources: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Estimate the targets of one song.

        Args:
            mixture: waveform (channels, samples).
            sources: the true sources by name, in the same shape; empty where they are not known.

        Returns:
            Target -> waveform (channels, samples), float32.
        """


Model = Separator | Untrained
