"""The built-in suites: only hook implementations here, one suite a file beside it."""

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
