"""``spatial``: move the pixels a little instead of changing their values."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.attacks.adversarial_search import AdversarialSearch, Keep, ascending
from shapebias.attacks.criterion import AttackLoss, Criterion, Target
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["Spatial", "total_variation", "warp"]


@attrs.frozen
class Spatial:
    """Fool the model with a smooth flow field: each pixel takes the colour that is a little beside it.

    For each image the goal less ``smoothness`` times the total variation of its flow is raised, from no flow at all, by
    signed steps; after each a displacement that is longer than eps pixels is shortened to eps.  So the ball is one of
    displacements, in pixels, and pixel values may change by any amount.  The steps grow up to the middle, so that an
    image that falls early falls by a flow that is still smooth, and shrink from there, so that the flow comes to rest.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.

    Source: Xiao et al. 2018, Spatially transformed adversarial examples, section 3.2.  They search by L-BFGS, without a
    bound, and with a smoothness of 0.05, which keeps most displacements far below a pixel.

    >>> import torch
    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.rand(2, 3, 8, 8), torch.tensor([3, 1])
    >>> attacked = Spatial(eps=1, steps=3, keep="last")(model, images, labels, None)
    >>> attacked.shape
    torch.Size([2, 3, 8, 8])
    """

    eps: tuple[float, ...] = param(
        "longest displacement, one or several", default=1, ge=0, unit="pixels", converter=ascending
    )
    steps: int = param("number of steps", default=40, ge=1)
    step: float = param("size of the largest step as a fraction of eps", default=1 / 4, gt=0)
    smoothness: float = param("weight of the flow's total variation", default=0.005, ge=0)
    objective: AttackLoss = param(
        "what is raised: cross-entropy, or the best other score above the label's", default="margin"
    )
    target: Target = param(
        "class to reach: least-likely, random, an index, or none to leave the label", default=None, ge=0
    )
    keep: Keep = param(
        "first image that fools, and no work on it after; worst of all steps; or last of every image, as training does",
        default="first",
    )

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in [0, 1]; (E, N, 3, H, W) for several eps."""
        goal = Criterion.of(model, images, labels, rng, target=self.target, objective=self.objective)
        search = AdversarialSearch(goal, images, self.keep)

        def attempt(rows: Tensor, eps: float, restart: int) -> None:
            self._bend(search, rows, eps)

        return search.over(self.eps, attempt)

    def _bend(self, search: AdversarialSearch, rows: Tensor, eps: float) -> None:
        images = search.images[rows]
        flow = images.new_zeros(len(rows), 2, *images.shape[2:])
        for step in range(self.steps):
            bent, uphill, scores = self._uphill(search, rows, images, flow)
            left = search.look(rows, bent, scores)
            if left is not None:
                rows, images, flow, uphill = (each[left] for each in (rows, images, flow, uphill))
                if len(rows) == 0:
                    return
            size = eps * self.step * (1 - abs(1 - 2 * (step + 1) / (self.steps + 1)))
            flow = _shortened(flow + size * uphill.sign(), eps)
        search.end(rows, warp(images, flow))

    @torch.enable_grad()
    def _uphill(
        self, search: AdversarialSearch, rows: Tensor, images: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the images in the flow, the gradient in the flow of what is raised, and the scores."""
        flow = flow.detach().requires_grad_()
        bent = warp(images, flow)
        gradient, scores = search.gradient(rows, bent.detach())
        raised = (bent * gradient).sum() - self.smoothness * total_variation(flow).sum()
        (uphill,) = torch.autograd.grad(raised, flow)
        return bent.detach(), uphill, scores


def _shortened(flow: Tensor, eps: float) -> Tensor:
    length = flow.square().sum(dim=1, keepdim=True).sqrt()
    return flow * (eps / length.clamp_min(torch.finfo(flow.dtype).tiny)).clamp_max(1)


def warp(images: Tensor, flow: Tensor) -> Tensor:
    """Give each pixel the colour at its own place plus its displacement, between pixels by bilinear interpolation.

    Args:
        images: (N, 3, H, W); beyond the border its own colours go on.
        flow: (N, 2, H, W), displacements in pixels: first along the columns (to the right), then along the rows (down).

    >>> image = torch.tensor([0.0, 0.25, 0.5, 1.0]).view(1, 1, 1, 4)
    >>> right = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 1, 4)
    >>> warp(image, right).flatten()
    tensor([0.2500, 0.5000, 1.0000, 1.0000])
    """
    height, width = images.shape[2:]
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[:, 0]
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[:, 1]
    # The outer edges of the corner pixels are at -1 and 1.
    grid = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], dim=-1)
    warped = functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return warped.clamp(0, 1)


def total_variation(flow: Tensor) -> Tensor:
    """Return the sum over all pixels and their four neighbours of the length of the difference of displacements, (N,).

    Xiao et al. 2018, section 3.2, the loss of the flow.

    >>> round(total_variation(torch.tensor([[0.0, 3.0], [0.0, 4.0]]).view(1, 2, 1, 2)).item(), 3)  # there and back
    10.0
    """
    pairs = (flow.diff(dim=2), flow.diff(dim=3))
    # The length has no derivative at 0, where every flow starts.
    return sum((2 * (pair.square().sum(dim=1) + 1e-12).sqrt().sum(dim=(1, 2)) for pair in pairs), flow.new_zeros(()))
