"""The eight hooks of shapebias.

A plugin is a module (or an object) with some of these functions, marked with ``@shapebias.hookimpl`` and announced by
an entry point in the group ``shapebias``.  Each hook is called once, without arguments, when the catalog is made, and
yields specs.  Hooks are pure and cheap: two calls give equal specs, and nothing heavy is imported, because
``shapebias list`` must answer at once.  A hook that raises becomes a problem of that plugin alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapebias.plugins.specs import (
        AttackSpec,
        DatasetSpec,
        MetricSpec,
        ModelSpec,
        ProbeSpec,
        SaliencySpec,
        SuiteSpec,
        TransformSpec,
    )

__all__ = [
    "hookimpl",
    "shapebias_attacks",
    "shapebias_datasets",
    "shapebias_metrics",
    "shapebias_models",
    "shapebias_probes",
    "shapebias_saliency",
    "shapebias_suites",
    "shapebias_transforms",
]

hookspec = pluggy.HookspecMarker("shapebias")
hookimpl = pluggy.HookimplMarker("shapebias")


@hookspec
def shapebias_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Yield the image classifiers, one spec a family; see :class:`shapebias.plugins.protocols.Model`."""


@hookspec
def shapebias_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Yield the data sets; see :class:`shapebias.plugins.protocols.Dataset`."""


@hookspec
def shapebias_transforms() -> Iterable[TransformSpec]:  # type: ignore[empty-body]
    """Yield what destroys texture or shape without the model; see :class:`shapebias.plugins.protocols.Transform`."""


@hookspec
def shapebias_attacks() -> Iterable[AttackSpec]:  # type: ignore[empty-body]
    """Yield what fools the model; see :class:`shapebias.plugins.protocols.Attack`."""


@hookspec
def shapebias_saliency() -> Iterable[SaliencySpec]:  # type: ignore[empty-body]
    """Yield the saliency methods; see :class:`shapebias.plugins.protocols.Saliency`."""


@hookspec
def shapebias_probes() -> Iterable[ProbeSpec]:  # type: ignore[empty-body]
    """Yield the measurements that need the model; see :class:`shapebias.plugins.protocols.Probe`."""


@hookspec
def shapebias_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Yield the functions from stored answers to tables; see :class:`shapebias.plugins.protocols.Metric`."""


@hookspec
def shapebias_suites() -> Iterable[SuiteSpec]:  # type: ignore[empty-body]
    """Yield the standard protocols that a model is profiled by; see :class:`shapebias.plugins.protocols.Suite`."""
