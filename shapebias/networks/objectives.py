"""Objectives, which attacks maximise and saliency maps explain: one number for each image, and its pixel gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from shapebias.errors import ShapebiasError
from shapebias.networks.classifier import Classifier
from shapebias.spelling.former import FormerWords

__all__ = ["OBJECTIVES", "Objective", "Reduction", "objective_values", "pixel_gradient", "reduce_channels"]

Objective: TypeAlias = Annotated[
    Literal["cross-entropy", "logit", "log-prob", "margin"], FormerWords({"loss": "cross-entropy"})
]
Reduction: TypeAlias = Literal["abs-sum", "max", "signed-sum"]


def _cross_entropy(scores: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of the target class: what training minimises and an attack maximises."""
    return functional.cross_entropy(scores, targets, reduction="none")


def _logit(scores: Tensor, targets: Tensor) -> Tensor:
    return scores.gather(1, targets[:, None]).squeeze(1)


def _log_prob(scores: Tensor, targets: Tensor) -> Tensor:
    return -_cross_entropy(scores, targets)


def _margin(scores: Tensor, targets: Tensor) -> Tensor:
    """Score of the target class above the best other class (Carlini & Wagner 2017, f6)."""
    others = scores.scatter(1, targets[:, None], float("-inf"))
    return _logit(scores, targets) - others.amax(dim=1)


OBJECTIVES: dict[Objective, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": _cross_entropy,
    "logit": _logit,
    "log-prob": _log_prob,
    "margin": _margin,
}


def objective_values(model: Classifier, scores: Tensor, targets: Tensor, objective: Objective) -> Tensor:
    """Return the objective of each image, (N,).

    Args:
        model: the classifier that computed the scores.
        scores: (N, C).
        targets: (N,) class indices.
        objective: ``cross-entropy``, ``logit``, ``log-prob``, or ``margin`` over the best other class.

    Raises:
        ShapebiasError: ``logit`` of grouped classes, which have no logits.

    >>> from torch import nn
    >>> network = Classifier(nn.Flatten())
    >>> objective_values(network, torch.tensor([[1.0, 3.0, 0.0]]), torch.tensor([1]), "margin")
    tensor([2.])
    """
    if objective == "logit" and not model.has_logits:
        raise ShapebiasError(
            "objective 'logit' is not defined where the model's classes are grouped into those of the data set; "
            "use objective=log-prob"
        )
    return OBJECTIVES[objective](scores, targets)


def pixel_gradient(
    model: Classifier,
    images: Tensor,
    targets: Tensor,
    objective: Objective | Callable[[Tensor, Tensor], Tensor] = "cross-entropy",
) -> tuple[Tensor, Tensor]:
    """Compute the gradient of each image's objective in its pixels, ``model.chunk`` images at a time.

    Args:
        model: the classifier.
        images: (N, 3, H, W) in [0, 1].
        targets: (N,) class indices.
        objective: see :func:`objective_values`; or a function of scores (N, C) and ``targets``, which may then be
            several classes for each image, (N, K).

    Returns:
        The gradient (N, 3, H, W) and the scores (N, C), both detached.

    Raises:
        ShapebiasError: the network passes no gradient, or the objective is ``logit`` of grouped classes.

    >>> from torch import nn
    >>> network = Classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), mean=(0, 0, 0), std=(1, 1, 1))
    >>> gradient, scores = pixel_gradient(network, torch.full((1, 3, 2, 2), 0.5), torch.tensor([0]), "logit")
    >>> gradient[0, 0], scores
    (tensor([[0.2500, 0.2500],
            [0.2500, 0.2500]]), tensor([[0.5000, 0.5000, 0.5000]]))
    """
    pieces = [
        _gradient_of_chunk(model, chunk, wanted, objective)
        for chunk, wanted in zip(images.split(model.chunk), targets.split(model.chunk), strict=True)
    ]
    if len(pieces) == 1:  # nothing to copy
        return pieces[0]
    gradients, scores = zip(*pieces, strict=True)
    return torch.cat(gradients), torch.cat(scores)


def _gradient_of_chunk(
    model: Classifier, images: Tensor, targets: Tensor, objective: Objective | Callable[[Tensor, Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        pixels = images.detach().requires_grad_()
        scores = model(pixels)
        if callable(objective):
            values = objective(scores, targets)
        else:
            values = objective_values(model, scores, targets, objective)
        (gradient,) = torch.autograd.grad(values.sum(), pixels)
    return gradient, scores.detach()


def reduce_channels(attributions: Tensor, reduction: Reduction) -> Tensor:
    """Reduce attributions of pixels (N, 3, H, W) to maps (N, H, W), larger where the pixel mattered more.

    Args:
        attributions: (N, 3, H, W), signed.
        reduction: ``abs-sum`` (sum of magnitudes), ``max`` (largest magnitude, Simonyan et al. 2014) or ``signed-sum``.

    >>> reduce_channels(torch.tensor([1.0, -3.0, 1.0]).view(1, 3, 1, 1), "abs-sum").item()
    5.0
    """
    match reduction:
        case "abs-sum":
            return attributions.abs().sum(dim=1)
        case "max":
            return attributions.abs().amax(dim=1)
        case "signed-sum":
            return attributions.sum(dim=1)
