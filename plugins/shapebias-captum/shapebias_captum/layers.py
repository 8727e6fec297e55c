"""Attributions of the model's feature layer, enlarged from its coarse grid to the size of the image."""

from __future__ import annotations

import attrs
import captum.attr
from torch import Tensor
from torch.nn import functional

from shapebias.plugin import (
    Baseline,
    Classifier,
    ExplainedClass,
    Features,
    ImageRandom,
    ModifiedReLUs,
    Objective,
    Reduction,
    ShapebiasError,
    blank,
    explained_class_param,
    param,
    pixel_gradient,
    reduce_channels,
    reduce_param,
)
from shapebias_captum.adapter import ScoreModule, in_chunks, with_copied_network

__all__ = ["GuidedGradCam", "InternalInfluence", "LayerConductance", "LayerGradientXActivation"]


def to_maps(features: Features, attributions: Tensor, images: Tensor) -> Tensor:
    """Sum over channels and enlarge bilinearly to (N, H, W); tokens are arranged in their grid first."""
    height, width = images.shape[2:]
    match features.layout:
        case "NCHW":
            grid = attributions.sum(dim=1)
        case "NHWC":
            grid = attributions.sum(dim=3)
        case "NLC":
            patches = attributions[:, features.prefix_tokens :].sum(dim=2)
            grid = patches.unflatten(1, (round((patches.shape[1] * height / width) ** 0.5), -1))
    return functional.interpolate(grid[:, None], (height, width), mode="bilinear", align_corners=False).squeeze(1)


@attrs.frozen
class LayerGradientXActivation:
    """The gradient with respect to the layer's output, times that output.

    Source: :class:`captum.attr.LayerGradientXActivation`.
    """

    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        model = with_copied_features(model, "captum-layer-gradient-x-activation")
        features = model.feature_layer("captum-layer-gradient-x-activation")
        method = captum.attr.LayerGradientXActivation(ScoreModule(model, self.objective), features.module)
        return in_chunks(
            model,
            images,
            targets,
            lambda some, wanted: to_maps(features, method.attribute(some, additional_forward_args=(wanted,)), some),
        )


def with_copied_features(model: Classifier, name: str) -> Classifier:
    """Copy the network, with the feature layer of the copy.

    Captum's hooks leave attributes on a layer, and require that its output is not overwritten in place.
    """
    features = model.feature_layer(name)
    path = next((path for path, module in model.module.named_modules() if module is features.module), None)
    if path is None:
        raise ShapebiasError(f"{name}: the declared feature layer is not part of {type(model.module).__name__}")
    own = with_copied_network(model)
    return attrs.evolve(own, features=attrs.evolve(features, module=own.module.get_submodule(path)))


def attribute_along_line(
    name: str,
    method: type[captum.attr.LayerConductance | captum.attr.InternalInfluence],
    settings: LayerConductance | InternalInfluence,
    model: Classifier,
    images: Tensor,
    targets: Tensor,
) -> Tensor:
    """Attribute the feature layer on the line from a baseline to each image."""
    own = with_copied_features(model, name)
    features = own.feature_layer(name)
    attribution = method(ScoreModule(own, settings.objective), features.module)

    def explain(some: Tensor, wanted: Tensor) -> Tensor:
        found = attribution.attribute(
            some,
            blank(model, some, settings.baseline).detach().contiguous(),
            additional_forward_args=(wanted,),
            n_steps=settings.steps,
            internal_batch_size=model.chunk,
        )
        return to_maps(features, found, some)

    # One image at a time: its steps alone may fill a chunk, and Captum needs at least two of them in one pass.
    return in_chunks(attrs.evolve(model, chunk=1), images, targets, explain)


@attrs.frozen
class LayerConductance:
    """Integrated gradients, from a baseline to the image, through each position of the layer.

    Source: Dhamdhere et al. 2018, equation 2; :class:`captum.attr.LayerConductance`.
    """

    steps: int = param("points on the line at which the gradient is computed", default=30, ge=2)
    baseline: Baseline = param("image without information: black, the model's mean colour, or a blur", default="zero")
    objective: Objective = param("what is attributed, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        return attribute_along_line(
            "captum-layer-conductance",
            captum.attr.LayerConductance,
            self,
            model,
            images,
            targets,
        )


@attrs.frozen
class InternalInfluence:
    """Mean gradient with respect to the layer's output, on the line from a baseline to the image.

    Source: Leino et al. 2018, definition 1; :class:`captum.attr.InternalInfluence`.
    """

    steps: int = param("points on the line at which the gradient is computed", default=30, ge=2)
    baseline: Baseline = param("image without information: black, the model's mean colour, or a blur", default="zero")
    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        return attribute_along_line(
            "captum-internal-influence",
            captum.attr.InternalInfluence,
            self,
            model,
            images,
            targets,
        )


@attrs.frozen
class GuidedGradCam:
    """Guided backpropagation times Grad-CAM.

    The feature layer must be convolutional (``NCHW``).

    Raises:
        ShapebiasError: the feature layer is not NCHW, or the network has no ReLU.

    Source: Selvaraju et al. 2017, section 3.2; the product of :class:`captum.attr.GuidedGradCam`, but with ReLUs
    that are called as functions changed too.
    """

    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        own = with_copied_features(model, "captum-guided-grad-cam")
        features = own.feature_layer("captum-guided-grad-cam")
        if features.layout != "NCHW":
            raise ShapebiasError(
                f"captum-guided-grad-cam needs a convolutional feature layer (NCHW), this one is {features.layout}; "
                "use grad-cam"
            )
        method = captum.attr.LayerGradCam(ScoreModule(own, self.objective), features.module)

        def explain(some: Tensor, wanted: Tensor) -> Tensor:
            coarse = method.attribute(some, additional_forward_args=(wanted,), relu_attributions=True)
            return functional.interpolate(coarse, some.shape[2:], mode="bilinear", align_corners=False)

        with ModifiedReLUs("guided") as relus:
            gradient, _ = pixel_gradient(model, images, targets, self.objective)
        relus.require("captum-guided-grad-cam", model.module)
        return reduce_channels(gradient * in_chunks(model, images, targets, explain), self.reduce)
