"""The built-in metrics: only the hook implementations; each algorithm has its own file beside this one."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugins.hookspecs import hookimpl
from shapebias.plugins.specs import MetricSpec

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
        "human-consistency",
        "shapebias.metrics.human_consistency:HumanConsistency",
        summary="accuracy and errors compared with those of people, averaged as in model-vs-human",
        references=(
            "Geirhos et al. 2021, Partial success in closing the gap between human and machine vision",
            "Klein et al. 2025, Quantifying uncertainty in error consistency",
        ),
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
        summary="how far the sum of the attributions is from the difference that it should equal",
        references="Sundararajan et al. 2017, Axiomatic attribution for deep networks, proposition 1",
    )
    yield MetricSpec(
        "paired-difference",
        "shapebias.metrics.paired_difference:PairedDifference",
        summary="accuracy and shape bias of each model minus those of a reference model, on the same images",
        references=(
            "Newcombe 1998, Improved confidence intervals for the difference between binomial proportions",
            "McNemar 1947, Note on the sampling error of the difference between correlated proportions",
        ),
    )
    yield MetricSpec(
        "leaderboard",
        "shapebias.metrics.leaderboard:Leaderboard",
        summary="models sorted by shape bias or accuracy, and which of their differences are beyond chance",
        references=(
            "Edgington & Onghena 2007, Randomization tests",
            "McNemar 1947, Note on the sampling error of the difference between correlated proportions",
            "Holm 1979, A simple sequentially rejective multiple test procedure",
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
        summary="how much each model relies on shape and on texture, and the difference from a reference model",
        references="Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 3",
    )
    yield from _of_saliency_maps()
    yield from _of_frequencies()
    yield from _of_protocols()


def _of_saliency_maps() -> Iterator[MetricSpec]:
    """Yield the metrics of saliency maps without masks."""
    yield MetricSpec(
        "saliency-agreement",
        "shapebias.metrics.saliency_agreement:SaliencyAgreement",
        summary="how similar the maps of two models are, or those of one model clean and under a condition",
        references=(
            "Spearman 1904, The proof and measurement of association between two things",
            "Wang et al. 2004, Image quality assessment",
            "Ghorbani, Abid & Zou 2019, Interpretation of neural networks is fragile, section 2",
        ),
    )
    yield MetricSpec(
        "saliency-sparseness",
        "shapebias.metrics.saliency_sparseness:SaliencySparseness",
        summary="Gini index of a map: concentrated on few pixels, or spread over all",
        references=(
            "Hurley & Rickard 2009, Comparing measures of sparsity",
            "Chalasani et al. 2020, Concise explanations of neural networks using adversarial training",
        ),
    )
    yield MetricSpec(
        "sanity",
        "shapebias.metrics.sanity:Sanity",
        summary="how similar a map stays as the network is randomised",
        references="Adebayo et al. 2018, Sanity checks for saliency maps, section 4",
    )


def _of_frequencies() -> Iterator[MetricSpec]:
    """Yield the metrics of spatial frequencies."""
    yield MetricSpec(
        "spectrum",
        "shapebias.metrics.spectrum:Spectrum",
        summary="spatial frequencies of saliency maps and of gradients with respect to the pixels",
        references="Field 1987, Relations between the statistics of natural images and cortical cells",
    )
    yield MetricSpec(
        "fourier-sensitivity",
        "shapebias.metrics.fourier_sensitivity:FourierSensitivity",
        summary="error rate under noise of each spatial frequency",
        references="Yin et al. 2019, A Fourier perspective on model robustness in computer vision, section 3",
    )
    yield MetricSpec(
        "band-accuracy",
        "shapebias.metrics.band_accuracy:BandAccuracy",
        summary="accuracy when a band of spatial frequencies is removed or covered by noise",
        references="Subramanian et al. 2023, Spatial-frequency channels, shape bias, and adversarial robustness",
    )


def _of_protocols() -> Iterator[MetricSpec]:
    """Yield the metrics of further protocols, and the mean of a probe's numbers."""
    yield MetricSpec(
        "corruption-error",
        "shapebias.metrics.corruption_error:CorruptionError",
        summary="errors over all severities of a corruption, relative to a baseline model, and their mean",
        references="Hendrycks & Dietterich 2019, Benchmarking neural network robustness, section 4",
    )
    yield MetricSpec(
        "probe-mean",
        "shapebias.metrics.probe_mean:ProbeMean",
        summary="mean over images of every number that a probe has stored",
        references="Efron & Tibshirani 1993, An introduction to the bootstrap, chapter 13",
    )
    yield MetricSpec(
        "cue-strength",
        "shapebias.metrics.cue_strength:CueStrength",
        summary="share of decisions by shape as a parameter varies, and the point of equal reliance",
        references="Haldane 1956, The estimation and significance of the logarithm of a ratio of frequencies",
    )
    yield MetricSpec(
        "critical-band",
        "shapebias.metrics.critical_band:CriticalBand",
        summary="bandwidth, centre and sensitivity of the spatial-frequency channel that a model reads",
        references="Subramanian et al. 2023, Spatial-frequency channels, shape bias, and adversarial robustness",
    )
    yield MetricSpec(
        "relative-accuracy",
        "shapebias.metrics.relative_accuracy:RelativeAccuracy",
        summary="accuracy under each condition relative to clean, also rescaled from chance",
        references="Burgert et al. 2025, ImageNet-trained CNNs are not biased towards texture, section 3",
    )
    yield MetricSpec(
        "cue-sensitivity",
        "shapebias.metrics.cue_sensitivity:CueSensitivity",
        summary="mean 1 / rank of the shape's class and of the texture's class among all outputs",
        references=(
            "Kim et al. 2026, On the reliability of cue conflict and beyond",
            "Voorhees 1999, The TREC-8 question answering track report",
        ),
    )
    yield MetricSpec(
        "configural-shape",
        "shapebias.metrics.configural_shape:ConfiguralShape",
        summary="share of pairs of images made of the same pieces that are both answered correctly",
        references="Doshi et al. 2025, Visual anagrams reveal hidden differences in holistic shape processing",
    )
