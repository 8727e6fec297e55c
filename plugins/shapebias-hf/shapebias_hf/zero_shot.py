"""``hf-clip:NAME``: CLIP, SigLIP or SigLIP2 of transformers, which classifies by texts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import torch
import transformers
from torch import Tensor, nn
from transformers import AutoImageProcessor, AutoTokenizer

from shapebias.plugin import (
    Classifier,
    ShapebiasError,
    ZeroShot,
    as_templates,
    cached_tensors,
    class_embeddings,
    class_prompts,
    hash_state,
    last_grid,
    param,
)
from shapebias_hf.network import read_image_text_network
from shapebias_hf.preprocessing import Preprocessing, read_preprocessing
from shapebias_hf.repository import TEXT_FILES, expanded, folder_of, identity

__all__ = ["HuggingFaceZeroShot"]


@attrs.frozen
class HuggingFaceZeroShot:
    """CLIP, SigLIP or SigLIP2 of transformers, zero-shot: an image gets the class whose text is nearest to it.

    The scores are the logit scale times the cosine of the embeddings of image and text; for SigLIP and SigLIP2 the bias
    is added, which gives the logit of the sigmoid.  With several templates the embeddings of a class's texts are
    normalised, averaged and normalised again (Radford et al. 2021, section 3.1.4).

    The classes are those of the data set: names as they are, with spaces for ``_``, and for ImageNet's classes the
    names with which CLIP was evaluated.  ``classes=imagenet`` scores the 1,000 classes of ImageNet instead, and
    maps these to the data set's, as for a model that was trained on ImageNet.

    Weights are read only from safetensors, in float32, and code of a repository never runs.  A folder is identified by
    the content of its files, and a model on the hub by its commit.

    Raises:
        ShapebiasError: at loading: no such folder, no safetensors, no image processor or tokeniser, another kind of
            network, or a class without words.

    Source: Radford et al. 2021, Learning transferable visual models from natural language supervision; Zhai et al.
    2023, Sigmoid loss for language image pre-training.
    """

    source: str = param("folder, or name on the Hugging Face hub", converter=expanded)
    templates: tuple[str, ...] = param(
        "texts with {} for the class, or imagenet for CLIP's 80; empty is only the class",
        default=("a photo of a {}.",),
        converter=as_templates,
    )
    classes: Literal["dataset", "imagenet"] = param("the classes that are scored", default="dataset")
    names: Path | None = param("JSON file with words for classes that need others than their names", default=None)
    revision: str | None = param("commit, tag or branch on the hub; none is its main branch", default=None)

    @property
    def fingerprint(self) -> str:
        """Identify the model: by the content of a folder's files, or by the commit on the hub."""
        return identity(self.source, self.revision, TEXT_FILES)

    def class_texts(self, classes: Sequence[str]) -> list[str]:
        """Return every text of every class."""
        return [text for of_class in self._prompts(classes).values() for text in of_class]

    def _prompts(self, classes: Sequence[str]) -> dict[str, list[str]]:
        return class_prompts(classes, self.templates, imagenet=self.classes == "imagenet", file=self.names)

    def load(self, device: torch.device, *, classes: Sequence[str]) -> Classifier:
        """Make the network, and the embeddings of the texts of the classes."""
        texts = self._prompts(classes)
        folder = folder_of(self.source, self.revision, TEXT_FILES)
        network = read_image_text_network(folder).eval().to(device)
        embeddings = _embed(network, _tokens(network, folder, self.class_texts(classes)), list(texts.values()))
        if network.config.model_type == "siglip2":
            encoder, pixels = _patches(network, folder)
        else:
            encoder, pixels = _Images(network), read_preprocessing(folder)
        scale = math.exp(float(network.logit_scale.detach()))
        bias = float(network.logit_bias.detach()) if hasattr(network, "logit_bias") else 0.0
        module = ZeroShot(encoder, embeddings.to(device), scale, bias).eval()
        module.to(memory_format=torch.channels_last)
        return Classifier(
            module,
            mean=pixels.mean,
            std=pixels.std,
            input_size=pixels.size,
            interpolation=pixels.interpolation,
            classes=tuple(texts),
            features=last_grid(module, pixels.size),
        )


def _tensor(output: Any) -> Tensor:
    """Return the embeddings in the output of ``get_image_features`` or ``get_text_features``."""
    found: Tensor = output if isinstance(output, Tensor) else output.pooler_output
    return found


class _Images(nn.Module):
    """The image encoder of CLIP and SigLIP: it maps pixels to embeddings."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.vision_model = network.vision_model
        self.projection = getattr(network, "visual_projection", nn.Identity())

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (N, D) embeddings of (N, 3, H, W) pixels."""
        found: Tensor = self.projection(_tensor(self.vision_model(pixel_values=pixels)))
        return found


class _Patches(nn.Module):
    """The image encoder of SigLIP2, which takes a list of patches and the shape of their grid."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.vision_model = network.vision_model
        self.side = int(network.config.vision_config.patch_size)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (N, D) embeddings of (N, 3, H, W) pixels."""
        count, channels, height, width = pixels.shape
        rows, columns = height // self.side, width // self.side
        cut = pixels.reshape(count, channels, rows, self.side, columns, self.side).permute(0, 2, 4, 3, 5, 1)
        return _tensor(
            self.vision_model(
                pixel_values=cut.reshape(count, rows * columns, -1),
                pixel_attention_mask=torch.ones(count, rows * columns, dtype=torch.long, device=pixels.device),
                spatial_shapes=torch.tensor([[rows, columns]] * count, device=pixels.device),
            )
        )


def _patches(network: Any, folder: Path) -> tuple[nn.Module, Preprocessing]:
    """Return the image encoder of SigLIP2, and the preprocessing for the largest square grid it was trained with.

    Raises:
        ShapebiasError: there is no image processor.
    """
    try:
        processor: Any = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        side = math.isqrt(int(processor.max_num_patches)) * int(network.config.vision_config.patch_size)
        mean, std = tuple(processor.image_mean), tuple(processor.image_std)
    except Exception as error:
        raise ShapebiasError(f"hf-clip: {folder} has no image processor of SigLIP2: {error}") from error
    return _Patches(network), Preprocessing(mean, std, blue_first=False, size=(side, side), interpolation="bilinear")


def _tokens(network: Any, folder: Path, texts: Sequence[str]) -> dict[str, Tensor]:
    """Tokenise texts to one length: that of the network for SigLIP, that of the longest text for CLIP.

    Raises:
        ShapebiasError: there is no tokeniser, or a text is too long.
    """
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ShapebiasError(f"hf-clip: {folder} has no tokeniser that can be read: {error}") from error
    longest = int(network.config.text_config.max_position_embeddings)
    needed = max(map(len, tokenizer(list(texts))["input_ids"]))
    if needed > longest:
        raise ShapebiasError(
            f"hf-clip: a text has {needed} tokens, but the network takes {longest}; shorten the words of the classes, "
            "or the templates"
        )
    whole_length = network.config.model_type != "clip"
    padded: dict[str, Any] = {"padding": "max_length", "max_length": longest} if whole_length else {"padding": True}
    given = tokenizer(list(texts), return_tensors="pt", **padded)
    # SigLIP is used without a mask for the padding, because it was trained with padding.
    return {"input_ids": given["input_ids"]} if whole_length else dict(given)


def _embed(network: Any, tokens: dict[str, Tensor], texts: Sequence[Sequence[str]]) -> Tensor:
    """Return the embedding of each class, (C, D), on the CPU; cached on disk by weights, tokens and version."""
    flat = [text for of_class in texts for text in of_class]
    row_of = {text: row for row, text in enumerate(flat)}
    device = next(network.parameters()).device

    def encode(some: Sequence[str]) -> Tensor:
        rows = [row_of[text] for text in some]
        return _tensor(network.get_text_features(**{name: each[rows].to(device) for name, each in tokens.items()}))

    digest = hashlib.sha256()
    for name, each in sorted(tokens.items()):
        digest.update(f"{name} {tuple(each.shape)}".encode() + each.numpy().tobytes())
    counts = [len(of_class) for of_class in texts]
    made_from = [f"transformers {transformers.__version__}", hash_state(network), counts, digest.hexdigest()]
    return cached_tensors(made_from, lambda: {"embeddings": class_embeddings(encode, texts)})["embeddings"]
