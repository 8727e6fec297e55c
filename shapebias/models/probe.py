"""``probe:MODEL,train=DATASET``: a network without a classifier, and a classifier that is fitted to its features."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

import attrs

from shapebias.errors import DataError, PluginError, WeightsError
from shapebias.spelling.params import param

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from shapebias.networks.classifier import Classifier
    from shapebias.plugins.catalog import Component
    from shapebias.plugins.protocols import EvalCrop
    from shapebias.plugins.specs import Kind

__all__ = ["ProbedModel"]

_ROWS = 512  # images that are decoded at a time
_BATCH = 32


def _component(kind: Kind, text: str) -> Component:
    from shapebias.plugins.catalog import default_catalog

    return default_catalog().component(kind, text)


@attrs.frozen
class ProbedModel:
    """A backbone without a classifier, such as DINO, with a classifier fitted to a training set: k-NN or linear.

    ``knn`` is the protocol of the DINO papers: the k nearest training images by cosine vote with the weight
    exp(similarity / temperature).  ``linear`` is logistic regression on the features, solved by L-BFGS.

    The features of the training images are computed once and cached on disk by the content of network and images
    (``$SHAPEBIAS_CACHE``).  Classes are those of the training set.  A study that tests on the training images is an
    error.

    The features of a timm network are the input of its classifier (``num_classes=0``); any other network must end in a
    linear layer, whose inputs are the features.

    Raises:
        WeightsError: the network has no features.
        DataError: the training set has only one class, or an image without a class.

    Source: Caron et al. 2021, Emerging properties in self-supervised vision transformers, section 4.1; Oquab et al.
    2023, DINOv2, section 7.1.
    """

    model: str = param('the network; quotes protect its settings: "timm:resnet50,checkpoint=FILE"')
    train: str = param('the training set; quotes protect its settings: "folder:PATH,size=224,crop=0.875"')
    method: Literal["knn", "linear"] = param("what classifies the features", default="knn")
    k: int = param("neighbours that vote", default=20, ge=1)
    temperature: float = param("temperature of the votes", default=0.07, gt=0)
    penalty: float = param("penalty of large weights in linear; the inverse of scikit-learn's C", default=1.0, gt=0)

    @property
    def runs_code(self) -> bool:
        """Whether making the network runs code that the text names."""
        return bool(getattr(_component("model", self.model).settings, "runs_code", False))

    @property
    def eval_crop(self) -> EvalCrop | None:
        """That of the backbone."""
        crop: EvalCrop | None = getattr(_component("model", self.model).settings, "eval_crop", None)
        return crop

    @property
    def trained_on(self) -> Component:
        """The training set."""
        return _component("dataset", self.train)

    @property
    def fingerprint(self) -> str:
        """Identify network and training set by their texts and contents."""
        parts = [_component("model", self.model), self.trained_on]
        identity = json.dumps([[part.canonical, part.fingerprints()] for part in parts], sort_keys=True)
        return hashlib.sha256(identity.encode()).hexdigest()

    def load(self, device: torch.device) -> Classifier:
        """Make the network and fit the classifier of its features."""
        from torch import nn

        from shapebias.networks.last_grid import last_grid

        backbone = self._backbone(device)
        classes = tuple(self.trained_on.settings.classes)
        features, labels = self._features(backbone)
        if (labels < 0).any() or len(labels.unique()) < 2:
            raise DataError(
                f"{self.train} cannot train a probe: it needs images of at least two classes, each with a label"
            )
        head = self._fit(features, labels, len(classes)).to(device)
        module = nn.Sequential(backbone.module, head).eval()
        layer = backbone.features or last_grid(module, backbone.input_size)
        return attrs.evolve(backbone, module=module, classes=classes, features=layer)

    def _backbone(self, device: torch.device) -> Classifier:
        from shapebias.networks.backbones import without_classifier

        component = _component("model", self.model)
        if component.spec.needs_classes:
            raise WeightsError(f"{self.model} classifies by texts and needs no probe; use it as the model")
        own = getattr(component.settings, "backbone", None)
        if own is not None:
            found: Classifier = own(device)
            return found
        return without_classifier(component.load(device))

    def _fit(self, features: Tensor, labels: Tensor, classes: int) -> nn.Module:
        from shapebias.networks.probe_heads import NearestNeighbours, fit_linear

        if self.method == "knn":
            return NearestNeighbours(features, labels, classes, self.k, self.temperature)
        return fit_linear(features, labels, classes, self.penalty)

    def _features(self, backbone: Classifier) -> tuple[Tensor, Tensor]:
        """Return features and classes of the training images, from disk if they were computed before."""
        from shapebias.networks.state_hash import hash_state
        from shapebias.networks.tensor_cache import cached_tensors

        dataset = self.trained_on
        pixels = [backbone.mean, backbone.std, backbone.input_size, backbone.interpolation]
        network = [hash_state(backbone.module), _component("model", self.model).canonical, pixels]
        made_from = ["features of a probe", network, dataset.canonical, dataset.fingerprints()]
        found = cached_tensors(made_from, lambda: _extract(backbone, dataset.settings))
        return found["features"], found["labels"]


def _extract(backbone: Classifier, dataset: Any) -> dict[str, Tensor]:
    """Compute the features of every image of a data set."""
    import torch

    from shapebias.images.decoded import DecodedImages, batched
    from shapebias.images.first import read_first_image

    features, labels = [], []
    first = read_first_image(dataset)
    for start in range(0, len(dataset), _ROWS):
        rows = range(start, min(start + _ROWS, len(dataset)))
        with (
            contextlib.closing(DecodedImages(dataset, tuple(rows), None, first)) as decoded,
            torch.no_grad(),
            backbone.evaluating(),
        ):
            for positions in batched(range(len(rows)), _BATCH):
                batch = decoded.take(positions, backbone.device)
                found = backbone.logits(batch.images)
                if not found.isfinite().all():
                    raise PluginError("the network has NaN or infinite features of training images")
                features.append(found.float().cpu())
                labels.append(batch.labels.cpu())
    return {"features": torch.cat(features), "labels": torch.cat(labels)}
