"""Attributions of the feature layer that the model declares, on its coarse grid, made as large as the image."""

from __future__ import annotations

from typing import Literal

import attrs
import captum.attr
from torch import Tensor
from torch.nn import functional

from shapebias.plugin import (
    Baseline,
    Classifier,
    Features,
    ImageRandom,
    ModifiedReLUs,
    Objective,
    Reduction,
    ShapebiasError,
    blank,
    param,
    pixel_gradient,
)
from shapebias.plugin import reduce_channels as reduced
from shapebias_captum.asking import BatchEvaluation, in_chunks, with_own_network

__all__ = ["GuidedGradCam", "InternalInfluence", "LayerConductance", "LayerGradientXActivation"]


def features_of(model: Classifier, name: str) -> Features:
    """Return the feature layer.

    Raises:
        ShapebiasError: the model declares none.
    """
    if model.features is None:
        raise ShapebiasError(
            f"{name} reads a feature layer, and {type(model.module).__name__} declares none; "
            "wrap the network: Classifier(network, features=Features(layer))"
        )
    return model.features


def to_maps(features: Features, attributions: Tensor, images: Tensor) -> Tensor:
    """Sum over channels, and enlarge to (N, H, W), bilinearly; tokens go back into their grid."""
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
    """The gradient in the layer's output times that output.

    Source: :class:`captum.attr.LayerGradientXActivation`.
    """

    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: Literal["label", "prediction"] | int = param(
        "class that is explained; a number is its index", default="label"
    )

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        model = with_own_network_and_features(model, "captum-layer-gradient-x-activation")
        features = features_of(model, "captum-layer-gradient-x-activation")
        method = captum.attr.LayerGradientXActivation(BatchEvaluation(model, self.objective), features.module)
        return in_chunks(
            model,
            images,
            targets,
            lambda some, wanted: to_maps(features, method.attribute(some, additional_forward_args=(wanted,)), some),
        )


def with_own_network_and_features(model: Classifier, name: str) -> Classifier:
    """Copy the network and find its feature layer again in the copy, by name.

    Captum's hooks need a layer whose output nothing overwrites, and that they may leave a mark on.
    """
    features = features_of(model, name)
    path = next((path for path, module in model.module.named_modules() if module is features.module), None)
    if path is None:
        raise ShapebiasError(f"{name}: the declared feature layer is no part of {type(model.module).__name__}")
    own = with_own_network(model)
    return attrs.evolve(own, features=attrs.evolve(features, module=own.module.get_submodule(path)))


def along_the_way(
    name: str,
    method: type[captum.attr.LayerConductance | captum.attr.InternalInfluence],
    settings: LayerConductance | InternalInfluence,
    model: Classifier,
    images: Tensor,
    targets: Tensor,
) -> Tensor:
    """Attribute the feature layer on the line from a baseline to each image."""
    own = with_own_network_and_features(model, name)
    features = features_of(own, name)
    attribution = method(BatchEvaluation(own, settings.objective), features.module)

    def explain(some: Tensor, wanted: Tensor) -> Tensor:
        found = attribution.attribute(
            some,
            blank(model, some, settings.baseline).detach().contiguous(),
            additional_forward_args=(wanted,),
            n_steps=settings.steps,
            internal_batch_size=model.chunk,
        )
        return to_maps(features, found, some)

    # An image at a time: its steps alone may fill a chunk, and Captum takes no fewer than two of them.
    return in_chunks(attrs.evolve(model, chunk=1), images, targets, explain)


@attrs.frozen
class LayerConductance:
    """What flows from a baseline to the image through each place of the layer: integrated gradients of a layer.

    Source: Dhamdhere et al. 2018, equation 2; :class:`captum.attr.LayerConductance`.
    """

    steps: int = param("points of the line where the gradient is taken", default=30, ge=2)
    baseline: Baseline = param("image without information: black, the model's mean colour, or a blur", default="zero")
    objective: Objective = param("what is shared out, such as the log-probability of the target", default="log-prob")
    target: Literal["label", "prediction"] | int = param(
        "class that is explained; a number is its index", default="label"
    )

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        return along_the_way(
            "captum-layer-conductance",
            captum.attr.LayerConductance,
            self,
            model,
            images,
            targets,
        )


@attrs.frozen
class InternalInfluence:
    """Mean gradient in the layer's output on the way from a baseline to the image.

    Source: Leino et al. 2018, definition 1; :class:`captum.attr.InternalInfluence`.
    """

    steps: int = param("points of the line where the gradient is taken", default=30, ge=2)
    baseline: Baseline = param("image without information: black, the model's mean colour, or a blur", default="zero")
    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: Literal["label", "prediction"] | int = param(
        "class that is explained; a number is its index", default="label"
    )

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        return along_the_way(
            "captum-internal-influence",
            captum.attr.InternalInfluence,
            self,
            model,
            images,
            targets,
        )


@attrs.frozen
class GuidedGradCam:
    """Guided backpropagation times Grad-CAM: the detail of one, the class of the other.

    Only feature layers that are convolutional (``NCHW``).

    Raises:
        ShapebiasError: the feature layer has tokens, or channels last, or the network has no ReLU.

    Source: Selvaraju et al. 2017, section 3.2; the product of :class:`captum.attr.GuidedGradCam`, where ReLUs that are
    called as functions count too.
    """

    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: Literal["label", "prediction"] | int = param(
        "class that is explained; a number is its index", default="label"
    )
    reduce: Reduction = param("how three channels become one map", default="abs-sum")

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        own = with_own_network_and_features(model, "captum-guided-grad-cam")
        features = features_of(own, "captum-guided-grad-cam")
        if features.layout != "NCHW":
            raise ShapebiasError(
                f"captum-guided-grad-cam needs a convolutional feature layer (NCHW), this one is {features.layout}; "
                "use grad-cam"
            )
        method = captum.attr.LayerGradCam(BatchEvaluation(own, self.objective), features.module)

        def explain(some: Tensor, wanted: Tensor) -> Tensor:
            coarse = method.attribute(some, additional_forward_args=(wanted,), relu_attributions=True)
            return functional.interpolate(coarse, some.shape[2:], mode="bilinear", align_corners=False)

        with ModifiedReLUs("guided") as relus:
            gradient, _ = pixel_gradient(model, images, targets, self.objective)
        relus.require("captum-guided-grad-cam", model.module)
        return reduced(gradient * in_chunks(model, images, targets, explain), self.reduce)
