"""A trained model as one file for other programs."""

import ctypes
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mssbench.atomic import atomic_path
from mssbench.errors import UserError
from mssbench.models.base import Separator
from mssbench.models.strong_front_end import LogSpectrogram

FORMATS = (".safetensors", ".pt", ".onnx")

TOLERANCE = 1e-5
"""Largest difference allowed between exported and own output, relative to the largest sample."""

OPSET = 17


class Final(nn.Module):
    """A separator that gives its final estimates alone.

    Args:
        model: the separator.
    """

    def __init__(self, model: Separator) -> None:
        super().__init__()
        self.model = model

    def forward(self, mixture: Tensor) -> Tensor:
        """Map (batch, channels, samples) to (batch, targets, channels, samples)."""
        final: Tensor = self.model(mixture)["final"]
        return final


def export(model: Separator, config: dict[str, Any], out: Path) -> None:
    """Write a trained model and the configuration it was trained with.

    The ending of ``out`` decides the form. ``.safetensors`` holds the weights and can be given to
    ``mssbench separate --run``; ``.pt`` is TorchScript and ``.onnx`` is ONNX: programs that map
    one segment, (1, channels, samples), of the length it was trained with to its estimates,
    (1, targets, channels, samples). Each carries rate, channels, samples, targets and the
    configuration as metadata. What the program says of noise is compared with the model's own
    output before the file takes its place.

    Raises:
        UserError: an unknown ending, a package is missing, or the model cannot be put in this
            form: one with a spectrogram cannot become ONNX.
    """
    if out.suffix not in FORMATS:
        raise UserError(f"--out {out}: its ending must be one of {', '.join(FORMATS)}")
    if out.suffix == ".onnx" and has_spectrogram(model):
        raise UserError(
            f"--out {out}: {type(model).__name__} has a spectrogram, which ONNX has not: write "
            "TorchScript (.pt) or .safetensors"
        )
    notes = metadata(model, config)
    # torch's exporter brings back the mode that it finds here.
    final = Final(model).eval()
    with atomic_path(out) as temporary:
        if out.suffix == ".safetensors":
            save_file(model.state_dict(), temporary, metadata=notes)
            return
        samples = int(notes["samples"])
        write = write_torchscript if out.suffix == ".pt" else write_onnx
        write(final, noise(model, samples, 0), notes, temporary)
        compare(final, noise(model, samples, 1), temporary, out)


def has_spectrogram(model: Separator) -> bool:
    """Return whether the model computes a short-time Fourier transform."""
    parts = model.modules()
    return model.domain != "waveform" or any(isinstance(p, LogSpectrogram) for p in parts)


def metadata(model: Separator, config: dict[str, Any]) -> dict[str, str]:
    """Return what an exported file says of itself."""
    return {
        "config": json.dumps(config, sort_keys=True),
        "rate": str(config["rendition"]["rate"]),
        "channels": str(model.channels),
        "samples": str(config["training"]["crops"]["samples"]),
        "targets": ",".join(model.targets),
    }


def noise(model: Separator, samples: int, seed: int) -> Tensor:
    """Return a mixture to try a model with, (1, channels, samples)."""
    random = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(1, model.channels, samples, generator=random)


def write_torchscript(model: Final, example: Tensor, notes: dict[str, str], path: Path) -> None:
    """Write the program that the model runs for ``example`` as TorchScript.

    Raises:
        UserError: it cannot be traced.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes become constants, as is wanted
            traced = torch.jit.trace(model, example, check_trace=False)
        torch.jit.save(traced, str(path), _extra_files=notes)
    except RuntimeError as error:
        raise UserError(
            f"{told(model)} cannot be exported to TorchScript: {first(error)}"
        ) from None


def write_onnx(model: Final, example: Tensor, notes: dict[str, str], path: Path) -> None:
    """Write the program that the model runs for ``example`` as ONNX.

    Raises:
        UserError: the package onnx is missing, or an operation has no counterpart there.
    """
    try:
        import onnx
    except ImportError:
        raise UserError(
            "exporting to ONNX needs two more packages: pip install onnx onnxruntime"
        ) from None
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), silent_output():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model,
                (example,),
                str(path),
                input_names=["mixture"],
                output_names=["estimates"],
                opset_version=OPSET,
                dynamo=False,
            )
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        raise UserError(f"{told(model)} cannot become ONNX: {first(error)}") from None
    finally:
        exporter.setLevel(level)
    program = onnx.load(path)
    for node in program.graph.node:
        if node.op_type == "Conv":
            spell_out_padding(node)
    onnx.helper.set_model_props(program, notes)
    onnx.save(program, path)


@contextmanager
def silent_output() -> Iterator[None]:
    """Send what is printed to nowhere: where it fails, torch's C++ prints the whole program."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


def spell_out_padding(convolution: Any) -> None:
    """Say in numbers what "same" padding is; with dilation, runtimes refuse the word.

    Args:
        convolution: an ONNX node of stride 1.
    """
    from onnx.helper import get_attribute_value, make_attribute

    attributes = {a.name: get_attribute_value(a) for a in convolution.attribute}
    word = attributes.get("auto_pad", b"NOTSET")
    if word not in (b"SAME_UPPER", b"SAME_LOWER"):
        return
    taps, dilations = attributes["kernel_shape"], attributes["dilations"]
    totals = [dilation * (tap - 1) for dilation, tap in zip(dilations, taps, strict=True)]
    fewer, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
    kept = [a for a in convolution.attribute if a.name not in ("auto_pad", "pads")]
    del convolution.attribute[:]
    pads = fewer + more if word == b"SAME_UPPER" else more + fewer
    convolution.attribute.extend([*kept, make_attribute("pads", pads)])


def compare(model: Final, mixture: Tensor, path: Path, out: Path) -> None:
    """Compare what the written program says with what the model says.

    Raises:
        UserError: they differ by more than ``TOLERANCE``.
    """
    with torch.inference_mode():
        expected = model(mixture)
        if out.suffix == ".pt":
            found = torch.jit.load(str(path))(mixture)
        else:
            from onnxruntime import InferenceSession

            session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
            found = torch.from_numpy(session.run(None, {"mixture": mixture.numpy()})[0])
    difference = float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-12))
    if not difference <= TOLERANCE:
        raise UserError(
            f"{out}: the exported program differs by {difference:.2g} of the largest sample "
            f"(allowed: {TOLERANCE:g}); use another form"
        )


def told(model: Final) -> str:
    """Return what a message calls the model."""
    return type(model.model).__name__


def first(error: Exception) -> str:
    """Return the first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
