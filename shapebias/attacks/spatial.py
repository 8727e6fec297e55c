"""``spatial``: small displacements of pixels instead of changes of their values."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.attacks.adversarial_search import ActiveBatch, AdversarialSearch, Keep
from shapebias.attacks.criterion import AttackObjective, Criterion
from shapebias.attacks.parameters import Target, eps_param, keep_param, step_size_param, steps_param, target_param
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["Spatial", "total_variation", "warp"]


@attrs.frozen
class Spatial:
    """Fool the model with a smooth flow field: each pixel takes the colour of a point close to it.

    Signed gradient steps, starting from zero flow, maximise the loss minus ``smoothness`` times the total variation of
    the flow; after each step displacements longer than eps pixels are shortened to eps.  So eps bounds displacements,
    in pixels, and pixel values may change by any amount.  The steps grow up to the middle, so that an attack that
    succeeds early does so with a smooth flow, and shrink from there, so that the flow converges.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.

    Source: Xiao et al. 2018, Spatially transformed adversarial examples, section 3.2.  They use L-BFGS, no
    bound, and a smoothness of 0.05, which keeps most displacements far below a pixel.

    >>> import torch
    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.rand(2, 3, 8, 8), torch.tensor([3, 1])
    >>> attacked = Spatial(eps=1, steps=3, keep="last")(model, images, labels, None)
    >>> attacked.shape
    torch.Size([2, 3, 8, 8])
    """

    eps: tuple[float, ...] = eps_param("longest displacement, one or several", default=1, unit="pixels")
    steps: int = steps_param(default=40)
    step_size: float = step_size_param("length of the largest step as a fraction of eps", default=1 / 4)
    smoothness: float = param("weight of the flow's total variation", default=0.005, ge=0)
    objective: AttackObjective = param(
        "loss to maximise: cross-entropy, or the margin of the highest other score over the label's", default="margin"
    )
    target: Target = target_param()
    keep: Keep = keep_param()

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in [0, 1]; (E, N, 3, H, W) for several eps."""
        criterion = Criterion.of(model, images, labels, rng, target=self.target, objective=self.objective)
        return AdversarialSearch(criterion, images, rng, self.keep).run(self._ascend, self.eps)

    def _ascend(self, batch: ActiveBatch, eps: float) -> None:
        flow = batch.images.new_zeros(len(batch), 2, *batch.images.shape[2:])
        for step_index in batch.steps(self.steps):
            flow, gradient = self._gradient(batch, flow)
            size = eps * self.step_size * (1 - abs(1 - 2 * (step_index + 1) / (self.steps + 1)))
            flow = _shortened(flow + size * gradient.sign(), eps)
        batch.adversarial = warp(batch.images, flow)

    @torch.enable_grad()
    def _gradient(self, batch: ActiveBatch, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flow of the remaining images, and the gradient of the loss minus the smoothness term for it."""
        flow = flow.detach().requires_grad_()
        warped = warp(batch.images, flow)
        batch.adversarial = warped.detach()
        pixel_gradient = batch.gradient()
        (warped,) = batch.remaining(warped)
        objective = (warped * pixel_gradient).sum() - self.smoothness * total_variation(flow).sum()
        (gradient,) = torch.autograd.grad(objective, flow)
        flow, gradient = batch.remaining(flow.detach(), gradient)
        return flow, gradient


def _shortened(flow: Tensor, eps: float) -> Tensor:
    length = flow.square().sum(dim=1, keepdim=True).sqrt()
    return flow * (eps / length.clamp_min(torch.finfo(flow.dtype).tiny)).clamp_max(1)


def warp(images: Tensor, flow: Tensor) -> Tensor:
    """Give each pixel the colour found at its position plus its displacement, interpolated bilinearly.

    Args:
        images: (N, 3, H, W); outside an image the colours of its border are repeated.
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
    """Sum how far the displacement of each pixel differs from those of its four neighbours, (N,).

    Xiao et al. 2018, section 3.2, the loss of the flow.

    >>> round(total_variation(torch.tensor([[0.0, 3.0], [0.0, 4.0]]).view(1, 2, 1, 2)).item(), 3)  # there and back
    10.0
    """
    pairs = (flow.diff(dim=2), flow.diff(dim=3))
    # The length has no derivative at 0, where every flow starts.
    return sum((2 * (pair.square().sum(dim=1) + 1e-12).sqrt().sum(dim=(1, 2)) for pair in pairs), flow.new_zeros(()))
