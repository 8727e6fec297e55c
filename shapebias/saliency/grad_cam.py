"""``grad-cam``: the last layer with a spatial grid, its channels weighted by their mean gradient."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional

from shapebias.errors import ShapebiasError
from shapebias.networks.classifier import Classifier
from shapebias.networks.features import Features
from shapebias.networks.objectives import Objective, objective_values
from shapebias.rng import ImageRandom
from shapebias.saliency.parameters import ExplainedClass, explained_class_param
from shapebias.spelling.params import param

__all__ = ["GradCam"]


@attrs.frozen
class GradCam:
    """Add up the channels of the model's feature layer, each weighted by the mean gradient of the objective there.

    The layer is the one that the model declares: a convolution, or the patch tokens of a transformer.  Its coarse grid
    is enlarged bilinearly to the size of the image.  Negative values, which are evidence against the target, are set to
    zero unless ``relu=false``.

    Raises:
        ShapebiasError: the model declares no feature layer, or ``logit`` where its classes are grouped.

    Source: Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks via gradient-based localization,
    equations 1 and 2.

    >>> layers = torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.Flatten(), torch.nn.Linear(36, 5)
    >>> model = Classifier(torch.nn.Sequential(*layers), features=Features(layers[0]))
    >>> GradCam()(model, torch.rand(2, 3, 8, 8), torch.tensor([3, 1]), None).shape
    torch.Size([2, 8, 8])
    """

    relu: bool = param("keep only evidence for the target", default=True)
    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W) of (N, 3, H, W) images in [0, 1] for (N,) targets."""
        features = model.feature_layer("grad-cam")
        pairs = zip(images.split(model.chunk), targets.split(model.chunk), strict=True)
        return torch.cat([self._maps(model, features, chunk, wanted) for chunk, wanted in pairs])

    def _maps(self, model: Classifier, features: Features, images: Tensor, targets: Tensor) -> Tensor:
        with torch.enable_grad(), _output_as_leaf(features.module) as outputs:
            values = objective_values(model, model(images), targets, self.objective)
            if len(outputs) != 1:
                raise ShapebiasError(
                    f"the feature layer {type(features.module).__name__} ran {len(outputs)} times in one pass of "
                    f"{type(model.module).__name__}; grad-cam needs a layer that runs once"
                )
            (gradient,) = torch.autograd.grad(values.sum(), outputs)
        height, width = model.input_size or images.shape[2:]
        activations, gradient = (_as_grid(features, array, height / width) for array in (outputs[0].detach(), gradient))
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        maps = (weights * activations).sum(dim=1, keepdim=True)
        maps = functional.relu(maps) if self.relu else maps
        return functional.interpolate(maps, images.shape[2:], mode="bilinear", align_corners=False).squeeze(1)


@contextlib.contextmanager
def _output_as_leaf(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the layer's outputs as leaves of the graph, so that nothing below the layer is differentiated."""
    outputs: list[Tensor] = []

    def keep(_layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_())
        return outputs[-1].clone()  # the next layer may work in place, which a leaf does not allow

    hook = layer.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        hook.remove()


def _as_grid(features: Features, output: Tensor, aspect: float) -> Tensor:
    """Reshape the layer's output, or its gradient, to (N, C, H, W)."""
    match features.layout:
        case "NCHW":
            return output
        case "NHWC":
            return output.permute(0, 3, 1, 2)
        case "NLC":
            patches = output[:, features.prefix_tokens :].transpose(1, 2)
            rows = round((patches.shape[2] * aspect) ** 0.5)
            grid: Tensor = patches.unflatten(2, (rows, -1))
            return grid
