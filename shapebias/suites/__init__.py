"""The built-in suites: this file has only the hook implementation; each suite is a file in this folder."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugins.hookspecs import hookimpl
from shapebias.plugins.specs import SuiteSpec

__all__ = ["shapebias_suites"]


@hookimpl
def shapebias_suites() -> Iterator[SuiteSpec]:
    """Yield the suites; docs/suites.md describes each."""
    yield SuiteSpec(
        "quick",
        "shapebias.suites.quick:Quick",
        summary="drawn stimuli with cue conflict or one cue alone; no download; for networks of their eight classes",
        references="Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 2",
    )
    yield SuiteSpec(
        "cue-conflict",
        "shapebias.suites.cue_conflict:CueConflict",
        summary="shape bias on the published cue-conflict stimuli, accuracy on edges and silhouettes",
        references="Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, sections 2 and 3",
    )
    yield SuiteSpec(
        "paper",
        "shapebias.suites.paper:Paper",
        summary="accuracy under saturation, patch-shuffle and style transfer, with SmoothGrad maps, on your images",
        references="Zhang & Zhu 2019, Interpreting adversarially trained CNNs, sections 3 and 4",
    )
    yield SuiteSpec(
        "humans",
        "shapebias.suites.humans:Humans",
        summary="accuracy and error consistency with people on the 17 sets of model-vs-human",
        references=(
            "Geirhos et al. 2021, Partial success in closing the gap between human and machine vision",
            "Klein et al. 2025, Quantifying uncertainty in error consistency",
        ),
    )
    yield SuiteSpec(
        "reliance",
        "shapebias.suites.reliance:Reliance",
        summary="accuracy left when shape, texture or colour is suppressed, at all strengths, on your images",
        references="Burgert et al. 2025, ImageNet-trained CNNs are not biased towards texture, sections 3 and 4",
    )
    yield SuiteSpec(
        "critical-band",
        "shapebias.suites.critical_band:CriticalBand",
        summary="bandwidth, centre and sensitivity of the spatial-frequency channel, from noise in octave bands",
        references="Subramanian et al. 2023, Spatial-frequency channels, shape bias, and adversarial robustness",
    )
    yield SuiteSpec(
        "configural",
        "shapebias.suites.configural:Configural",
        summary="Configural Shape Score: both pictures right that are made of the same pieces",
        references="Doshi et al. 2025, Visual anagrams reveal hidden differences in holistic shape processing",
    )
    yield SuiteSpec(
        "cue-sensitivity",
        "shapebias.suites.cue_sensitivity:CueSensitivity",
        summary="rank of the shape's class and of the texture's class among all outputs of the model",
        references="Kim et al. 2026, On the reliability of cue conflict and beyond",
    )
