"""The versions that results depend on."""

from __future__ import annotations

import platform
from importlib import metadata

import torch

from shapebias.plugins.catalog import default_catalog

__all__ = ["versions"]


def versions() -> dict[str, str]:
    """Return the versions that results depend on: Python, torch, timm, CUDA, and every plugin's distribution."""
    found = {"python": platform.python_version(), "torch": torch.__version__}
    if torch.version.cuda:
        found["cuda"] = torch.version.cuda
    for package in ("shapebias", "torchvision", "timm", "numpy", "h5py"):
        found[package] = metadata.version(package)
    for plugin in default_catalog().plugins:
        found.setdefault(plugin.distribution, plugin.version or plugin.source)
    return found
