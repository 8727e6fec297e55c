"""Output ranks: the rank of each class of the data set among all outputs of the model."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.rng import ImageRandom

__all__ = ["OutputRanks", "merged_ranks"]


@attrs.frozen
class OutputRanks:
    """Rank each class of the data set among all outputs of the model, including those of no class in the data set.

    The outputs of one class, such as three kinds of clocks, count as one output with the largest of their logits.

    Kim et al. 2026, "On the reliability of cue conflict and beyond" (REFINED-BIAS), rank in the full label space.

    >>> colours = Classifier(torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    >>> images = torch.tensor([0.2, 0.9, 0.4]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    >>> OutputRanks()(colours, images, torch.tensor([0]), None, None)["rank"]
    tensor([[3, 1, 2]], dtype=torch.int32)
    """

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: None,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``rank``, (N, C) int32, 1 for the best, and ``outputs``, (N,) int32, the number of ranked outputs."""
        with torch.no_grad():
            logits = torch.cat([model.logits(some).float() for some in images.split(model.chunk)])
        groups = None if model.mapping is None else model.mapping.groups
        rank, outputs = merged_ranks(logits, groups or tuple((output,) for output in range(logits.shape[1])))
        return {"rank": rank, "outputs": torch.full_like(rank[:, 0], outputs)}


def merged_ranks(logits: Tensor, groups: tuple[tuple[int, ...], ...]) -> tuple[Tensor, int]:
    """Rank groups of outputs among each other and the outputs in no group.

    Args:
        logits: (N, outputs).
        groups: the outputs of each class; its logit is the largest of theirs.

    Returns:
        (N, groups) ranks, 1 for the best, equal logits in the order of their first outputs; and the number ranked.

    >>> merged_ranks(torch.tensor([[0.1, 0.9, 0.3, 0.8]]), ((2,), (1, 3)))
    (tensor([[2, 1]], dtype=torch.int32), 3)
    """
    grouped = {output for members in groups for output in members}
    every = [*groups, *((output,) for output in range(logits.shape[1]) if output not in grouped)]
    scores = torch.stack([logits[:, list(members)].amax(dim=1) for members in every], dim=1)
    by_first_output = sorted(range(len(every)), key=lambda one: min(every[one]))
    order = scores[:, by_first_output].argsort(dim=1, descending=True, stable=True)
    position = torch.empty_like(by := torch.tensor(by_first_output, device=logits.device))
    position[by] = torch.arange(len(every), device=logits.device)
    rank = order.argsort(dim=1)[:, position[: len(groups)]] + 1
    return rank.int(), len(every)
