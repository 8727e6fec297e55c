"""Quantus's measures of explanations; what each is called and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import MetricSpec, ProbeSpec, hookimpl

__all__ = ["shapebias_metrics", "shapebias_probes"]

_YEH = "Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations"
_PROBES = {
    "quantus-faithfulness-correlation": (
        "correlation:FaithfulnessCorrelation",
        "do random sets of pixels matter as much as their map adds up to",
        "Bhatt, Weller & Moura 2020, Evaluating and aggregating feature-based model explanations, faithfulness",
    ),
    "quantus-faithfulness-estimate": (
        "correlation:FaithfulnessEstimate",
        "does the output fall with the map, one group of pixels after another",
        "Alvarez-Melis & Jaakkola 2018, Towards robust interpretability with self-explaining neural networks",
    ),
    "quantus-monotonicity-correlation": (
        "correlation:MonotonicityCorrelation",
        "does the output change more, up or down, where the map is larger",
        "Nguyen & Rodriguez Martinez 2020, On quantitative aspects of model interpretability, monotonicity",
    ),
    "quantus-pixel-flipping": (
        "removal:PixelFlipping",
        "the output while a map's most important pixels vanish",
        "Bach et al. 2015, On pixel-wise explanations by layer-wise relevance propagation",
    ),
    "quantus-region-perturbation": (
        "removal:RegionPerturbation",
        "how far the output falls while a map's most important patches vanish",
        "Samek et al. 2017, Evaluating the visualization of what a deep neural network has learned, equation 12",
    ),
    "quantus-infidelity": (
        "removal:Infidelity",
        "how far the map is from adding up to what the output loses",
        f"{_YEH}, definition 2.1",
    ),
    "quantus-sparseness": (
        "complexity:Sparseness",
        "Gini index of a map: concentrated on few pixels, or spread over all",
        "Chalasani et al. 2020, Concise explanations of neural networks using adversarial training",
    ),
    "quantus-complexity": (
        "complexity:Complexity",
        "entropy of a map's shares",
        "Bhatt, Weller & Moura 2020, Evaluating and aggregating feature-based model explanations, complexity",
    ),
    "quantus-effective-complexity": (
        "complexity:EffectiveComplexity",
        "number of pixels that matter at all",
        "Nguyen & Rodriguez Martinez 2020, On quantitative aspects of model interpretability, effective complexity",
    ),
}
_PROBES_THAT_EXPLAIN = {
    "quantus-max-sensitivity": (
        "stability:MaxSensitivity",
        "how far a map changes at most under a little noise",
        f"{_YEH}, definition 3.1",
    ),
    "quantus-avg-sensitivity": (
        "stability:AvgSensitivity",
        "how far a map changes on average under a little noise",
        _YEH,
    ),
    "quantus-local-lipschitz": (
        "stability:LocalLipschitz",
        "how fast a map changes with the picture",
        "Alvarez-Melis & Jaakkola 2018, On the robustness of interpretability methods",
    ),
    "quantus-random-logit": (
        "randomization:RandomLogit",
        "is the map of another class the same",
        "Sixt, Granz & Landgraf 2020, When explanations lie: why many modified BP attributions fail",
    ),
}


@hookimpl
def shapebias_probes() -> Iterator[ProbeSpec]:
    """Yield the probes; all are of saliency methods, and some ask them for more maps."""
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
    """Yield the metric of maps and masks, which needs no model."""
    yield MetricSpec(
        "quantus-localisation",
        "shapebias_quantus.localisation:Localisation",
        summary="does a map point at the object: pointing game, rank, mass, area under the ROC curve",
        references=(
            "Zhang et al. 2018, Top-down neural attention by excitation backprop, pointing game",
            "Arras, Osman & Samek 2022, CLEVR-XAI: a benchmark dataset for the ground truth evaluation",
            "Fawcett 2006, An introduction to ROC analysis",
        ),
    )
