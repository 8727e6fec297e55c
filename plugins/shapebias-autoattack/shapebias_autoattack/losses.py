"""Losses that attacks maximise, other than the cross-entropy: functions of scores and each image's label or target."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["difference", "dlr", "most_likely_others", "paired", "targeted_dlr"]

_NO_GAP = 1e-12  # where all scores are equal


def dlr(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the difference-of-logits ratio: the highest other score minus the label's, over first minus third score.

    It does not depend on shift or scale of the scores, so it has a gradient where the softmax saturates.

    Source: Croce & Hein 2020, equation 6.

    Args:
        scores: (N, C) of at least three classes.
        labels: (N,).

    >>> dlr(torch.tensor([[4.0, 1.0, 0.0, -9.0]]), torch.tensor([0]))
    tensor([-0.7500])
    """
    best, _, third = scores.topk(3, dim=1).values.unbind(1)
    own, other = scores.gather(1, labels[:, None])[:, 0], scores.scatter(1, labels[:, None], -torch.inf).amax(dim=1)
    return (other - own) / (best - third).clamp_min(_NO_GAP)


def targeted_dlr(scores: Tensor, pairs: Tensor) -> Tensor:
    """Return the target's score minus the label's, over the first score minus the mean of the third and the fourth.

    Source: Croce & Hein 2020, equation 7.

    Args:
        scores: (N, C) of at least four classes.
        pairs: (N, 2), label and target.

    >>> targeted_dlr(torch.tensor([[4.0, 1.0, 0.0, -2.0]]), torch.tensor([[0, 2]]))
    tensor([-0.8000])
    """
    best, _, third, fourth = scores.topk(4, dim=1).values.unbind(1)
    return difference(scores, pairs) / (best - (third + fourth) / 2).clamp_min(_NO_GAP)


def difference(scores: Tensor, pairs: Tensor) -> Tensor:
    """Return the target's score minus the label's, (N,), for (N, 2) pairs of label and target."""
    own, wanted = scores.gather(1, pairs).unbind(1)
    return wanted - own


def most_likely_others(scores: Tensor, labels: Tensor, count: int) -> Tensor:
    """Return the classes with the highest scores except the label, best first: (N, count), or all if there are fewer.

    >>> most_likely_others(torch.tensor([[0.1, 0.9, 0.5, 0.4]]), torch.tensor([1]), count=2)
    tensor([[2, 3]])
    """
    others = scores.scatter(1, labels[:, None], -torch.inf)
    return others.argsort(dim=1, descending=True, stable=True)[:, : min(count, scores.shape[1] - 1)]


def paired(labels: Tensor, targets: Tensor) -> list[Tensor]:
    """Pair the labels (N,) with each column of the targets (N, K): K tensors (N, 2)."""
    return [torch.stack([labels, target], dim=1) for target in targets.unbind(1)]
