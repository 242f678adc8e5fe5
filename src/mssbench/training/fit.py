"""Whether configuration, rendition and model fit each other, told before training starts."""

from mssbench.augmentation.config import heard_channels
from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.models.base import Separator
from mssbench.models.registry import build
from mssbench.training.config import TrainingConfig, TrainingOptions
from mssbench.training.losses import probes_of


def build_fitting(config: TrainingConfig, rendition: Rendition) -> Separator:
    """Build the configuration's model, with weights from torch's random numbers.

    Raises:
        UserError: the rendition is another than the configuration asks for, or the model is
            unknown, is not trained, or cannot take the rendition's channels or the crops' length.
    """
    wanted = config.rendition
    found = (rendition.rate, rendition.channels, rendition.sample_format)
    if found != (wanted.rate, wanted.channels, wanted.format):
        raise UserError(
            "the rendition is {} Hz {} {}, ".format(*found) + "the configuration asks for "
            f"{wanted.rate} Hz {wanted.channels} {wanted.format}; prepare that one or change "
            "the keys of rendition"
        )
    name = config.model.name
    model = build(name, config.model.params)
    if not isinstance(model, Separator):
        raise UserError(f"model.name is {name!r}, which has nothing to train; separate with it")
    heard = heard_channels(config.training.augmentation, rendition.channel_count)
    if model.channels != heard:
        whose = "the rendition has" if heard == rendition.channel_count else "random_channel leaves"
        raise UserError(
            f"{name} has {model.channels} audio channels, {whose} {heard}; "
            "change model.params.channels or rendition.channels"
        )
    if model.rate not in (None, rendition.rate):
        raise UserError(
            f"{name} is made for {model.rate} Hz, the rendition has {rendition.rate} Hz; change "
            "rendition.rate"
        )
    _check_length(config.training.crops.samples, model, name)
    _check_names(config, rendition, model)
    return model


def check_shares(options: TrainingOptions, processes: int) -> None:
    """Check that each process has something to do.

    Args:
        options: the batch sizes.
        processes: how many train together.

    Raises:
        UserError: a batch has fewer examples.
    """
    sizes = {"batch_size": options.batch_size}
    if options.fine_tuning:
        sizes["fine_tuning.batch_size"] = options.fine_tuning.batch_size
    for key, size in sizes.items():
        if size < processes:
            raise UserError(
                f"training.{key} is {size}, but {processes} processes share a batch; give "
                f"torchrun --nproc-per-node {size} or fewer, or a larger batch"
            )


def _check_names(config: TrainingConfig, rendition: Rendition, model: Separator) -> None:
    """Refuse targets that the songs do not have, and probes that the model does not have."""
    sources = rendition.stems[1:]
    known = [*sources, *(["accompaniment"] if "vocals" in sources else [])]
    known = list(dict.fromkeys(known))
    for target in model.targets:
        if target not in known:
            raise UserError(
                f"{config.model.name} estimates {target!r}, the songs have {', '.join(known)}; "
                "change the model's parameters or the data set"
            )
    for probe in probes_of(config.training.loss):
        if probe not in model.probes:
            raise UserError(
                f"training.loss.{probe}: the model has no such probe; it has "
                f"{', '.join(model.probes)}"
            )


def _check_length(samples: int, model: Separator, name: str) -> None:
    """Refuse crops that the model cannot take or that leave it no output."""
    if samples % model.multiple:
        below = samples // model.multiple * model.multiple
        near = [str(n) for n in (below, below + model.multiple) if n > 2 * model.context]
        raise UserError(
            f"training.crops.samples is {samples}; {name} takes multiples of {model.multiple}: "
            f"choose {' or '.join(near) or 'a longer one'}"
        )
    if samples <= 2 * model.context:
        raise UserError(
            f"training.crops.samples is {samples}; {name} needs more than the {2 * model.context} "
            "samples of context that it loses"
        )
