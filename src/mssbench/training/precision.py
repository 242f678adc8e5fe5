"""In which numbers a model computes, and whether it repeats its results."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch.amp.grad_scaler import GradScaler

from mssbench.errors import UserError

Precision = Literal["float32", "bf16", "fp16"]

# What torch says of an operation whose results it cannot repeat.
NOT_REPEATED = "does not have a deterministic implementation"

# Those of float32 need no entry: autocast is off.
NARROW = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Return the context in which torch computes in 16 bits what it may, if asked to."""
    dtype = NARROW.get(precision)
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)


def build_scaler(precision: Precision, device: torch.device) -> GradScaler:
    """Return what keeps the gradients of ``fp16`` within its narrow range; idle for the others."""
    return GradScaler(device.type, enabled=precision == "fp16")


@contextmanager
def tf32(allowed: bool | None) -> Iterator[None]:
    """Set whether a GPU may round the factors of products to 10 bits; None leaves it."""
    # Not by ``fp32_precision``: torch's compiler cannot read a setting that was made by it.
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    if allowed is not None:
        matmul.allow_tf32 = cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        if allowed is not None:
            matmul.allow_tf32, cudnn.allow_tf32 = before


@contextmanager
def reproducible(device: torch.device, *, strict: bool = False) -> Iterator[None]:
    """Make torch repeat its results bit for bit on a CPU; a GPU keeps its faster kernels.

    What a GPU does not repeat then: sums that its threads add in the order in which they come, as
    in the gradients of convolutions, of reflected padding and of interpolation. They differ in
    the last digits, which grow over the steps.

    Args:
        device: where to compute.
        strict: whether a GPU repeats them too, and operations are refused for which torch knows
            no way to. On a CPU such operations are warned of otherwise.

    Raises:
        UserError: there was such an operation.
    """
    settings: Any = torch.utils.deterministic
    before = torch.get_deterministic_debug_mode(), settings.fill_uninitialized_memory
    if strict:
        # Without it, the products of matrices take whatever memory is free, and so the kernel
        # that fits it. Read when the first of them is computed.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    mode = "error" if strict else "warn" if device.type == "cpu" else "default"
    # Not by ``use_deterministic_algorithms``, which loads torch's compiler to tell it too.
    torch.set_deterministic_debug_mode(mode)
    # Filling each new tensor with NaN shows faults of kernels and costs a tenth of the time.
    settings.fill_uninitialized_memory = False
    try:
        yield
    except RuntimeError as error:
        if not (strict and NOT_REPEATED in str(error)):
            raise
        operation = str(error).split(NOT_REPEATED)[0].strip()
        raise UserError(
            f"training.deterministic: torch cannot repeat {operation} bit for bit on "
            f"{device.type}; choose false, or another model"
        ) from None
    finally:
        torch.set_deterministic_debug_mode(before[0])
        settings.fill_uninitialized_memory = before[1]
