"""``hf:NAME``: an image classifier of transformers, from a folder or from the hub."""

from __future__ import annotations

import attrs
import torch

from shapebias.plugin import Classifier, EvalCrop, last_grid, param
from shapebias_hf.network import Logits, class_names, read_network
from shapebias_hf.preprocessing import read_eval_crop, read_preprocessing
from shapebias_hf.repository import expanded, folder_of, identity

__all__ = ["HuggingFaceModel"]


@attrs.frozen
class HuggingFaceModel:
    """An image classifier of transformers: a folder that ``save_pretrained`` wrote, or a name on the hub.

    Normalisation, order of channels, size and interpolation are those of its image processor.  The whole image is
    resized to the size that the network gets.  Cropping (``shortest_edge`` 256, then the middle 224) belongs to the
    data set: ``size=224,crop=0.875``; ``imagenet-val`` reads it from the image processor.

    Classes are the names of its configuration.  ImageNet-1k is recognised by 1,000 WordNet ids or names in index order,
    or by 1,000 outputs without names, so that such a model works with ``cue-conflict`` and similar data sets at once.

    Weights are read only from safetensors, in float32, and code of a repository never runs.  A folder is identified by
    the content of its files, and a model on the hub by its commit.

    Raises:
        ShapebiasError: at loading: no such folder, no connection, no safetensors, no image processor, or a network
            without a trained classifier or for images that are not RGB.

    Source: Wolf et al. 2020, Transformers: state-of-the-art natural language processing.
    """

    source: str = param("folder, or name on the Hugging Face hub", converter=expanded)
    revision: str | None = param("commit, tag or branch on the hub; none is its main branch", default=None)
    processor: str | None = param(
        "folder or name of another model whose image processor is used",
        default=None,
        converter=attrs.converters.optional(expanded),
    )
    input_size: int | None = param(
        "side that images are resized to; none is the processor's", default=None, ge=1, unit="pixels"
    )

    @property
    def fingerprint(self) -> str:
        """Identify the model: by the content of a folder's files, or by the commit on the hub."""
        own = identity(self.source, self.revision)
        return own if self.processor is None else f"{own} with processor {identity(self.processor)}"

    @property
    def eval_crop(self) -> EvalCrop | None:
        """How the image processor resizes and cuts images; None where ``input_size`` is given, or in another way."""
        if self.input_size is not None:
            return None
        folder = folder_of(self.source, self.revision) if self.processor is None else folder_of(self.processor)
        return read_eval_crop(folder)

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        folder = folder_of(self.source, self.revision)
        network = read_network(folder)
        pixels = read_preprocessing(folder if self.processor is None else folder_of(self.processor))
        size = pixels.size if self.input_size is None else (self.input_size, self.input_size)
        module = Logits(network, blue_first=pixels.blue_first).eval()
        module.to(device).to(memory_format=torch.channels_last)
        return Classifier(
            module,
            mean=pixels.mean,
            std=pixels.std,
            input_size=size,
            interpolation=pixels.interpolation,
            classes=class_names(network.config.id2label),
            features=last_grid(module, size),
        )
