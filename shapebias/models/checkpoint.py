"""``checkpoint:FILE``: a network trained with shapebias."""

from __future__ import annotations

from pathlib import Path

import attrs
import torch

from shapebias.networks.checkpoints import architecture, load_checkpoint
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import EvalCrop
from shapebias.spelling.params import param

__all__ = ["Checkpoint"]


@attrs.frozen
class Checkpoint:
    """A network trained with shapebias; the file has its architecture, classes and normalisation with the weights.

    Raises:
        WeightsError: the file is missing, damaged or not of shapebias, or its architecture is not installed.

    >>> import tempfile
    >>> from shapebias.networks.checkpoints import save_checkpoint
    >>> from shapebias.models.cnn import Cnn
    >>> settings = Cnn(num_classes=2, width=4)
    >>> trained = attrs.evolve(settings.load(torch.device("cpu")), classes=("square", "circle"))
    >>> file = Path(tempfile.mkdtemp(), "shapes.safetensors")
    >>> save_checkpoint(file, trained, settings, "cnn", {"recipe": "standard"})
    >>> Checkpoint(file).load(torch.device("cpu")).classes
    ('square', 'circle')
    """

    file: Path = param("checkpoint that training wrote")

    @property
    def eval_crop(self) -> EvalCrop | None:
        """That of the architecture in the file."""
        crop: EvalCrop | None = getattr(architecture(self.file), "eval_crop", None)
        return crop

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        return load_checkpoint(self.file, device)
