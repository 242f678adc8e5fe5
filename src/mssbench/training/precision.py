"""In which numbers a model computes, and whether it repeats its results."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch.amp.grad_scaler import GradScaler

Precision = Literal["float32", "bf16", "fp16"]

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
def reproducible(device: torch.device) -> Iterator[None]:
    """Make torch repeat its results bit for bit on a CPU; a GPU keeps its faster kernels."""
    settings: Any = torch.utils.deterministic
    before = torch.get_deterministic_debug_mode(), settings.fill_uninitialized_memory
    # Not by ``use_deterministic_algorithms``, which loads torch's compiler to tell it too.
    torch.set_deterministic_debug_mode("warn" if device.type == "cpu" else "default")
    # Filling each new tensor with NaN shows faults of kernels and costs a tenth of the time.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before[0])
        settings.fill_uninitialized_memory = before[1]
