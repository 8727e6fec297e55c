"""The wrapper around any network: pixels in [0, 1] of any size go in, scores for a label space come out.

Normalisation and resizing are the first, differentiable steps of the model, so that eps, saturation and noise mean
pixel units everywhere else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional

from shapebias.errors import ShapebiasError
from shapebias.networks.features import Features
from shapebias.networks.labels import Aggregate, LabelMapping
from shapebias.networks.state_hash import hash_state

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Classifier",
    "Interpolation",
    "LiveModel",
    "grouped",
    "logits_of",
]

Interpolation: TypeAlias = Literal["bilinear", "bicubic", "nearest"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def _column(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)


@attrs.frozen(eq=False)
class Classifier:
    """An image classifier that takes pixels.

    Args:
        module: the network; normalised (N, 3, H, W) in, (N, outputs) logits out.  Where it returns more than one
            tensor, see :func:`logits_of`.
        mean, std: per-channel normalisation, in pixel values of [0, 1].
        input_size: (H, W) to which images are resized; None leaves every size as it is.  Images that already have this
            size are not changed.
        interpolation: how images are resized (with antialiasing).
        classes: names of the outputs, None where unknown.
        features: the layer that feature-based saliency methods read, None where there is none.
        mapping: how logits become scores for a data set's classes; None gives the logits.
        chunk: the most images in one forward and backward pass; it bounds the memory that gradients take.
        descriptions: other names of the outputs, by their names in ``classes``, where they are known.

    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10))
    >>> Classifier(network)(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    module: nn.Module
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    input_size: tuple[int, int] | None = None
    interpolation: Interpolation = "bilinear"
    classes: tuple[str, ...] | None = None
    features: Features | None = None
    mapping: LabelMapping | None = None
    chunk: int = 16
    descriptions: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        tensor = next(itertools.chain(self.module.parameters(), self.module.buffers()), None)
        return torch.device("cpu") if tensor is None else tensor.device

    @property
    def has_logits(self) -> bool:
        """Whether the scores are the network's own logits, and not log-probabilities of grouped classes."""
        return self.mapping is None or self.mapping.groups is None

    def feature_layer(self, method: str) -> Features:
        """Return the feature layer, for a saliency method that needs one.

        Raises:
            ShapebiasError: the model declares none.
        """
        if self.features is None:
            raise ShapebiasError(
                f"{method} reads a feature layer, and {type(self.module).__name__} declares none that has a grid; use "
                "another method, such as smoothgrad, or wrap the network: Classifier(network, features=Features(layer))"
            )
        return self.features

    def logits(self, images: Tensor) -> Tensor:
        """Return the network's own outputs, (N, outputs), for (N, 3, H, W) pixels in [0, 1]."""
        if self.input_size is not None and tuple(images.shape[-2:]) != self.input_size:
            smooth = self.interpolation != "nearest"
            images = functional.interpolate(
                images,
                self.input_size,
                mode=self.interpolation,
                antialias=smooth,
                align_corners=False if smooth else None,
            )
        normalised = (images - _column(self.mean, images)) / _column(self.std, images)
        outputs = self.module(normalised.contiguous(memory_format=torch.channels_last))
        logits = logits_of(outputs)
        if logits is None or logits.ndim != 2 or len(logits) != len(images):
            found = f"a {type(outputs).__name__}" if logits is None else f"{tuple(logits.shape)}"
            raise ShapebiasError(
                f"{type(self.module).__name__} returns {found} for {len(images)} images, not logits of shape "
                "(images, classes); wrap it in a module that returns them, or say where they are in its result: output="
            )
        wants_gradient = images.requires_grad and torch.is_grad_enabled()
        if wants_gradient and (not logits.requires_grad or _is_quantised(self.module)):
            raise ShapebiasError(
                f"{type(self.module).__name__} passes no gradient from its answers to the pixels; quantised networks "
                "never do: for attacks and saliency methods with gradients, give the network before quantisation"
            )
        return logits

    def __call__(self, images: Tensor) -> Tensor:
        """Return scores, (N, C), in the data set's classes where there is a mapping, else the logits."""
        logits = self.logits(images).float()
        if self.mapping is None or self.mapping.groups is None:
            return logits
        return grouped(logits, self.mapping.groups, self.mapping.aggregate)

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Put the network into eval mode without parameter gradients; restore every flag afterwards."""
        # A frozen TorchScript network is always in eval mode and has no flag.
        modes = {module: module.training for module in self.module.modules() if hasattr(module, "training")}
        needed = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
        try:
            if self.module in modes:
                self.module.eval()
            for parameter in needed:
                parameter.requires_grad_(False)  # noqa: FBT003 - torch's own call
            yield
        finally:
            for module, training in modes.items():
                if module.training is not training:
                    module.training = training
            for parameter in needed:
                parameter.requires_grad_()


def _is_quantised(module: nn.Module) -> bool:
    """Return whether a network has quantised layers; in some of them a backward pass ends without an error."""
    return any(type(part).__module__.startswith("torch.ao.nn.quantized") for part in module.modules())


def logits_of(outputs: object) -> Tensor | None:
    """Find the logits in what a network returns.

    In this order: the output itself; its attribute ``logits``; its entry ``"logits"``; the first tensor among its
    entries or fields (tuples, lists, mappings, dataclasses).

    Returns:
        None where there is no tensor in it.

    >>> logits_of((torch.zeros(1, 4), torch.zeros(1, 7))).shape
    torch.Size([1, 4])
    """
    if isinstance(outputs, Tensor):
        return outputs
    named = outputs.get("logits") if isinstance(outputs, Mapping) else getattr(outputs, "logits", None)
    if isinstance(named, Tensor):
        return named
    entries: Iterable[object] = ()
    if isinstance(outputs, Mapping):
        entries = outputs.values()
    elif isinstance(outputs, (tuple, list)):
        entries = outputs
    elif dataclasses.is_dataclass(outputs):
        entries = [getattr(outputs, field.name) for field in dataclasses.fields(outputs)]
    return next((entry for entry in entries if isinstance(entry, Tensor)), None)


def grouped(logits: Tensor, groups: tuple[tuple[int, ...], ...], aggregate: Aggregate = "mean") -> Tensor:
    """Score each group of outputs by the log of the mean, the sum or the largest of its softmax probabilities.

    The mean gives no advantage to a class with many members; :class:`shapebias.networks.labels.LabelMapping` names the
    papers that use each.

    Args:
        logits: (N, outputs).
        groups: the outputs of each class.
        aggregate: how the probabilities of a group are combined: ``mean``, ``sum`` or ``max``.

    >>> grouped(torch.zeros(1, 4), ((0,), (1, 2))).exp()
    tensor([[0.2500, 0.2500]])
    >>> grouped(torch.zeros(1, 4), ((0,), (1, 2)), "sum").exp()
    tensor([[0.2500, 0.5000]])
    """
    log_probabilities = logits.log_softmax(dim=1)
    scores = [_aggregated(log_probabilities[:, list(members)], aggregate) for members in groups]
    return torch.stack(scores, dim=1)


def _aggregated(log_probabilities: Tensor, aggregate: Aggregate) -> Tensor:
    """Aggregate the log-probabilities (N, members) of one class, (N,)."""
    members = log_probabilities.shape[1]
    if members == 1:
        return log_probabilities[:, 0]
    if aggregate == "max":
        return log_probabilities.amax(dim=1)
    total = log_probabilities.logsumexp(dim=1)
    return total - math.log(members) if aggregate == "mean" else total


@attrs.frozen
class LiveModel:
    """A network that exists only in this process, named by the user and identified by the hash of its state.

    Args:
        name: the user's name for it.
        classifier: the wrapped network; it stays on its own device.
        fingerprint: SHA-256 of its parameters and buffers when it was wrapped.
    """

    name: str
    classifier: Classifier = attrs.field(eq=False, repr=False, metadata={"spelled": False})
    fingerprint: str = attrs.field(metadata={"spelled": False})

    @classmethod
    def of(cls, name: str, model: nn.Module | Classifier) -> LiveModel:
        """Wrap a live network; a bare ``nn.Module`` gets ImageNet's mean and std."""
        classifier = model if isinstance(model, Classifier) else Classifier(model)
        return cls(name, classifier, hash_state(classifier.module))

    def load(self, device: torch.device) -> Classifier:  # noqa: ARG002 - part of the call of every model
        """Return the classifier, on its own device."""
        return self.classifier
