"""Checkpoints: networks trained here, each in one safetensors file that also describes the network.

The metadata of a safetensors file map text to text.  Ours are ``shapebias_checkpoint`` (version of this format),
``class`` (where the settings of the architecture are defined), ``model`` (the settings as text), ``classes``,
``mean``, ``std``, ``input_size``, ``interpolation``, ``packed`` (JSON; the keys of the entries of the network's state
that are not tensors, and are stored as bytes), and facts about the training.
"""

from __future__ import annotations

import importlib
import io
import json
import math
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

import attrs
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from shapebias.errors import ShapebiasError, WeightsError
from shapebias.files import file_stamp, write_atomically
from shapebias.networks.classifier import Classifier, Interpolation
from shapebias.networks.weight_files import read_state_dict
from shapebias.networks.weights import put_weights
from shapebias.spelling.former import former_spellings
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import build, spell

__all__ = ["architecture", "load_checkpoint", "read_metadata", "save_checkpoint", "stated_classes"]

_VERSION = "1"
_PIXELS = ("classes", "mean", "std", "input_size", "interpolation")


def save_checkpoint(
    path: Path, classifier: Classifier, settings: Any, name: str, extra: Mapping[str, str] | None = None
) -> None:
    """Write a network atomically to a file that :func:`load_checkpoint` reads.

    Args:
        path: the file, ``*.safetensors``.
        classifier: the network, with its classes, normalisation and input size.
        settings: the settings whose ``load`` made it.  If they have ``untrained()``, its result is written, so that
            the file does not depend on other files.
        name: the plugin's name for it, for example ``"timm"``.
        extra: further metadata: recipe, history, versions.

    Raises:
        OSError: the folder does not exist or the disk is full.
    """
    settings = settings.untrained() if hasattr(settings, "untrained") else settings
    state = classifier.module.state_dict()
    weights = {
        key: _as_tensor(value).detach().to("cpu", copy=True).contiguous()  # safetensors refuses shared memory
        for key, value in state.items()
    }
    described = {
        **(extra or {}),
        "shapebias_checkpoint": _VERSION,
        "class": f"{type(settings).__module__}:{type(settings).__qualname__}",
        "model": spell(name, settings),
        "packed": json.dumps([key for key, value in state.items() if not isinstance(value, Tensor)]),
        **{key: json.dumps(getattr(classifier, key)) for key in _PIXELS},
    }
    write_atomically(path, safetensors.torch.save(weights, described))


def load_checkpoint(path: Path, device: torch.device) -> Classifier:
    """Make the network that a file describes and read its weights.

    Raises:
        WeightsError: the file is missing, damaged, not one of ours, or names itself as its own network; or its
            architecture cannot be made here.
    """
    before = file_stamp(path)
    described = read_metadata(path)
    pixels = _pixels(path, described)
    classifier = _untrained(path, described)
    weights = read_state_dict(path)
    if file_stamp(path) != before:
        raise WeightsError(f"checkpoint {str(path)!r} was replaced while it was read; run the command again")
    for key in _packed(path, described):
        if not isinstance(weights.get(key), Tensor):
            raise WeightsError(f"checkpoint {str(path)!r} is damaged: it lacks {key!r}, which its metadata list")
        weights[key] = torch.load(io.BytesIO(weights[key].numpy().tobytes()), weights_only=True)
    put_weights(classifier.module, weights, path)
    classifier.module.to(device)
    return attrs.evolve(classifier, **pixels)


_LOADING: ContextVar[tuple[Path, ...]] = ContextVar("checkpoints that are being loaded", default=())


def _untrained(path: Path, described: Mapping[str, str]) -> Classifier:
    """Make the network that a file describes, whose settings may name another checkpoint."""
    loading = _LOADING.get()
    if path.resolve() in loading:
        raise WeightsError(f"checkpoint {str(path)!r} describes itself as its own network; it cannot be loaded")
    settings = _settings(path, described)
    if getattr(settings, "runs_code", False):
        raise WeightsError(
            f"checkpoint {str(path)!r} holds a {described['model']!r}, which would run code that the file names; where "
            f"you trust it, give the file to the function yourself: import:PACKAGE.MODULE:FUNCTION,weights={path}"
        )
    token = _LOADING.set((*loading, path.resolve()))
    try:
        classifier = settings.load(torch.device("cpu"))
    except ShapebiasError:
        raise
    except Exception as error:
        raise WeightsError(
            f"checkpoint {str(path)!r} holds a {described['model']!r}, which cannot be made here: {error}"
        ) from error
    finally:
        _LOADING.reset(token)
    if not isinstance(classifier, Classifier):
        raise WeightsError(f"checkpoint {str(path)!r} holds a {described['model']!r}, which is not a classifier")
    return classifier


def _pixels(path: Path, described: Mapping[str, str]) -> dict[str, Any]:
    """Read classes, normalisation and input size.

    Raises:
        WeightsError: one of them has a wrong type or size.
    """
    try:
        found = {key: _tuples(json.loads(described[key])) for key in _PIXELS}
        wrong = [key for key, fits in _FITS.items() if not fits(found[key])]
    except (ValueError, RecursionError):
        wrong = [*_PIXELS]
    if wrong:
        given = ", ".join(f"{key} {described[key][:40]}" for key in wrong)
        raise WeightsError(
            f"checkpoint {str(path)!r} is damaged: its metadata are not valid: {given}; train or copy it again"
        )
    return found


def _are_numbers(values: Any) -> bool:
    numbers = isinstance(values, tuple) and all(type(value) in (int, float) for value in values)
    return numbers and len(values) in (1, 3) and all(math.isfinite(value) for value in values)


_FITS: dict[str, Callable[[Any], bool]] = {
    "classes": lambda names: (
        names is None or (isinstance(names, tuple) and all(isinstance(name, str) for name in names))
    ),
    "mean": _are_numbers,
    "std": lambda values: _are_numbers(values) and min(values) > 0,
    "input_size": lambda size: (
        size is None
        or (
            isinstance(size, tuple) and len(size) == 2 and all(type(side) is int and 0 < side <= 2**13 for side in size)
        )
    ),
    "interpolation": lambda word: word in get_args(Interpolation),
}


def _packed(path: Path, described: Mapping[str, str]) -> list[str]:
    """Return the keys of the entries of the network's state that are not tensors."""
    try:
        keys = json.loads(described.get("packed", "[]"))
    except (ValueError, RecursionError):
        keys = None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise WeightsError(f"checkpoint {str(path)!r} is damaged: its list of packed keys cannot be read")
    return keys


def _as_tensor(value: object) -> Tensor:
    """Pack an entry of a network's state that is not a tensor (``get_extra_state``) into bytes."""
    if isinstance(value, Tensor):
        return value
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return torch.frombuffer(bytearray(buffer.getvalue()), dtype=torch.uint8)


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a checkpoint, without its weights.

    Raises:
        WeightsError: the file is missing, damaged, or not one of ours.
    """
    if not path.is_file():
        raise WeightsError(f"checkpoint {str(path)!r} does not exist")
    try:
        with safetensors.safe_open(path, "pt") as file:
            found = file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise WeightsError(
            f"checkpoint {str(path)!r} is not a readable safetensors file ({error}); "
            "if it holds bare weights, name their architecture: timm:ARCHITECTURE,checkpoint=FILE"
        ) from error
    if not {"shapebias_checkpoint", "class", "model", *_PIXELS} <= found.keys():
        raise WeightsError(
            f"{str(path)!r} does not say what network it is, so shapebias did not train it; "
            "name its architecture: timm:ARCHITECTURE,checkpoint=FILE or torchvision:ARCHITECTURE,weights=FILE"
        )
    if found["shapebias_checkpoint"] != _VERSION:
        raise WeightsError(
            f"checkpoint {str(path)!r} has format {found['shapebias_checkpoint']!r}, and this shapebias reads "
            f"{_VERSION!r}; install the version that wrote it"
        )
    return dict(found)


def stated_classes(path: Path) -> tuple[str, ...] | None:
    """Return the names of the classes in the metadata of a weight file; None where it is not a checkpoint of ours."""
    try:
        classes: tuple[str, ...] | None = _pixels(path, read_metadata(path))["classes"]
    except WeightsError:
        return None
    return classes


def architecture(path: Path) -> Any:
    """Return the settings of the architecture that a checkpoint describes; None where the file is not one of ours."""
    try:
        return _settings(path, read_metadata(path))
    except WeightsError:
        return None


def _settings(path: Path, described: Mapping[str, str]) -> Any:
    """Build the settings of the architecture."""
    try:
        with former_spellings():
            return build(_plugin_class(described["class"]), parse(described["model"]))
    except (ImportError, AttributeError, TypeError, ValueError, ShapebiasError) as error:
        raise WeightsError(
            f"checkpoint {str(path)!r} holds a {described['model']!r}, which cannot be made here: {error}"
        ) from error


def _plugin_class(target: str) -> type:
    """Import a class of settings, but only from a plugin: reading a file must not run any other code."""
    module, _, attribute = target.partition(":")
    plugins = {point.module.partition(".")[0] for point in metadata.entry_points(group="shapebias")}
    if module not in sys.modules and module.partition(".")[0] not in plugins:
        raise WeightsError(
            f"no installed plugin provides {module!r}; install it, or name the folder of its file with --plugins-dir"
        )
    cls: type = getattr(importlib.import_module(module), attribute)
    if not (attrs.has(cls) and hasattr(cls, "load")):
        raise TypeError(f"{target} is not a class of model settings")
    return cls
