"""Classifiers on the features of a frozen network: k nearest neighbours, and a linear layer."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from shapebias.errors import ShapebiasError

__all__ = ["NearestNeighbours", "fit_linear"]

_NO_VOTE = 1e-6  # the share of a class without a vote, so that its score is finite


class NearestNeighbours(nn.Module):
    """Score classes by the votes of the k nearest training images.

    A neighbour of cosine similarity s votes for its class with the weight ``exp(s / temperature)``.  The score of a
    class is the logarithm of its share of all votes plus one millionth, so that it is finite without votes.

    Source: Wu et al. 2018, Unsupervised feature learning via non-parametric instance discrimination, section 3.4, as in
    Caron et al. 2021, Emerging properties in self-supervised vision transformers, section 4.1.

    Args:
        features: (M, D) of the training images.
        labels: (M,) their classes.
        classes: the number of classes.
        k: neighbours that vote, at most M.
        temperature: the temperature of the weights.

    >>> head = NearestNeighbours(torch.eye(2), torch.tensor([0, 1]), classes=2, k=2)
    >>> head(torch.tensor([[3.0, 0.0]])).argmax(dim=1)
    tensor([0])
    """

    features: Tensor
    labels: Tensor

    def __init__(self, features: Tensor, labels: Tensor, classes: int, k: int = 20, temperature: float = 0.07) -> None:
        super().__init__()
        self.classes, self.k, self.temperature = classes, min(k, len(labels)), temperature
        self.register_buffer("features", functional.normalize(features.float(), dim=1))
        self.register_buffer("labels", labels)

    def get_extra_state(self) -> tuple[int, int, float]:
        """Return the settings, which belong to the state."""
        return self.classes, self.k, self.temperature

    def set_extra_state(self, state: tuple[int, int, float]) -> None:
        """Restore the settings."""
        self.classes, self.k, self.temperature = state

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, C) scores of (N, D) features."""
        similarities, nearest = (functional.normalize(features, dim=1) @ self.features.T).topk(self.k, dim=1)
        shares = (similarities / self.temperature).softmax(dim=1)
        votes = shares.new_zeros(len(features), self.classes).scatter_add(1, self.labels[nearest], shares)
        return (votes + _NO_VOTE).log()


def fit_linear(features: Tensor, labels: Tensor, classes: int, penalty: float = 1.0, steps: int = 1000) -> nn.Linear:
    """Fit multinomial logistic regression with SciPy's L-BFGS.

    The weights minimise the sum of the cross-entropies plus ``penalty / 2`` times the sum of their squares, without a
    penalty on the bias.

    Source: the linear evaluation of Radford et al. 2021, Learning transferable visual models from natural language
    supervision, section A.3.

    Args:
        features: (M, D) of the training images.
        labels: (M,) their classes.
        classes: the number of classes.
        penalty: the weight of the L2 penalty; the inverse of scikit-learn's ``C``.
        steps: the most steps of the solver.

    Raises:
        ShapebiasError: the solver did not converge.
    """
    from scipy.optimize import minimize

    inputs = functional.pad(features.double().cpu(), (0, 1), value=1.0)  # the last column is the bias
    targets = labels.cpu()

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = torch.from_numpy(flat).view(classes, -1).requires_grad_()
        value = functional.cross_entropy(inputs @ weights.T, targets, reduction="sum")
        value = value + penalty / 2 * weights[:, :-1].square().sum()
        (gradient,) = torch.autograd.grad(value, weights)
        return value.item(), gradient.flatten().numpy()

    start = np.zeros(classes * inputs.shape[1])
    with torch.enable_grad():
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps, "maxfun": 2 * steps})
    if not found.success:
        raise ShapebiasError(
            f"the linear probe did not converge in {steps} steps: {found.message}; give a larger penalty, or method=knn"
        )
    solved = torch.from_numpy(found.x).view(classes, -1).float()
    head = nn.Linear(solved.shape[1] - 1, classes)
    with torch.no_grad():
        head.weight.copy_(solved[:, :-1])
        head.bias.copy_(solved[:, -1])
    return head
