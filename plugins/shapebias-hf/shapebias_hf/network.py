"""Networks of transformers, read without running code in their files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForImageClassification
from transformers.utils import logging

from shapebias.plugin import ShapebiasError

__all__ = ["IMAGE_TEXT", "Logits", "class_names", "read_image_text_network", "read_network"]

_SHOWN = 3
IMAGE_TEXT = ("clip", "siglip", "siglip2")


class Logits(nn.Module):
    """A module that maps normalised pixels to logits.

    Args:
        network: an image classifier of transformers.
        blue_first: whether it takes blue, green, red.
    """

    def __init__(self, network: nn.Module, *, blue_first: bool = False) -> None:
        super().__init__()
        self.network, self.blue_first = network, blue_first

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (N, outputs) logits of (N, 3, H, W) pixels, red first."""
        logits: Tensor = self.network(pixel_values=pixels.flip(1) if self.blue_first else pixels).logits
        return logits


def read_network(folder: Path) -> Any:
    """Read a network whose every weight is in the file.

    Raises:
        ShapebiasError: there are no safetensors, no image classifier, weights are missing, or images are not RGB.
    """
    network = _read(folder, AutoModelForImageClassification, "an image classifier")
    channels = getattr(getattr(network.config, "vision_config", network.config), "num_channels", 3)
    if channels != 3:
        raise ShapebiasError(
            f"hf: {folder} takes images of {channels} channels (num_channels in config.json), but images are RGB here; "
            "use a model with 3 channels"
        )
    return network


def read_image_text_network(folder: Path) -> Any:
    """Read a network of images and texts whose every weight is in the file.

    Raises:
        ShapebiasError: there are no safetensors, weights are missing, or it is not one of CLIP, SigLIP and SigLIP2.
    """
    network = _read(folder, AutoModel, "a network")
    if network.config.model_type not in IMAGE_TEXT:
        raise ShapebiasError(
            f"hf-clip: {folder} is a {network.config.model_type}, not one of {', '.join(IMAGE_TEXT)}; "
            "an image classifier is hf:NAME"
        )
    return network


def _read(folder: Path, kind: Any, what: str) -> Any:
    if not any(folder.glob("model*.safetensors")):
        raise ShapebiasError(
            f"hf: {folder} has no model.safetensors, and pickles are not read, since they can run code; convert it "
            f"where you trust it: {kind.__name__}.from_pretrained(NAME).save_pretrained(FOLDER)"
        )
    try:
        with _without_progress_bar():
            network, loaded = kind.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:
        raise ShapebiasError(f"hf: {folder} is not {what} that transformers can make: {error}") from error
    if missing := sorted(loaded["missing_keys"]):
        shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        raise ShapebiasError(
            f"hf: {folder} has no weights for {shown}, so its answers would be random: it is a backbone without a "
            "trained classifier; use a model that was trained to classify images"
        )
    return network


def class_names(id2label: Mapping[int, str] | None) -> tuple[str, ...] | None:
    """Return the names of the outputs; None if there are only the default names of transformers.

    Raises:
        ShapebiasError: the names are not those of the outputs 0, 1, 2, ...

    >>> class_names({1: "dog", 0: "cat"}), class_names({0: "LABEL_0", 1: "LABEL_1"})
    (('cat', 'dog'), None)
    """
    by_index = {int(index): str(name) for index, name in (id2label or {}).items()}
    if sorted(by_index) != list(range(len(by_index))):
        raise ShapebiasError(
            f"hf: id2label names the outputs {', '.join(map(str, sorted(by_index)[:5]))}, ...; correct config.json, so "
            "that it names each output from 0 on"
        )
    names = tuple(by_index[index] for index in range(len(by_index)))
    return None if all(name == f"LABEL_{index}" for index, name in enumerate(names)) else names


@contextlib.contextmanager
def _without_progress_bar() -> Iterator[None]:
    """Turn off the progress bar that transformers draws for each network that it reads from disk."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
