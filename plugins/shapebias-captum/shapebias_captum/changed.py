"""Methods that change how the gradient passes layers; they work on a copy of the network."""

from __future__ import annotations

from typing import Literal

import attrs
import captum.attr
import torch
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import Tensor, nn

from shapebias.plugin import (
    Attributed,
    Baseline,
    Classifier,
    ImageRandom,
    ModifiedReLUs,
    Objective,
    Reduction,
    ShapebiasError,
    blank,
    param,
    pixel_gradient,
    reduce_channels,
)
from shapebias_captum.asking import BatchEvaluation, in_chunks, quiet, with_own_network
from shapebias_captum.functions import NONLINEAR, WITHOUT_RULE, called_outside_layers

__all__ = ["Deconvolution", "DeepLift", "Lrp"]

# Each output is one input, so that any rule hands all of its relevance to that one; Captum knows none for them.
_SHAPES = nn.Flatten, nn.Unflatten, nn.Identity


@attrs.frozen
class Deconvolution:
    """Go back through a ReLU where the gradient above is positive, whatever its input was.

    The rule of :class:`captum.attr.Deconvolution`, which changes modules of the class ``nn.ReLU`` alone; here ReLUs
    that are called as functions or methods, and ReLU6, are changed too.

    Raises:
        ShapebiasError: the network has no ReLU.

    Source: Zeiler & Fergus 2014, section 2.
    """

    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: Literal["label", "prediction"] | int = param(
        "class that is explained; a number is its index", default="label"
    )
    reduce: Reduction = param("how three channels become one map", default="abs-sum")

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        with ModifiedReLUs("deconvolution") as relus:
            gradient, _ = pixel_gradient(model, images, targets, self.objective)
        relus.require("captum-deconvolution", model.module)
        return reduce_channels(gradient, self.reduce)


@attrs.frozen
class DeepLift:
    """Share the difference of the objective from a baseline's among the pixels, layer by layer (the rescale rule).

    ``extras`` has ``completeness_error``, the sum of the attributions less that difference, and ``difference``.

    Raises:
        ShapebiasError: the network uses an activation twice, or calls one as a function, which Captum's hooks do not
            see; or for most images the error is larger than ``tolerance`` times the difference: the network has layers
            that DeepLift does not know.

    Source: Shrikumar et al. 2017, section 3; :class:`captum.attr.DeepLift`.
    """

    baseline: Baseline = param("image without information: black, the model's mean colour, or a blur", default="zero")
    tolerance: float = param("error of the sum that is accepted, as a share of the difference", default=0.1, ge=0)
    objective: Objective = param("what is shared out, such as the logit of the target", default="log-prob")
    target: Literal["label", "prediction"] | int = param(
        "class that is explained; a number is its index", default="label"
    )
    reduce: Reduction = param("how three channels become one map", default="abs-sum")

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Attributed:
        """Return maps (N, H, W), and how far they are from adding up."""
        unseen = called_outside_layers(model, images, NONLINEAR)
        if unseen:
            raise ShapebiasError(
                f"captum-deep-lift has rules for modules alone, and {type(model.module).__name__} calls "
                f"{', '.join(unseen)} as a function or method; use integrated-gradients, or a network of modules"
            )
        asked = BatchEvaluation(with_own_network(model), self.objective)
        method, baselines = captum.attr.DeepLift(asked), blank(model, images, self.baseline)
        found, difference = [], []
        with torch.enable_grad(), quiet():
            half = max(1, model.chunk // 2)  # an image and its baseline go through the network together
            for some, base, wanted in zip(images.split(half), baselines.split(half), targets.split(half), strict=True):
                pixels = some.detach().requires_grad_()
                try:
                    attributions = method.attribute(pixels, base.contiguous(), additional_forward_args=(wanted,))
                except AssertionError as error:
                    raise ShapebiasError(
                        f"captum-deep-lift: Captum refuses {type(model.module).__name__}, probably because one of its "
                        f"activations is used more than once: {error}; give each use a module of its own, or use "
                        "integrated-gradients"
                    ) from error
                found.append(attributions.detach())
                with torch.no_grad():
                    difference.append(asked(some, wanted) - asked(base, wanted))
        attributions, wanted_sum = torch.cat(found), torch.cat(difference)
        error = attributions.sum(dim=(1, 2, 3)) - wanted_sum
        self._refuse(model, error, wanted_sum)
        extras = {"completeness_error": error, "difference": wanted_sum}
        return Attributed(reduce_channels(attributions, self.reduce), extras)

    def _refuse(self, model: Classifier, error: Tensor, difference: Tensor) -> None:
        share = (error.abs() / difference.abs().clamp(min=1e-6)).nanmedian()
        if share > self.tolerance:
            advice = "use integrated-gradients, or a larger tolerance"
            if self.objective != "logit" and model.has_logits:
                advice = f"try objective=logit, since the softmax is such a step too; or {advice}"
            raise ShapebiasError(
                f"captum-deep-lift: the attributions miss the difference that they share out by {share:.0%} of it "
                f"(median of {len(error)} images), more than tolerance={self.tolerance:g}: "
                f"{type(model.module).__name__} has steps whose parts do not add up under DeepLift's rules, such as "
                f"max-pooling or attention; {advice}"
            )


@attrs.frozen
class Lrp:
    """Hand the objective down as relevance, layer by layer, in the share that each input has in its output.

    Raises:
        ShapebiasError: the network has a layer that Captum has no rule for, or calls a function between its layers that
            would need one, such as the sum of a residual connection.

    Source: Bach et al. 2015, section 2; :class:`captum.attr.LRP` with its default rules (epsilon, identity).
    """

    objective: Objective = param("what is handed down, such as the logit of the target", default="log-prob")
    target: Literal["label", "prediction"] | int = param(
        "class that is explained; a number is its index", default="label"
    )
    reduce: Reduction = param("how three channels become one map", default="signed-sum")

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        unseen = called_outside_layers(model, images, WITHOUT_RULE)
        if unseen:
            raise ShapebiasError(
                f"captum-lrp has rules for modules alone, and {type(model.module).__name__} calls {', '.join(unseen)} "
                "as a function or method, where relevance would get lost; use integrated-gradients"
            )
        own = with_own_network(model)
        method = captum.attr.LRP(BatchEvaluation(own, self.objective))

        def explain(some: Tensor, wanted: Tensor) -> Tensor:
            for module in own.module.modules():  # each time: Captum takes its rules away afterwards
                if isinstance(module, _SHAPES):
                    module.rule = EpsilonRule()
            found: Tensor = method.attribute(some, additional_forward_args=(wanted,))
            return found

        try:
            found = in_chunks(model, images, targets, explain)
        except (TypeError, AssertionError, RuntimeError) as error:
            raise ShapebiasError(
                f"captum-lrp: {type(model.module).__name__} has a layer without a rule: {error}; "
                "use integrated-gradients, which needs no rules"
            ) from error
        return reduce_channels(found, self.reduce)
