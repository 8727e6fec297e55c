"""Networks of open_clip, read without running code in their files."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import open_clip

from shapebias.plugin import ShapebiasError, seeded_weights

__all__ = ["Network", "read_network"]

Network: TypeAlias = Any
_SCHEMES = ("hf-hub:", "local-dir:")


def read_network(architecture: str, pretrained: str | Path | None, seed: int, options: Mapping[str, Any]) -> Network:
    """Make a network of open_clip with its weights.

    Args:
        architecture: the name in open_clip, or ``hf-hub:...``, ``local-dir:...``, which have their own weights.
        pretrained: the name of weights, or a file; None is random weights.
        seed: seed of random weights.
        options: options of ``open_clip.create_model``.

    Raises:
        ShapebiasError: there is no such architecture, no such weights, or they cannot be read.
    """
    given = dict(options)
    if architecture.startswith(_SCHEMES):
        if pretrained:
            raise ShapebiasError(f"open-clip:{architecture} has its own weights; leave pretrained={pretrained} out")
        given["require_pretrained"] = pretrained is not None
    else:
        _check_names(architecture, pretrained)
        if isinstance(pretrained, str):
            given.setdefault("force_quick_gelu", _quick_gelu(architecture, pretrained))
        given["pretrained"] = None if pretrained is None else str(pretrained)
    if pretrained is None:
        given |= {"load_weights": False}
    try:
        with seeded_weights(seed), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return _quietly(architecture, given)
    except Exception as error:  # no connection, a file that does not fit, an unknown option
        raise ShapebiasError(
            f"open-clip:{architecture} cannot be made with pretrained={pretrained}: {error}\n"
            "offline, give the weights with pretrained=FILE; weights are read only if that runs no code"
        ) from error


def _quietly(architecture: str, options: Mapping[str, Any]) -> Network:
    """Make the network without the messages of open_clip to the root logger, such as that weights are random."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        return open_clip.create_model(architecture, weights_only=True, pretrained_text=False, **options)
    finally:
        root.setLevel(level)


def _check_names(architecture: str, pretrained: str | Path | None) -> None:
    """Raise an error if open_clip does not have a name, or a file is missing."""
    if architecture.replace("/", "-") not in open_clip.list_models():
        raise ShapebiasError(
            f"open_clip {open_clip.__version__} has no architecture {architecture!r}; open_clip.list_models() lists "
            "them"
        )
    if isinstance(pretrained, Path):
        if not pretrained.is_file():
            raise ShapebiasError(f"weight file {str(pretrained)!r} does not exist")
        return
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if pretrained is not None and pretrained not in tags:
        named = f"no weights {pretrained!r}" if pretrained else "several weights"
        raise ShapebiasError(
            f"open-clip:{architecture} has {named}; give pretrained= one of {', '.join(tags) or '(it has none)'}, "
            "or a file, or none for random weights"
        )


def _quick_gelu(architecture: str, tag: str) -> bool:
    """Tell whether weights were trained with QuickGELU, which open_clip states for them but does not apply."""
    return bool(open_clip.get_pretrained_cfg(architecture, tag).get("quick_gelu", False))
