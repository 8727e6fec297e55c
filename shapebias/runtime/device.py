"""Devices, precision, and out-of-memory errors."""

from __future__ import annotations

import contextlib
import re
from typing import Literal, TypeAlias

import torch

from shapebias.errors import DeviceError

__all__ = ["Precision", "autocast", "choose_device", "describe_device", "is_out_of_memory"]

_OUT_OF_MEMORY = ("you tried to allocate", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")

Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]


def choose_device(text: str = "auto") -> torch.device:
    """Read ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``xpu``; ``auto`` is the first CUDA device, or the CPU.

    Raises:
        DeviceError: the device is unknown or does not exist.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|(cuda|xpu)(:\d{1,3})?", text):
        raise DeviceError(f"device {text!r} is unknown; write auto, cpu, cuda, cuda:1, mps or xpu")
    device = torch.device(text)
    if device.type in ("mps", "xpu"):
        _check_accelerator(device)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise DeviceError(f"device {text!r} does not exist: torch sees {count} CUDA devices; use --device cpu or auto")
    return device


def _check_accelerator(device: torch.device) -> None:
    """Refuse an accelerator that torch does not see."""
    here = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if here is None or here.type != device.type:
        found = "no accelerator" if here is None else f"an accelerator of the type {here.type}"
        raise DeviceError(f"device '{device}' does not exist: torch sees {found}; use --device cpu or auto")
    if (device.index or 0) >= (count := torch.accelerator.device_count()):
        raise DeviceError(f"device '{device}' does not exist: torch sees {count} of the type {device.type}")


def describe_device(device: torch.device) -> str:
    """Name the device in words, for the record."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} (CUDA {torch.version.cuda})"
    if device.type != "cpu":
        return str(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[object]:
    """Return the autocast context of predictions; attacks and saliency always run in float32.

    Raises:
        DeviceError: the precision is reduced and there is no CUDA device: it would be slower and less exact.
    """
    if precision == "float32":
        return contextlib.nullcontext()
    if device.type != "cuda":
        raise DeviceError(
            f"precision {precision!r} needs a CUDA device, this is {device.type!r}; use --precision float32"
        )
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on the device or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # The allocators of a CPU and of CUDA's libraries raise a plain RuntimeError.
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
