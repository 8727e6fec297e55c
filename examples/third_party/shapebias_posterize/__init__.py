"""The hooks of the distribution; classes are imported when they are used, so that ``shapebias list`` is quick."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import MetricSpec, TransformSpec, hookimpl


@hookimpl
def shapebias_transforms() -> Iterator[TransformSpec]:
    """Yield the transform."""
    yield TransformSpec(
        "posterize",
        "shapebias_posterize.posterize:Posterize",
        summary="keep a few levels of each colour: fine texture goes",
        references="Cubuk et al. 2019, AutoAugment: Learning augmentation strategies from data, appendix",
        destroys="texture",
    )


@hookimpl
def shapebias_metrics() -> Iterator[MetricSpec]:
    """Yield the metric."""
    yield MetricSpec(
        "same-answer",
        "shapebias_posterize.same_answer:SameAnswer",
        summary="share of images whose answer is the one to the clean image",
        references="Wilson 1927, Probable inference, the law of succession, and statistical inference",
    )
