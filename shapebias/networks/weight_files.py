"""Read weight files without running code in them, and choose the entry that has the weights."""

from __future__ import annotations

import argparse
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from shapebias.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_state_dict", "state_dict_in"]

_log = logging.getLogger(__name__)
_NUMPY_SCALAR = np.float64(0).__reduce__()[0]
# Types that training scripts write beside the weights and that run no code: options, and accuracies as NumPy numbers,
# whose type has different names in NumPy 1 and NumPy 2.
_HARMLESS: list[Any] = [
    argparse.Namespace,
    np.dtype,
    type(np.dtype("float32")),
    type(np.dtype("float64")),
    type(np.dtype("int64")),
    (_NUMPY_SCALAR, "numpy.core.multiarray.scalar"),
    (_NUMPY_SCALAR, "numpy._core.multiarray.scalar"),
]
# Libraries that keep a moving average publish its accuracy, so it comes first, as in timm.
_AVERAGED = ("state_dict_ema", "model_ema", "model_state_dict_ema", "ema_state_dict", "ema_model", "ema")
_USUAL = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params")


def read_state_dict(path: Path, entry: str | None = None) -> OrderedDict[str, Any]:
    """Read a state dict with unchanged keys and module versions.

    A safetensors file gives all its tensors.  A torch file may hold the state dict itself or a training checkpoint; of
    its entries this takes, in this order: a moving average, ``state_dict``, ``model_state_dict``, ``model``, ``net``,
    ``network``, ``module``, ``weights``, ``params``, or the only state dict.

    Args:
        path: the file.
        entry: the entry to take of a torch file that has several networks.

    Raises:
        WeightsError: the file is missing, damaged, needs code to be read, or holds no state dict.
    """
    if not path.is_file():
        raise WeightsError(f"weight file {str(path)!r} does not exist")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    content = _read_torch_file(path)
    if entry is not None:
        if not isinstance(content, Mapping) or entry not in content:
            raise WeightsError(f"weight file {str(path)!r} has no entry {entry!r}")
        content = content[entry]
    return state_dict_in(content, path)


def state_dict_in(content: Any, path: Path) -> OrderedDict[str, Any]:
    """Return the state dict in the content of a torch file, see :func:`read_state_dict`.

    Raises:
        WeightsError: it has none, or several.
    """
    entries: list[str] = []
    while isinstance(content, Mapping) and not _is_state_dict(content):
        entry = _entry(content, path)
        others = [name for name in (*_AVERAGED, *_USUAL) if name != entry and isinstance(content.get(name), Mapping)]
        if others:
            _log.warning("%s: the weights in %r were taken, not those in %s", path, entry, ", ".join(map(repr, others)))
        entries.append(entry)
        content = content[entry]
    if not isinstance(content, Mapping):
        position = f" in {'.'.join(entries)}" if entries else ""
        raise WeightsError(
            f"weight file {str(path)!r} holds a {type(content).__name__}{position} and no state_dict; "
            "save model.state_dict()"
        )
    return _with_text_keys(content)


def _read_safetensors(path: Path) -> OrderedDict[str, Any]:
    import safetensors
    import safetensors.torch

    try:
        return OrderedDict(safetensors.torch.load_file(path))
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"weight file {str(path)!r} is not a readable safetensors file ({error}); download or convert it again"
        ) from error


def _read_torch_file(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(f"weight file {str(path)!r} cannot be read safely: {_why(path, error)}") from error


def _why(path: Path, error: Exception) -> str:
    """Explain why a file cannot be read without running code, and what to do."""
    if "TorchScript" in str(error):
        return (
            "it is a TorchScript program, not weights; where you trust it, load it with torch.jit.load and save its "
            "state_dict() with torch.save"
        )
    if path.suffix in (".npz", ".npy"):
        return "it holds arrays of NumPy; load it with the library that wrote it, and save the model's state_dict()"
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            needed = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # noqa: BLE001 - it is damaged, or not a torch file
        needed = []
    if not needed:
        return (
            "it is damaged, or a pickle of more than tensors; save the state_dict with safetensors.torch.save_file and "
            "use that"
        )
    return (
        f"it is a pickle that runs {', '.join(needed[:3])}{', ...' if len(needed) > 3 else ''}; where you trust it, "
        f"convert it once: python -m shapebias.networks.convert {path} {path.with_suffix('.safetensors')} "
        "--i-trust-this-file"
    )


def _is_state_dict(content: Mapping[Any, Any]) -> bool:
    """Return whether a mapping is a state dict: tensors, and the extra entries of quantised and custom layers."""
    return bool(content) and all(
        isinstance(value, Tensor) or str(key).endswith(("_extra_state", "_packed_params", "_packed_params.dtype"))
        for key, value in content.items()
    )


def _has_state_dict(content: Any) -> bool:
    """Tell whether an entry is a state dict, or has one inside; what an optimiser keeps has numbers as keys."""
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        return False
    return _is_state_dict(content) or any(_has_state_dict(value) for value in content.values())


def _entry(content: Mapping[Any, Any], path: Path) -> str:
    """Return the entry that holds the weights."""
    known = next((name for name in (*_AVERAGED, *_USUAL) if isinstance(content.get(name), Mapping)), None)
    if known is not None:
        return known
    candidates = [
        str(name) for name, value in content.items() if "optim" not in str(name).lower() and _has_state_dict(value)
    ]
    if len(candidates) == 1:
        return candidates[0]
    found = ", ".join(repr(str(name)) for name in list(content)[:8]) or "nothing"
    several = f"{len(candidates)} of these are state dicts" if candidates else "none of these is a state dict"
    raise WeightsError(
        f"weight file {str(path)!r} is not a state_dict; it has the entries {found}, and {several}: "
        "save model.state_dict() of the network that you mean"
    )


def _with_text_keys(content: Mapping[Any, Any]) -> OrderedDict[str, Any]:
    state = OrderedDict((str(key), value) for key, value in content.items())
    versions = getattr(content, "_metadata", None)
    if versions is not None:
        state._metadata = versions  # type: ignore[attr-defined] # noqa: SLF001 - torch keeps versions of modules there
    return state
