"""Randomization: whether the map changes when the weights are randomised layer by layer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import attrs
import torch
from torch import Tensor, nn

from shapebias.networks.classifier import Classifier
from shapebias.rng import ImageRandom
from shapebias.runtime.device import on_float64_device
from shapebias.spelling.params import param

__all__ = ["Randomization"]


@attrs.frozen
class Randomization:
    """Randomise the network from its outputs to its inputs, and compare each map with that of the intact network.

    A map that does not change shows the image instead of the model.  Adebayo et al. 2018, "Sanity checks for saliency
    maps", section 3.1, cascading randomisation.  The values of each parameter are shuffled, so that a layer keeps its
    scale and loses what it has learned.

    Args:
        stages: number of steps in which the layers with parameters are randomised, those nearest to the outputs first.
        seed: the seed of the shuffles, which are the same for all images.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
    >>> images, targets = torch.rand(2, 3, 8, 8), torch.tensor([0, 1])
    >>> from shapebias.saliency.gradient import Gradient
    >>> explain = lambda model: Gradient()(model, images, targets, None)
    >>> model = Classifier(network)
    >>> Randomization(stages=2)(model, images, targets, explain(model), None, explain=explain)["spearman"].shape
    torch.Size([2, 2])
    """

    stages: int = param("steps from the outputs to the inputs", default=4, ge=1)
    seed: int = param("seed of the shuffles", default=0, ge=0, lt=2**63)

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
        *,
        explain: Callable[[Classifier], Tensor],
    ) -> dict[str, Tensor]:
        """Return ``spearman``, (N, stages): rank correlations of each map's magnitudes with the intact network's."""
        # Together, so that the copied features are a layer of the copied network.
        module, features = copy.deepcopy((model.module, model.features))
        forgetting = attrs.evolve(model, module=module, features=features)
        similar = []
        for layers in _stages(module, self.stages):
            for number, layer in layers:
                _shuffle(layer, self.seed + number)
            similar.append(_rank_correlation(maps, explain(forgetting)))
        return {"spearman": torch.stack(similar, dim=1)}


def _stages(module: nn.Module, count: int) -> Iterator[Sequence[tuple[int, nn.Module]]]:
    """Divide the layers that have parameters, from the outputs to the inputs, among the stages."""
    layers = [layer for layer in module.modules() if any(True for _ in layer.parameters(recurse=False))]
    numbered = list(enumerate(layers))[::-1]
    for stage in range(count):
        yield numbered[stage * len(numbered) // count : (stage + 1) * len(numbered) // count]


def _shuffle(layer: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in layer.parameters(recurse=False):
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))


def _rank_correlation(maps: Tensor, others: Tensor) -> Tensor:
    """Return Spearman's rank correlation of the magnitudes of two maps, (N,); 0 where one is constant."""
    first, second = (_ranks(on_float64_device(each.abs().flatten(1))) for each in (maps, others))
    norms = torch.linalg.vector_norm(first, dim=1) * torch.linalg.vector_norm(second, dim=1)
    correlation: Tensor = (first * second).sum(dim=1) / norms.clamp(min=1e-12)
    return correlation.float().to(maps.device)


def _ranks(values: Tensor) -> Tensor:
    """Return the ranks of each row minus their mean, (N, P); equal values share the mean of their ranks."""
    ranks = []
    for row in values:
        _, position, counts = torch.unique(row, return_inverse=True, return_counts=True)
        last = counts.cumsum(0).double()
        ranks.append((last - (counts - 1) / 2)[position])
    stacked = torch.stack(ranks)
    return stacked - stacked.mean(dim=1, keepdim=True)
