"""Read weight files without running code in them, and choose the entry that has the weights."""

from __future__ import annotations

import argparse
import logging
import pathlib
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
_NUMPY_SCALAR, _NUMPY_ARRAY = (value.__reduce__()[0] for value in (np.float64(0), np.zeros(1)))
# Types that training scripts write beside the weights and that run no code: options, paths, and NumPy's numbers and
# arrays, such as an accuracy or the state of a random generator.  Some have different names in other versions of NumPy
# and Python, and a path of another system cannot be made here.
_HARMLESS: list[Any] = [
    argparse.Namespace,
    np.dtype,
    np.ndarray,
    *{type(np.dtype(code)) for code in "?" + np.typecodes["AllInteger"] + np.typecodes["Float"]},
    *((_NUMPY_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *((_NUMPY_ARRAY, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *((pathlib.PurePosixPath, f"{module}.PosixPath") for module in ("pathlib", "pathlib._local")),
    *((pathlib.PureWindowsPath, f"{module}.WindowsPath") for module in ("pathlib", "pathlib._local")),
]
_TORCH_FILES = (b"PK", b"\x80")  # a zip archive, and the older format, a pickle
_OTHER_FILES = {
    b"version https://git-lfs": "it is a pointer of Git LFS; fetch the file itself with git lfs pull",
    b"<": "it is a web page, perhaps of a failed download; download it again",
    b"{": "it is JSON; give the file that has the weights",
    b"\x89HDF": "it is an HDF5 file, as Keras writes; convert it with the library that wrote it",
}
_OF_NUMPY = "it holds arrays of NumPy; load it with the library that wrote it, and save the model's state_dict()"
# Libraries that keep a moving average publish its accuracy, so it comes first, as in timm.
_AVERAGED = ("state_dict_ema", "model_ema", "model_state_dict_ema", "ema_state_dict", "ema_model", "ema")
_USUAL = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params")


def read_state_dict(path: Path, entry: str | None = None, prefix: str | None = None) -> OrderedDict[str, Any]:
    """Read a state dict with unchanged keys and module versions.

    The content of the file decides how it is read, whatever its name.  A safetensors file gives all its tensors.  A
    torch file may hold the state dict itself or a training checkpoint; of its entries this takes, in this order: a
    moving average, ``state_dict``, ``model_state_dict``, ``model``, ``net``, ``network``, ``module``, ``weights``,
    ``params``, or the only state dict.

    Args:
        path: the file.
        entry: the entry to take of a torch file that has several networks.
        prefix: the prefix of the keys that are wanted.  Where it begins with the name of an entry, that entry is taken,
            and its name is a part of the keys: ``student.fc.bias``.

    Raises:
        WeightsError: the file is missing, damaged, needs code to be read, or holds no state dict.
    """
    if path.is_dir():
        raise WeightsError(f"weight file {str(path)!r} is a folder; give the file in it")
    if not path.is_file():
        raise WeightsError(f"weight file {str(path)!r} does not exist")
    if _is_safetensors(path):
        return _read_safetensors(path)
    content = _read_torch_file(path)
    if entry is not None:
        if not isinstance(content, Mapping) or entry not in content:
            raise WeightsError(f"weight file {str(path)!r} has no entry {entry!r}")
        content = content[entry]
    return state_dict_in(content, path, prefix or "")


def state_dict_in(content: Any, path: Path, prefix: str = "") -> OrderedDict[str, Any]:
    """Return the state dict in the content of a torch file, see :func:`read_state_dict`.

    Raises:
        WeightsError: it has none, or several.
    """
    entries: list[str] = []
    named = ""
    while isinstance(content, Mapping) and not _is_state_dict(content):
        entry = _wanted_entry(content, prefix.removeprefix(named))
        if entry is not None:
            named += f"{entry}."
        else:
            entry = _entry(content, path)
        entries.append(entry)
        content = content[entry]
    if not isinstance(content, Mapping):
        position = f" in {'.'.join(entries)}" if entries else ""
        raise WeightsError(
            f"weight file {str(path)!r} holds a {type(content).__name__}{position} and no state_dict; "
            "save model.state_dict()"
        )
    return _with_text_keys(content, named)


def _wanted_entry(content: Mapping[Any, Any], prefix: str) -> str | None:
    """Return the entry with whose name and a dot the prefix begins."""
    wanted = (name for name in content if prefix.startswith(f"{name}.") and _has_state_dict(content[name]))
    return next(wanted, None)


def _is_safetensors(path: Path) -> bool:
    """Tell a safetensors file by its content: the length of a JSON header, and the header."""
    start = _first_bytes(path, 9)
    return start[8:] == b"{" or (path.suffix == ".safetensors" and not start.startswith(_TORCH_FILES))


def _first_bytes(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


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
        with torch.serialization.safe_globals(_HARMLESS), path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(f"weight file {str(path)!r} cannot be read safely: {_why(path, error)}") from error


def _why(path: Path, error: Exception) -> str:
    """Explain why a file cannot be read without running code, and what to do."""
    if "TorchScript" in str(error):
        return (
            "it is a TorchScript program, not weights; where you trust it, load it with torch.jit.load and save its "
            "state_dict() with torch.save"
        )
    start = _first_bytes(path, 64).lstrip()
    if path.suffix == ".npz" or start.startswith(b"\x93NUMPY"):
        return _OF_NUMPY
    if known := next((why for begin, why in _OTHER_FILES.items() if start.startswith(begin)), None):
        return known
    if not start:
        return "it is empty; download or copy it again"
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
    known = [name for name in (*_AVERAGED, *_USUAL) if _has_state_dict(content.get(name))]
    if len(known) > 1:
        others = ", ".join(map(repr, known[1:]))
        _log.warning("%s: the weights in %r were taken, not those in %s", path, known[0], others)
    if known:
        return known[0]
    candidates = [
        str(name) for name, value in content.items() if "optim" not in str(name).lower() and _has_state_dict(value)
    ]
    if len(candidates) == 1:
        return candidates[0]
    found = ", ".join(repr(str(name)) for name in list(content)[:8]) or "nothing"
    if candidates:
        which = f"{len(candidates)} of these are state dicts: give the one that you mean with prefix={candidates[0]}."
    else:
        which = "none of these is a state dict: save model.state_dict() of the network that you mean"
    raise WeightsError(f"weight file {str(path)!r} is not a state_dict; it has the entries {found}, and {which}")


def _with_text_keys(content: Mapping[Any, Any], named: str) -> OrderedDict[str, Any]:
    """Make the keys texts, with the names of the entries that were asked for in front of them."""
    state = OrderedDict((f"{named}{key}", value) for key, value in content.items())
    versions = getattr(content, "_metadata", None)
    if versions is not None:
        given = {f"{named}{key}".rstrip("."): value for key, value in versions.items()}
        state._metadata = OrderedDict(given)  # type: ignore[attr-defined] # noqa: SLF001 - torch keeps versions there
    return state
