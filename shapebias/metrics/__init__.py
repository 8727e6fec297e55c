"""The built-in metrics: only hook implementations here, one algorithm a file beside it."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.hookspecs import hookimpl
from shapebias.specs import MetricSpec

__all__ = ["shapebias_metrics"]


@hookimpl
def shapebias_metrics() -> Iterator[MetricSpec]:
    """Yield the metrics; docs/metrics.md defines each."""
    yield MetricSpec(
        "accuracy",
        "shapebias.metrics.accuracy:Accuracy",
        summary="correct / n, top-1 and top-5, with Wilson's interval",
        references="Wilson 1927, Probable inference, the law of succession, and statistical inference",
    )
    yield MetricSpec(
        "conditional-accuracy",
        "shapebias.metrics.conditional_accuracy:ConditionalAccuracy",
        summary="correct under the condition, among the images that are correct when clean",
        references="Zhang & Zhu 2019, Interpreting adversarially trained convolutional neural networks, section 4",
    )
    yield MetricSpec(
        "robust-accuracy",
        "shapebias.metrics.robust_accuracy:RobustAccuracy",
        summary="correct under attack, a curve over eps that never increases",
        references="Carlini et al. 2019, On evaluating adversarial robustness",
    )
    yield MetricSpec(
        "shape-bias",
        "shapebias.metrics.shape_bias:ShapeBias",
        summary="shape hits / (shape hits + texture hits) on images with cue conflict",
        references="Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 3",
    )
    yield MetricSpec(
        "error-consistency",
        "shapebias.metrics.error_consistency:ErrorConsistency",
        summary="Cohen's kappa of right and wrong between each pair of models",
        references="Geirhos, Meding & Wichmann 2020, Beyond accuracy, section 2",
    )
    yield MetricSpec(
        "faithfulness",
        "shapebias.metrics.faithfulness:Faithfulness",
        summary="mean area under the insertion and deletion curves of saliency maps",
        references="Petsiuk, Das & Saenko 2018, RISE, section 4",
    )
    yield MetricSpec(
        "completeness",
        "shapebias.metrics.completeness:Completeness",
        summary="how far attributions are from adding up to what they share out",
        references="Sundararajan et al. 2017, Axiomatic attribution for deep networks, proposition 1",
    )
    yield MetricSpec(
        "paired-difference",
        "shapebias.metrics.paired_difference:PairedDifference",
        summary="accuracy and shape bias of each model minus those of one, on the same images",
        references=(
            "Newcombe 1998, Improved confidence intervals for the difference between binomial proportions",
            "McNemar 1947, Note on the sampling error of the difference between correlated proportions",
        ),
    )
    yield MetricSpec(
        "saliency-share",
        "shapebias.metrics.saliency_share:SaliencyShare",
        summary="share of a map on the object's contour, inside the object and in the background",
        references="Wang et al. 2020, Score-CAM, energy-based pointing game",
    )
    yield MetricSpec(
        "headline",
        "shapebias.metrics.headline:Headline",
        summary="how much each model leans on shape and on texture, beside the difference to one model",
        references="Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 3",
    )
