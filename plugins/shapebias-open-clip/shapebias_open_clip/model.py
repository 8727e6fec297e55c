"""``open-clip:ARCHITECTURE,pretrained=NAME``: an image-text model of open_clip that classifies by texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs
import open_clip
import torch

from shapebias.plugin import (
    Classifier,
    EvalCrop,
    Options,
    ZeroShot,
    as_templates,
    class_prompts,
    last_grid,
    param,
)
from shapebias_open_clip.network import Network, read_network
from shapebias_open_clip.texts import embed_texts

__all__ = ["OpenClip"]


def _name_or_file(value: object) -> object:
    """Distinguish the name of open_clip's weights from a file, which has a suffix or a folder."""
    if isinstance(value, str) and ("/" in value or "." in value):
        return Path(value).expanduser()
    return value


@attrs.frozen
class OpenClip:
    """An image-text model of open_clip, zero-shot: an image gets the class whose text is nearest to it.

    The scores are the logit scale times the cosine of the embeddings of image and text; for SigLIP the bias is added,
    which gives the logit of its sigmoid.  With several templates the embeddings of a class's texts are normalised,
    averaged and normalised again (Radford et al. 2021, section 3.1.4).

    The classes are those of the data set: names as they are, with spaces for ``_``, and for ImageNet's classes the
    names with which CLIP was evaluated.  ``classes=imagenet`` scores the 1,000 classes of ImageNet instead, and
    maps these to the data set's, as for a model that was trained on ImageNet.

    Normalisation, size and interpolation are those of the weights; the whole image is resized.  Weights of OpenAI, and
    others that were trained with the activation QuickGELU, use it; for a weight file add ``arg.force_quick_gelu=true``.

    Raises:
        ShapebiasError: at loading: open_clip has no such architecture or weights, they cannot be downloaded, do not fit
            or need code to be read; a class has no words.

    Source: Ilharco et al. 2021, OpenCLIP; Radford et al. 2021, Learning transferable visual models from natural
    language supervision.
    """

    architecture: str = param("name in open_clip, such as ViT-L-14; or hf-hub:OWNER/NAME, or local-dir:FOLDER")
    pretrained: str | Path | None = param(
        "name of open_clip's weights (downloaded), or weight file; none is random weights",
        default="",
        converter=_name_or_file,
    )
    templates: tuple[str, ...] = param(
        "texts with {} for the class, or imagenet for CLIP's 80; empty is only the class",
        default=("a photo of a {}.",),
        converter=as_templates,
    )
    classes: Literal["dataset", "imagenet"] = param("the classes that are scored", default="dataset")
    names: Path | None = param("JSON file with words for classes that need others than their names", default=None)
    seed: int = param("seed of random weights", default=0, ge=0, lt=2**63)
    arg: Options = param("option of open_clip.create_model, such as arg.force_quick_gelu=true", default=Options())

    def files(self) -> list[Path]:
        """Return the files that determine the answers."""
        folder = self.architecture.removeprefix("local-dir:")
        found = [] if folder == self.architecture else [Path(folder).expanduser()]
        return [*found, *(each for each in (self.pretrained, self.names) if isinstance(each, Path))]

    @property
    def eval_crop(self) -> EvalCrop | None:
        """How open_clip resizes and cuts images for these weights; None where a file of the hub or a folder says it."""
        config = open_clip.get_model_config(self.architecture)
        if config is None:
            return None
        named = isinstance(self.pretrained, str) and self.pretrained
        stated = (open_clip.get_pretrained_cfg(self.architecture, self.pretrained) if named else None) or {}
        side = stated.get("size") or config["vision_cfg"].get("image_size")
        mode = stated.get("resize_mode", "shortest")
        if not isinstance(side, int) or mode == "longest":
            return None
        return EvalCrop(side, side, stated.get("interpolation", "bicubic"), squash=mode == "squash")

    def class_texts(self, classes: Sequence[str]) -> list[str]:
        """Return every text of every class."""
        return [text for of_class in self._prompts(classes).values() for text in of_class]

    def _prompts(self, classes: Sequence[str]) -> dict[str, list[str]]:
        return class_prompts(classes, self.templates, imagenet=self.classes == "imagenet", file=self.names)

    def load(self, device: torch.device, *, classes: Sequence[str]) -> Classifier:
        """Make the network, and the embeddings of the texts of the classes."""
        texts = self._prompts(classes)
        network: Network = read_network(self.architecture, self.pretrained, self.seed, self.arg).eval().to(device)
        tokenizer = open_clip.get_tokenizer(self.architecture)
        embeddings = embed_texts(network, tokenizer, list(texts.values())).to(device)
        scale = math.exp(float(network.logit_scale.detach()))
        bias = 0.0 if network.logit_bias is None else float(network.logit_bias.detach())
        module = ZeroShot(network.visual, embeddings, scale, bias).eval().to(memory_format=torch.channels_last)
        pixels = network.visual.preprocess_cfg
        side = pixels["size"]
        size = (side, side) if isinstance(side, int) else (side[0], side[1])
        return Classifier(
            module,
            mean=tuple(pixels["mean"]),
            std=tuple(pixels["std"]),
            input_size=size,
            interpolation="bilinear" if pixels["interpolation"] == "bilinear" else "bicubic",
            classes=tuple(texts),
            features=last_grid(module, size),
        )
