"""The resolved configuration of a training run: every key has been checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from mssbench.augmentation.config import AugmentationConfig, check
from mssbench.errors import UserError
from mssbench.panning.fan import Fan
from mssbench.stretching.config import StretchingConfig
from mssbench.training.optimiser_config import Decay, OptimiserConfig
from mssbench.training.schedule import FineTuningConfig, ScheduleConfig
from mssbench.training.structure import Count, Maximum, Minimum, Positive, structure

Seed = Annotated[int, Minimum(0)]


@dataclass(frozen=True)
class RenditionConfig:
    """What the audio must have been prepared to.

    Attributes:
        rate: sampling rate in Hz.
        channels: ``mono`` or ``stereo``.
        format: ``float32`` or ``int16``, as which samples are stored.
        panning: where the sources of each mixture stand; None for the data set's own mixtures.
    """

    rate: Count
    channels: Literal["mono", "stereo"]
    format: Literal["float32", "int16"] = "float32"
    panning: Fan | None = None


@dataclass(frozen=True)
class ModelConfig:
    """A model of the registry.

    Attributes:
        name: its name there.
        params: arguments of its constructor.
    """

    name: str
    params: dict[str, Any]


@dataclass(frozen=True)
class RandomCropsConfig:
    """Crops at random places.

    Attributes:
        samples: length of a crop in samples.
        steps_per_epoch: batches between two validations.
        voiced_share: probability that a crop is cut from where somebody sings all the time, as
            `mssbench.training.voiced` finds it; the others may lie anywhere.
        draw: what is equally likely: each of the ``seconds`` of music, so that long songs are
            heard more, or each of the ``songs``.
    """

    kind: Literal["random"]
    samples: Count
    steps_per_epoch: Count
    voiced_share: Annotated[float, Minimum(0), Maximum(1)] = 0.0
    draw: Literal["seconds", "songs"] = "seconds"


@dataclass(frozen=True)
class WindowCropsConfig:
    """All windows at equal distances, shuffled anew each epoch.

    Attributes:
        samples: length of a window in samples.
        stride: from the beginning of a window to that of the next (samples); None for windows that
            follow one another without overlap.
    """

    kind: Literal["windows"]
    samples: Count
    stride: Count | None = None


CropsConfig = RandomCropsConfig | WindowCropsConfig


@dataclass(frozen=True)
class LossTerm:
    """One term of the loss.

    Attributes:
        kind: a name in `mssbench.training.losses.LOSSES`.
        weight: factor in the total. A term of weight 0 does not count, and one of a weight below
            0 rewards what is unlike.
        probe: the point of the model that it looks at; None for the one called like the term.
    """

    kind: Literal["mae", "mse", "si_sdr", "si_snr", "penalty"]
    weight: float
    probe: str | None = None


@dataclass(frozen=True)
class AverageConfig:
    """The running mean of the weights that is validated and saved in their place.

    Attributes:
        decay: how much of the mean is kept at each step.
    """

    decay: Decay


@dataclass(frozen=True)
class InitialConfig:
    """The weights that a training begins with.

    Attributes:
        run: name of the training that made them; where they are of unknown origin,
            ``weights-`` and their digest.
        parts: dotted names of the modules that take them, as in ``front_end``; none for all.
    """

    run: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingOptions:
    """How the model is trained.

    Attributes:
        crops: how training examples are cut from the songs.
        batch_size: examples a step.
        optimiser: the optimiser.
        epochs: number of epochs at most.
        patience: epochs without a better score after which training stops.
        loss: term -> what it is; most terms are called like the probe that they look at.
        augmentation: how training examples are changed, in this order; validation's never are.
        memory_gb: memory of the device (GB of 10^9 bytes) that the songs of training may take, and
            beside them those of validation; what does not fit is read from its files. None allows
            half of a GPU's free memory, and none of a computer's, which keeps the files in memory
            anyway. Batches are the same either way.
        half_samples: whether the samples of crops of a float32 rendition are rounded to float16
            (11 bits), with which twice as many fit a GPU. Validation hears all bits.
        normalise: ``song`` divides each song by the standard deviation of its mixture, in training
            and in separation, whose estimates are multiplied by it again.
        schedule: how the learning rate changes; None leaves it as it is.
        warm_up: steps in which the learning rate grows in equal parts to what it is otherwise.
        fine_tuning: a second phase after the patience of the first; ``epochs`` counts both.
        clip_norm: norm to which the gradient is shortened where it is longer.
        accumulate: parts, one after the other, in which a batch is computed to need less memory.
            The step is that of the whole batch up to rounding, but for batch normalisation and
            losses that look across the batch. Several processes divide the parts between them;
            their batch normalisation looks across what all compute at a time.
        average: has the running mean of the weights validated, chosen as best and saved.
        score: decides which epoch is best: the validation ``loss``, ``si_sdr`` (the validation
            songs' mean in dB, higher is better), ``median_sdr`` (the median in dB over seconds,
            then over songs: `mssbench.training.score.MedianSdr`), or ``train_loss``. Without
            validation songs ``loss`` is the training loss too.
        score_on: whether a score in dB looks at validation's ``windows``, as long as the crops,
            one by one, or at whole ``songs``, joined from them. Losses look at windows.
        precision: ``float32``, or in which 16-bit numbers autocast computes where it may.
        tf32: whether a GPU may round factors to 10 bits; None keeps torch's choice, in
            convolutions alone.
        compile: whether torch compiles the model.
        compile_mode: how: torch's names. ``reduce-overhead`` records CUDA graphs, which pay where
            a step is many small kernels.
        channels_last: whether the weights of two-dimensional convolutions, and so what they
            compute, lie channel by channel in memory, which a GPU may find faster.
        deterministic: whether a GPU repeats its results bit for bit, which takes slower kernels;
            a model with an operation that torch cannot repeat there is refused. A CPU repeats
            them anyway, with the same number of threads.
    """

    crops: CropsConfig
    batch_size: Count
    optimiser: OptimiserConfig
    epochs: Count
    patience: Count
    loss: dict[str, LossTerm]
    augmentation: tuple[AugmentationConfig, ...] = ()
    memory_gb: Annotated[float, Minimum(0)] | None = None
    half_samples: bool = False
    normalise: Literal["none", "song"] = "none"
    schedule: ScheduleConfig | None = None
    warm_up: Annotated[int, Minimum(0)] = 0
    fine_tuning: FineTuningConfig | None = None
    clip_norm: Positive | None = None
    accumulate: Count = 1
    average: AverageConfig | None = None
    score: Literal["loss", "si_sdr", "median_sdr", "train_loss"] = "loss"
    score_on: Literal["windows", "songs"] = "windows"
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    tf32: bool | None = None
    compile: bool = False
    compile_mode: Literal["default", "reduce-overhead", "max-autotune"] = "default"
    channels_last: bool = False
    deterministic: bool = False


@dataclass(frozen=True)
class TrainingConfig:
    """All that decides a training run's weights.

    Attributes:
        dataset: what decides the data set's content; kept for its provenance alone.
        rendition: what the audio must have been prepared to.
        split: which songs train and which validate, as `mssbench.data.splits.split_songs` reads
            it.
        model: the model.
        training: how it is trained.
        seed: seed of the initial weights, of the crops and of their augmentation.
        stretching: further training songs, at other tempos and pitches.
        initial: the weights to begin with; None for random ones.
        resolved: the map all this was read from, which names the run by its digest.
    """

    dataset: dict[str, Any]
    rendition: RenditionConfig
    split: dict[str, Any]
    model: ModelConfig
    training: TrainingOptions
    seed: Seed
    stretching: StretchingConfig | None = None
    initial: InitialConfig | None = None
    resolved: dict[str, Any] = field(init=False, default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> "TrainingConfig":
        """Check a resolved configuration.

        Args:
            config: plain maps, lists, numbers and texts, as read from JSON or YAML.

        Raises:
            UserError: naming the key, what was found and what is allowed.
        """
        read = structure(cls, config)
        if not any(term.weight > 0 for term in read.training.loss.values()):
            raise UserError("training.loss has no term with a weight above 0; give it at least one")
        if read.training.compile_mode != "default" and not read.training.compile:
            raise UserError(
                f"training.compile_mode is {read.training.compile_mode!r}, and training.compile is "
                "false; set compile: true, or leave the mode out"
            )
        _check_batches(read.training, read.rendition)
        if read.stretching:
            _check_stretching(read.stretching, read.rendition)
        object.__setattr__(read, "resolved", dict(config))
        return read


def _check_batches(options: TrainingOptions, rendition: RenditionConfig) -> None:
    """Check what must fit the batch size, of the second phase too."""
    sizes = {"batch_size": options.batch_size}
    if options.fine_tuning:
        sizes["fine_tuning.batch_size"] = options.fine_tuning.batch_size
    for key, size in sizes.items():
        check(options.augmentation, rendition.channels, size)
        if options.accumulate > size:
            raise UserError(
                f"training.accumulate is {options.accumulate}; it must be at most "
                f"training.{key}, {size}"
            )


def _check_stretching(stretching: StretchingConfig, rendition: RenditionConfig) -> None:
    try:
        stretching.tempos()
    except UserError as error:
        raise UserError(f"stretching.{error}") from None
    if rendition.format != "float32":
        raise UserError(
            f"rendition.format is {rendition.format!r}, in which a stretched song may clip; "
            "stretching needs float32"
        )
