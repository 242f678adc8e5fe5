"""The parts of a run's configuration, and what jobs are told of them."""

import shlex

from mssbench.errors import UserError
from mssbench.panning.fan import Fan
from mssbench.study import Config
from mssbench.training.structure import structure

# The parts of an experiment that decide its weights, its estimates and its scores.
TRAINED, SEPARATED, SCORED = ("rendition", "split", "training"), ("separation",), ("scoring",)

# Decides the weights where an experiment has it: what it makes is read by the training alone.
STRETCHING = "stretching"


def trained_part(config: Config) -> Config:
    """Return the part of a run's configuration that decides its weights."""
    return {k: v for k, v in config.items() if k not in SEPARATED + SCORED}


def separated_part(config: Config) -> Config:
    """Return the part of a run's configuration that decides its estimates."""
    return {k: v for k, v in config.items() if k not in SCORED}


def rendition_name(rendition: Config) -> str:
    """Return what names a rendition's folder, as in ``22050-mono``.

    Longer names are ``22050-mono-int16`` and, of sources in a fan, ``44100-stereo-fan20``.

    Raises:
        UserError: the values of a fan are not allowed.
    """
    name = "{rate}-{channels}".format(**rendition)
    stored_as = rendition.get("format", "float32")
    if rendition.get("panning"):
        if (rendition["channels"], stored_as) != ("stereo", "float32"):
            raise UserError(
                f"rendition.panning makes stereo float32, rendition says {rendition['channels']} "
                f"{stored_as}; change that or remove panning"
            )
        return f"{name}-{structure(Fan, rendition['panning'], 'rendition.panning').name}"
    return name if stored_as == "float32" else f"{name}-{stored_as}"


def stretch_options(config: Config) -> str:
    """Return a run's ``stretching`` as options of ``mssbench stretch``, quoted for a shell."""
    given = {key: value for key, value in config[STRETCHING].items() if value not in (None, [])}
    words = {
        key: [str(word) for word in (value if isinstance(value, list) else [value])]
        for key, value in given.items()
    }
    return " ".join(f"--{key} {shlex.join(words)}" for key, words in words.items())


def pan_options(config: Config) -> str:
    """Return a run's ``rendition.panning`` as options of ``mssbench pan``."""
    given = config["rendition"]["panning"].items()
    return " ".join(f"--{key} {value}" for key, value in given if value is not None)
