"""Devices, precision, and out-of-memory errors."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from shapebias.errors import DeviceError

__all__ = [
    "Precision",
    "autocast",
    "choose_device",
    "describe_device",
    "explained",
    "is_out_of_memory",
    "on_float64_device",
]

_OUT_OF_MEMORY = ("you tried to allocate", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")

_WITHOUT_FLOAT64 = ("mps",)
_NO_FLOAT64 = re.compile(
    r"(MPS) (?:Tensor to float64|framework doesn't support float64|backend but .* dtype)|aspect fp64"
)
_NO_OPERATOR = re.compile(
    r"(?:operator|run) '(?P<name>[\w:.]+)' (?:is not current(?:ly)? implemented for the (?P<device>\w+) device"
    r"|with arguments from the '(?P<backend>\w+)' backend)"
)
_NO_TYPE = re.compile(r"\"(?P<name>\w+)\" not implemented for '(?P<type>\w+)'")

Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]


def choose_device(text: str = "auto") -> torch.device:
    """Read ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ``xpu``, or what else torch calls the accelerator here.

    ``auto`` is the first CUDA device, or the CPU.

    Raises:
        DeviceError: the device is unknown or does not exist.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(text if re.fullmatch(r"cpu|[a-z]+(:\d{1,3})?", text) else "")
    except RuntimeError as error:
        raise DeviceError(f"device {text!r} is unknown; write auto, cpu, cuda, cuda:1, mps or xpu") from error
    if device.type not in ("cpu", "cuda"):
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


def on_float64_device(tensor: Tensor) -> Tensor:
    """Return a tensor where it can be converted to float64: where it is, or on the CPU if its device has none."""
    return tensor.cpu() if tensor.device.type in _WITHOUT_FLOAT64 else tensor


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Say in words what a device lacks, where torch does in the words of its internals.

    Args:
        what: what is being computed, for the message.

    Raises:
        DeviceError: the device has no float64, or no such operator; from torch's own error.
    """
    try:
        yield
    except (NotImplementedError, RuntimeError, TypeError) as error:
        lack = _lack(str(error))
        if lack is None or isinstance(error, torch.OutOfMemoryError):
            raise
        raise DeviceError(f"{what} needs {lack}; use --device cpu") from error


def _lack(message: str) -> str | None:
    """Return what a device lacks, by torch's message."""
    if _NO_FLOAT64.search(message):
        return "numbers in float64, which this device does not have"
    if found := _NO_OPERATOR.search(message):
        device = (found["device"] or found["backend"]).lower()
        fallback = ", or set PYTORCH_ENABLE_MPS_FALLBACK=1" if "PYTORCH_ENABLE_MPS_FALLBACK" in message else ""
        return f"the operator {found['name']}, which torch does not have for the device {device}{fallback}"
    if found := _NO_TYPE.search(message):
        return f"the operator {found['name']} for numbers of the type {found['type']}, which this device does not have"
    return None
