"""The built-in metrics: only hook implementations here, one algorithm a file beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapebias.hookspecs import hookimpl
from shapebias.specs import MetricSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        "shape-bias",
        "shapebias.metrics.shape_bias:ShapeBias",
        summary="shape hits / (shape hits + texture hits) on images with cue conflict",
        references="Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 3",
    )
