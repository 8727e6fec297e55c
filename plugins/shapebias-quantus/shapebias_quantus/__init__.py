"""Quantus's measures of explanations: their names and sources."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import MetricSpec, ProbeSpec, hookimpl

__all__ = ["shapebias_metrics", "shapebias_probes"]

_YEH = "Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations"
_PROBES = {
    "quantus-faithfulness-correlation": (
        "correlation:FaithfulnessCorrelation",
        "correlation of a map's sum over random sets of pixels with the effect of removing them",
        "Bhatt, Weller & Moura 2020, Evaluating and aggregating feature-based model explanations, faithfulness",
    ),
    "quantus-faithfulness-estimate": (
        "correlation:FaithfulnessEstimate",
        "correlation of a map with the effect of removing groups of pixels",
        "Alvarez-Melis & Jaakkola 2018, Towards robust interpretability with self-explaining neural networks",
    ),
    "quantus-monotonicity-correlation": (
        "correlation:MonotonicityCorrelation",
        "rank correlation of a map with the size of the effect of removing pixels",
        "Nguyen & Rodriguez Martinez 2020, On quantitative aspects of model interpretability, monotonicity",
    ),
    "quantus-pixel-flipping": (
        "removal:PixelFlipping",
        "the output while a map's most important pixels are removed",
        "Bach et al. 2015, On pixel-wise explanations by layer-wise relevance propagation",
    ),
    "quantus-region-perturbation": (
        "removal:RegionPerturbation",
        "the decrease of the output while a map's most important patches are removed",
        "Samek et al. 2017, Evaluating the visualization of what a deep neural network has learned, equation 12",
    ),
    "quantus-infidelity": (
        "removal:Infidelity",
        "squared difference of a map's sum and the decrease of the output",
        f"{_YEH}, definition 2.1",
    ),
    "quantus-sparseness": (
        "complexity:Sparseness",
        "Gini index of a map: concentrated on few pixels or spread over all",
        "Chalasani et al. 2020, Concise explanations of neural networks using adversarial training",
    ),
    "quantus-complexity": (
        "complexity:Complexity",
        "entropy of a map",
        "Bhatt, Weller & Moura 2020, Evaluating and aggregating feature-based model explanations, complexity",
    ),
    "quantus-effective-complexity": (
        "complexity:EffectiveComplexity",
        "number of pixels above a threshold",
        "Nguyen & Rodriguez Martinez 2020, On quantitative aspects of model interpretability, effective complexity",
    ),
}
_PROBES_THAT_EXPLAIN = {
    "quantus-max-sensitivity": (
        "stability:MaxSensitivity",
        "largest change of a map under weak noise",
        f"{_YEH}, definition 3.1",
    ),
    "quantus-avg-sensitivity": (
        "stability:AvgSensitivity",
        "mean change of a map under weak noise",
        _YEH,
    ),
    "quantus-local-lipschitz": (
        "stability:LocalLipschitz",
        "largest change of a map relative to the change of the image",
        "Alvarez-Melis & Jaakkola 2018, On the robustness of interpretability methods",
    ),
    "quantus-random-logit": (
        "randomization:RandomLogit",
        "similarity of the map with that of another class",
        "Sixt, Granz & Landgraf 2020, When explanations lie: why many modified BP attributions fail",
    ),
}


@hookimpl
def shapebias_probes() -> Iterator[ProbeSpec]:
    """Yield the probes of saliency methods; some compute further maps with the method."""
    for probes, needs_method in ((_PROBES, False), (_PROBES_THAT_EXPLAIN, True)):
        for name, (target, summary, reference) in probes.items():
            yield ProbeSpec(
                name,
                f"shapebias_quantus.{target}",
                summary=summary,
                references=reference,
                needs_maps=True,
                needs_method=needs_method,
            )


@hookimpl
def shapebias_metrics() -> Iterator[MetricSpec]:
    """Yield the metric that compares maps with masks."""
    yield MetricSpec(
        "quantus-localisation",
        "shapebias_quantus.localisation:Localisation",
        summary="agreement of a map with the object's mask: pointing game, rank, mass, area under the ROC curve",
        references=(
            "Zhang et al. 2018, Top-down neural attention by excitation backprop, pointing game",
            "Arras, Osman & Samek 2022, CLEVR-XAI: a benchmark dataset for the ground truth evaluation",
            "Fawcett 2006, An introduction to ROC analysis",
        ),
    )
