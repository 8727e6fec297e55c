"""The built-in probes: only the hook implementations; each algorithm has its own file beside this one."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugins.hookspecs import hookimpl
from shapebias.plugins.specs import ProbeSpec

__all__ = ["shapebias_probes"]


@hookimpl
def shapebias_probes() -> Iterator[ProbeSpec]:
    """Yield the probes; docs/metrics.md defines each."""
    reference = "Petsiuk, Das & Saenko 2018, RISE, section 4"
    yield ProbeSpec(
        "insertion",
        "shapebias.probes.insertion:Insertion",
        summary="probability of the target while a map's most important pixels appear",
        references=reference,
        needs_maps=True,
    )
    yield ProbeSpec(
        "deletion",
        "shapebias.probes.deletion:Deletion",
        summary="probability of the target while a map's most important pixels vanish",
        references=reference,
        needs_maps=True,
    )
    yield ProbeSpec(
        "randomization",
        "shapebias.probes.randomization:Randomization",
        summary="does the map change as the network is randomised, layer by layer",
        references="Adebayo et al. 2018, Sanity checks for saliency maps, section 3",
        needs_maps=True,
        needs_method=True,
    )
    yield ProbeSpec(
        "gradient-spectrum",
        "shapebias.probes.gradient_spectrum:GradientSpectrum",
        summary="spatial frequencies of the gradient with respect to the pixels",
        references="Tsipras et al. 2019, Robustness may be at odds with accuracy, section 3",
    )
    yield ProbeSpec(
        "output-ranks",
        "shapebias.probes.output_ranks:OutputRanks",
        summary="rank of each class of the data set among all outputs of the model",
        references="Kim et al. 2026, On the reliability of cue conflict and beyond",
    )
    yield ProbeSpec(
        "fourier-heatmap",
        "shapebias.probes.fourier_heatmap:FourierHeatmap",
        summary="is the answer wrong under noise of one spatial frequency",
        references="Yin et al. 2019, A Fourier perspective on model robustness in computer vision, section 3",
    )
