"""Models by name.

A model's parameters are the arguments of its constructor: their names, types and defaults are
read from its signature, so a study's file is checked against the code itself.
"""

import inspect
from collections.abc import Mapping
from importlib import import_module
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from mssbench.errors import UserError
from mssbench.validation import number_hint

if TYPE_CHECKING:
    # torch takes seconds to import, and who only asks for names does not need it.
    from mssbench.models.base import Model

SEPARATORS = {
    "bidirectional_lstm": "mssbench.models.uhlich:BidirectionalLSTMSeparator",
    "conditioned_u_net": "mssbench.models.conditioned_u_net:ConditionedUNet",
    "conv_tasnet": "mssbench.models.conv_tasnet:ConvTasNet",
    "conv_tasnet_3x9": "mssbench.models.conv_tasnet:ConvTasNet3x9",
    "conv_tasnet_music": "mssbench.models.conv_tasnet_music:ConvTasNetMusic",
    "deep_conv_sep": "mssbench.models.deep_conv_sep:DeepConvSep",
    "demucs": "mssbench.models.demucs:Demucs",
    "dense_net": "mssbench.models.dense_net:DenseNet",
    "feed_forward": "mssbench.models.uhlich:FeedForward",
    "htmd_net": "mssbench.models.htmd_net:HTMDNet",
    "m_dense_net": "mssbench.models.dense_net:MDenseNet",
    "meta_tasnet": "mssbench.models.meta_tasnet:MetaTasNet",
    "mm_dense_net": "mssbench.models.mm_dense_net:MMDenseNet",
    "multiband": "mssbench.models.multiband:MultiBand",
    "resnet_latent": "mssbench.models.resnet_latent:ResNetLatent",
    "spectrogram_u_net": "mssbench.models.spectrogram_u_net:SpectrogramUNet",
    "wave_u_net": "mssbench.models.wave_u_net:WaveUNet",
    "wavenet": "mssbench.models.wavenet:Wavenet",
}
"""Models that are trained: name -> ``module:Class``; the module is imported on use."""

UNTRAINED = {
    "adress": "mssbench.models.adress:Adress",
    "duet": "mssbench.models.duet:Duet",
    "ica": "mssbench.models.ica:ICA",
    "ideal_binary_mask": "mssbench.models.oracles:IdealBinaryMask",
    "ideal_ratio_mask": "mssbench.models.oracles:IdealRatioMask",
    "mixture": "mssbench.models.mixture:Mixture",
    "multichannel_wiener": "mssbench.models.oracles:MultichannelWiener",
    "projet": "mssbench.models.projet:Projet",
}
"""Models that nothing is learned for: name -> ``module:Class``."""

BOUNDS = frozenset({"ideal_binary_mask", "ideal_ratio_mask", "mixture", "multichannel_wiener"})
"""Those of them that are no systems: the mixture itself, and what the true sources make."""

MODELS = SEPARATORS | UNTRAINED


def address_of(name: str) -> tuple[str, str]:
    """Return the module and the class of the model called ``name``, without importing them.

    Raises:
        UserError: there is no such model.
    """
    if name not in MODELS:
        raise UserError(f"unknown model {name!r}; allowed are {', '.join(sorted(MODELS))}")
    module, _, cls = MODELS[name].partition(":")
    return module, cls


def kind_of(name: str) -> str:
    """Return ``trained``, ``untrained`` or ``bound``, as tables and figures tell models apart."""
    if name in SEPARATORS:
        return "trained"
    return "bound" if name in BOUNDS else "untrained"


def model_class(name: str) -> "type[Model]":
    """Return the class of the model called ``name``.

    Raises:
        UserError: there is no such model.
    """
    module, cls = address_of(name)
    model: type[Model] = getattr(import_module(module), cls)
    return model


def build(name: str, params: dict[str, Any]) -> "Model":
    """Make a model; a parameter that is not given has its default.

    Args:
        name: a key of ``MODELS``.
        params: arguments of the model's constructor.

    Raises:
        UserError: the model or a parameter is unknown, or a value is not allowed.
    """
    cls, allowed = model_class(name), parameters_of(name)
    for key, value in params.items():
        if key not in allowed:
            raise UserError(
                f"model {name} has no parameter {key!r}; "
                f"allowed are {', '.join(allowed) or 'none at all'}"
            )
        fault = unsuitable(value, allowed[key].annotation)
        if fault:
            raise UserError(f"model {name}: {key} is {value!r}; {fault}")
    # YAML and JSON know lists only.
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in params.items()}
    try:
        return cls(**given)
    except ValueError as error:
        raise UserError(f"model {name}: {error}") from error


def parameters_of(name: str) -> Mapping[str, inspect.Parameter]:
    """Return the arguments of the constructor of the model called ``name``.

    Raises:
        UserError: there is no such model.
    """
    return inspect.signature(model_class(name), eval_str=True).parameters


def unsuitable(value: Any, hint: Any) -> str | None:
    """Say why ``value`` cannot be a parameter of type ``hint``; None where it can.

    A model's whole numbers count things, so they are at least 1.
    """
    if get_origin(hint):
        return unsuitable_part(value, get_origin(hint), get_args(hint))
    if hint is int:
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        return None if fits else f"it must be a whole number of at least 1{number_hint(value)}"
    if hint is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        return None if fits else f"it must be a number{number_hint(value)}"
    return None if isinstance(value, hint) else f"it must be of type {hint.__name__}"


def unsuitable_part(value: Any, origin: Any, allowed: tuple[Any, ...]) -> str | None:
    """Do the same for a type made of others: a literal, a list or one that may be None."""
    if origin in (Union, UnionType):
        (other,) = (choice for choice in allowed if choice is not NoneType)
        return None if value is None else unsuitable(value, other)
    if origin is Literal:
        return None if value in allowed else f"allowed are {', '.join(map(str, allowed))}"
    if not isinstance(value, list | tuple) or not value:
        return "it must be a list of at least one value"
    return next(filter(None, (unsuitable(part, allowed[0]) for part in value)), None)


def parameter_count(model: "Model") -> int:
    """Return the number of trainable values of ``model``; 0 for an untrained method."""
    from torch import nn

    if not isinstance(model, nn.Module):
        return 0
    return sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
