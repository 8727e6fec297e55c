"""What insertion and deletion share: the target's probability while pixels change, most important first."""

from __future__ import annotations

import torch
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import objective_values

__all__ = ["probability_curve"]


def probability_curve(
    model: Classifier, start: Tensor, end: Tensor, targets: Tensor, maps: Tensor, steps: int
) -> dict[str, Tensor]:
    """Measure the target's probability while ``start`` becomes ``end``, one pixel at a time, highest in the map first.

    Args:
        model: the classifier; it sees at most ``model.chunk`` images at once.
        start, end: (N, 3, H, W) in [0, 1].
        targets: (N,) class indices.
        maps: (N, H, W); pixels of equal value change in row-major order.
        steps: number of equal steps.

    Returns:
        ``curve``, (N, steps + 1), the softmax probability after each step, and ``auc``, (N,), the area under it over
        the share of changed pixels, by the trapezoidal rule.
    """
    n, pixels = len(maps), maps[0].numel()
    order = maps.flatten(1).argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(pixels, device=maps.device).expand_as(order))
    changed = torch.arange(steps + 1, device=maps.device) * pixels // steps
    # In planes: a CPU mixes them twice as fast as pixels whose three channels are side by side.
    rank, start, end = rank.int().view(n, 1, *maps.shape[1:]), start.contiguous(), end.contiguous()
    probabilities = []
    with torch.no_grad():
        for positions in torch.split(torch.arange(n * (steps + 1), device=maps.device), model.chunk):
            image, step = positions // (steps + 1), positions % (steps + 1)
            ranks, after, before = (each.index_select(0, image) for each in (rank, end, start))
            mixed = torch.where(ranks < changed[step].view(-1, 1, 1, 1), after, before)
            log_probabilities = objective_values(model, model(mixed), targets[image], "log-prob")
            probabilities.append(log_probabilities.exp())
    curve = torch.cat(probabilities).view(n, steps + 1)
    return {"curve": curve, "auc": torch.trapezoid(curve, changed / pixels, dim=1)}
