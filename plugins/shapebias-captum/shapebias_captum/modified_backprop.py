"""Methods that change how gradients pass through layers."""

from __future__ import annotations

import attrs
import captum.attr
import torch
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import Tensor, nn

from shapebias.plugin import (
    Attributed,
    Baseline,
    Classifier,
    ExplainedClass,
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
from shapebias_captum.adapter import ScoreModule, in_chunks, with_copied_network, without_captum_warnings
from shapebias_captum.functions import NONLINEAR, WITHOUT_RULE, called_outside_layers

__all__ = ["Deconvolution", "DeepLift", "Lrp"]

# Each output is one input, so any rule passes all of its relevance to that input; Captum has no rule for these layers.
_SHAPES = nn.Flatten, nn.Unflatten, nn.Identity


@attrs.frozen
class Deconvolution:
    """Pass a gradient back through a ReLU where the gradient is positive, whatever the input was.

    The rule of :class:`captum.attr.Deconvolution`, which changes only modules of the class ``nn.ReLU``.  This method
    also changes ReLU6, and ReLUs that are called as functions or methods.

    Raises:
        ShapebiasError: the network has no ReLU.

    Source: Zeiler & Fergus 2014, section 2.
    """

    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        with ModifiedReLUs("deconvolution") as relus:
            gradient, _ = pixel_gradient(model, images, targets, self.objective)
        relus.require("captum-deconvolution", model.module)
        return reduce_channels(gradient, self.reduce)


@attrs.frozen
class DeepLift:
    """Attribute the difference of the objective from that of a baseline to the pixels, layer by layer (rescale rule).

    ``extras`` has ``completeness_error``, the sum of the attributions minus that difference, and ``difference``.

    Raises:
        ShapebiasError: the network uses an activation twice, or calls one as a function, which Captum's hooks do not
            see; or for most images the error is larger than ``tolerance`` times the difference, because the network
            has layers for which DeepLift has no rule.

    Source: Shrikumar et al. 2017, section 3; :class:`captum.attr.DeepLift`.
    """

    baseline: Baseline = param("image without information: black, the model's mean colour, or a blur", default="zero")
    tolerance: float = param("accepted error of the sum, as a share of the difference", default=0.1, ge=0)
    objective: Objective = param("what is attributed, such as the logit of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Attributed:
        """Return maps (N, H, W), and the error of their sums."""
        unseen = called_outside_layers(model, images, NONLINEAR)
        if unseen:
            raise ShapebiasError(
                f"captum-deep-lift has rules only for modules, and {type(model.module).__name__} calls "
                f"{', '.join(unseen)} as a function or method; use integrated-gradients, or a network of modules"
            )
        score = ScoreModule(with_copied_network(model), self.objective)
        method, baselines = captum.attr.DeepLift(score), blank(model, images, self.baseline)
        found, difference = [], []
        with torch.enable_grad(), without_captum_warnings():
            half = max(1, model.chunk // 2)  # an image and its baseline go through the network together
            for some, base, wanted in zip(images.split(half), baselines.split(half), targets.split(half), strict=True):
                pixels = some.detach().requires_grad_()
                try:
                    attributions = method.attribute(pixels, base.contiguous(), additional_forward_args=(wanted,))
                except torch.OutOfMemoryError:
                    raise
                except (AssertionError, RuntimeError) as error:
                    raise ShapebiasError(
                        f"captum-deep-lift: Captum refuses {type(model.module).__name__}, probably because one of its "
                        f"activations is used more than once: {error}; give each use a separate module, or use "
                        "integrated-gradients"
                    ) from error
                found.append(attributions.detach())
                with torch.no_grad():
                    difference.append(score(some, wanted) - score(base, wanted))
        attributions, wanted_sum = torch.cat(found), torch.cat(difference)
        completeness_error = attributions.sum(dim=(1, 2, 3)) - wanted_sum
        self._refuse(model, completeness_error, wanted_sum)
        extras = {"completeness_error": completeness_error, "difference": wanted_sum}
        return Attributed(reduce_channels(attributions, self.reduce), extras)

    def _refuse(self, model: Classifier, error: Tensor, difference: Tensor) -> None:
        share = (error.abs() / difference.abs().clamp(min=1e-6)).nanmedian()
        if share > self.tolerance:
            advice = "use integrated-gradients, or a larger tolerance"
            if self.objective != "logit" and model.has_logits:
                advice = f"try objective=logit, since the softmax is another such layer; or {advice}"
            raise ShapebiasError(
                f"captum-deep-lift: the sum of the attributions differs from the expected difference by {share:.0%} "
                f"(median of {len(error)} images), more than tolerance={self.tolerance:g}: "
                f"{type(model.module).__name__} has layers for which DeepLift's rules are not exact, such as "
                f"max-pooling or attention; {advice}"
            )


@attrs.frozen
class Lrp:
    """Propagate the objective back as relevance, layer by layer, by the share of each input in an output.

    Raises:
        ShapebiasError: the network has a layer that Captum has no rule for, or calls a function between its layers that
            would need one, such as the sum of a residual connection.

    Source: Bach et al. 2015, section 2; :class:`captum.attr.LRP` with its default rules (epsilon, identity).
    """

    objective: Objective = param("what is propagated, such as the logit of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param("signed-sum")

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        unseen = called_outside_layers(model, images, WITHOUT_RULE)
        if unseen:
            raise ShapebiasError(
                f"captum-lrp has rules only for modules, and {type(model.module).__name__} calls {', '.join(unseen)} "
                "as a function or method, where relevance would be lost; use integrated-gradients"
            )
        own = with_copied_network(model)
        method = captum.attr.LRP(ScoreModule(own, self.objective))

        def explain(some: Tensor, wanted: Tensor) -> Tensor:
            for module in own.module.modules():  # each time, because Captum removes its rules afterwards
                if isinstance(module, _SHAPES):
                    module.rule = EpsilonRule()
            found: Tensor = method.attribute(some, additional_forward_args=(wanted,))
            return found

        try:
            found = in_chunks(model, images, targets, explain)
        except torch.OutOfMemoryError:
            raise
        except (TypeError, AssertionError, RuntimeError) as error:
            raise ShapebiasError(
                f"captum-lrp: {type(model.module).__name__} has a layer without a rule: {error}; "
                "use integrated-gradients, which needs no rules"
            ) from error
        return reduce_channels(found, self.reduce)
