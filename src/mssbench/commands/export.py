"""``mssbench export``: write a trained run as one file."""

import argparse
import logging
from pathlib import Path

from mssbench.errors import UserError

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--run",
        required=True,
        help="a training run's folder, name or MLflow id, or its .safetensors file",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="the file: .safetensors (weights with their configuration), .pt (TorchScript) or "
        ".onnx (of models without a spectrogram); the last two take one segment at a time",
    )


def run(args: argparse.Namespace) -> None:
    """Write the file.

    Raises:
        UserError: there is no such run, nothing was trained, or the model cannot take the form.
    """
    from mssbench.models.base import Separator
    from mssbench.models.export import export
    from mssbench.recordings.trained import load_run

    model, config = load_run(args.run)
    if not isinstance(model, Separator):
        raise UserError(f"--run {args.run}: an untrained method has no weights; nothing to export")
    export(model, config, args.out)
    log.info("%s: %s with the configuration it was trained with", args.out, type(model).__name__)
