"""Tensors that take long to compute, cached on the disk under a hash of what they were computed from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import platformdirs
import safetensors
import safetensors.torch
from torch import Tensor

from shapebias.files import write_atomically
from shapebias.paths import as_path

__all__ = ["VARIABLE", "cached_tensors"]

VARIABLE = "SHAPEBIAS_CACHE"


def cached_tensors(made_from: object, compute: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return tensors from the cache on the disk, or compute and cache them.

    The cache is ``$SHAPEBIAS_CACHE``, or the folder ``tensors`` in the user's cache.  If a file is damaged or cannot be
    written, the tensors are computed again.

    Args:
        made_from: everything that determines the tensors, as JSON values: names and hashes of weights, texts, images,
            and versions of software.
        compute: computes the tensors, by name.

    Returns:
        The tensors by name, on the CPU.
    """
    name = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
    path = _folder() / f"{name}.safetensors"
    with contextlib.suppress(OSError, safetensors.SafetensorError):
        if path.is_file():
            return safetensors.torch.load_file(path)
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in compute().items()}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, safetensors.torch.save(tensors))
    return tensors


def _folder() -> Path:
    chosen = os.environ.get(VARIABLE)
    return as_path(chosen) if chosen else platformdirs.user_cache_path("shapebias") / "tensors"
