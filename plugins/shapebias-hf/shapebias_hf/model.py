"""``hf:NAME``: an image classifier of transformers, from a folder or from the hub."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch import Tensor, nn
from transformers import AutoModelForImageClassification

from shapebias import Classifier, ShapebiasError, param
from shapebias_hf.features import last_grid
from shapebias_hf.preprocessing import read_preprocessing
from shapebias_hf.repository import commit_of, folder_of, model_files

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HuggingFaceModel", "Logits"]

_SHOWN = 3


class Logits(nn.Module):
    """Normalised pixels in, logits out.

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


@attrs.frozen
class HuggingFaceModel:
    """An image classifier of transformers: a folder that ``save_pretrained`` wrote, or a name on the hub.

    Normalisation, order of channels, size and interpolation are those of its image processor.  The whole image is
    resized to the size that the network gets: what a processor cuts off (``shortest_edge`` 256, then the middle 224) is
    the business of the data set, ``size=224,crop=0.875``.

    Classes are the names of its configuration.  ImageNet-1k is recognised by 1,000 WordNet ids or names in index order,
    or by 1,000 outputs without names, so that such a model answers ``cue-conflict`` and the like at once.

    Weights are read from safetensors alone, in float32, and code of a repository never runs.  Results know a folder by
    the content of its files, and a model on the hub by its commit.

    Raises:
        ShapebiasError: at loading: no such folder, no network, no safetensors, no image processor, or a network without
            a trained classifier.

    Source: Wolf et al. 2020, Transformers: state-of-the-art natural language processing.
    """

    source: str = param("folder, or name on the Hugging Face hub")
    revision: str | None = param("commit, tag or branch on the hub; none is its main branch", default=None)
    processor: str | None = param("folder or name of another model whose image processor is taken", default=None)
    input_size: int | None = param(
        "side that images are resized to; none is the processor's", default=None, ge=1, unit="pixels"
    )

    @property
    def fingerprint(self) -> str | None:
        """The commits on the hub; None where everything is in folders, which are hashed by :meth:`files`."""
        commits = [commit_of(self.source, self.revision)]
        if self.processor is not None:
            commits.append(commit_of(self.processor))
        return "commit " + ", ".join(filter(None, commits)) if any(commits) else None

    def files(self) -> list[Path]:
        """List the weights and settings, each hashed by its content."""
        return sorted({file for folder in (self._folder, self._processor_folder) for file in model_files(folder)})

    @cached_property
    def _folder(self) -> Path:
        return folder_of(self.source, self.revision)

    @cached_property
    def _processor_folder(self) -> Path:
        return self._folder if self.processor is None else folder_of(self.processor)

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        network = _read_network(self._folder)
        pixels = read_preprocessing(self._processor_folder)
        size = pixels.size if self.input_size is None else (self.input_size, self.input_size)
        module = Logits(network, blue_first=pixels.blue_first).eval()
        module.to(device).to(memory_format=torch.channels_last)
        return Classifier(
            module,
            mean=pixels.mean,
            std=pixels.std,
            input_size=size,
            interpolation=pixels.interpolation,
            classes=_class_names(network.config.id2label),
            features=last_grid(module, size),
        )


def _read_network(folder: Path) -> Any:
    """Read a network whose every weight is in the file.

    Raises:
        ShapebiasError: there are no safetensors, no image classifier, or weights are missing.
    """
    if not any(folder.glob("model*.safetensors")):
        raise ShapebiasError(
            f"hf: {folder} has no model.safetensors, and pickles are not read, since they can run code; convert it where "
            "you trust it: AutoModelForImageClassification.from_pretrained(NAME).save_pretrained(FOLDER)"
        )
    try:
        network, loaded = AutoModelForImageClassification.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:
        raise ShapebiasError(f"hf: {folder} is no image classifier that transformers can make: {error}") from error
    if missing := sorted(loaded["missing_keys"]):
        shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        raise ShapebiasError(
            f"hf: {folder} has no weights for {shown}, so its answers would be random: it is a backbone without a trained "
            "classifier; name a model that was trained to classify images"
        )
    return network


def _class_names(id2label: Mapping[int, str]) -> tuple[str, ...] | None:
    """Return the names of the outputs; None where they are those that transformers makes up."""
    names = tuple(id2label[index] for index in range(len(id2label)))
    return None if all(name == f"LABEL_{index}" for index, name in enumerate(names)) else names
