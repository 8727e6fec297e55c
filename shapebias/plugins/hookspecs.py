"""The hooks of shapebias: nine that provide, four that react.

A plugin is a module (or an object) with some of these functions, marked with ``@plugin.hookimpl``.  An entry point in
the group ``shapebias`` names it.

The hooks that provide (``shapebias_models`` to ``shapebias_executors``) take no argument, are called once, when the
catalog is made, and yield specs.  They are pure and cheap: two calls give equal specs, and nothing heavy is imported,
because ``shapebias list`` must answer at once.  If a hook raises, only its own plugin is affected.

The hooks that react (``shapebias_run_started`` to ``shapebias_training_epoch``) are called while a study runs or a
network is trained, in the process and thread of that run.  A plugin implements those that it needs, with any of their
arguments; return values are ignored.  If a hook raises, even ``SystemExit``, a ``RuntimeWarning`` names it, and the run
and the hooks of other plugins continue.  A hook must not change its arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import shapebias as sb
    from shapebias.plugins.specs import (
        AttackSpec,
        DatasetSpec,
        ExecutorSpec,
        MetricSpec,
        ModelSpec,
        ProbeSpec,
        SaliencySpec,
        SuiteSpec,
        TransformSpec,
    )
    from shapebias.plugins.study_results import CellSummary

__all__ = [
    "hookimpl",
    "shapebias_attacks",
    "shapebias_cell_finished",
    "shapebias_datasets",
    "shapebias_executors",
    "shapebias_metrics",
    "shapebias_models",
    "shapebias_probes",
    "shapebias_run_finished",
    "shapebias_run_started",
    "shapebias_saliency",
    "shapebias_suites",
    "shapebias_training_epoch",
    "shapebias_transforms",
]

hookspec = pluggy.HookspecMarker("shapebias")
hookimpl = pluggy.HookimplMarker("shapebias")


@hookspec
def shapebias_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Yield the image classifiers, one spec for each family; see :class:`shapebias.plugins.protocols.Model`."""


@hookspec
def shapebias_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Yield the data sets; see :class:`shapebias.plugins.protocols.Dataset`."""


@hookspec
def shapebias_transforms() -> Iterable[TransformSpec]:  # type: ignore[empty-body]
    """Yield the transforms, which destroy texture or shape; see :class:`shapebias.plugins.protocols.Transform`."""


@hookspec
def shapebias_attacks() -> Iterable[AttackSpec]:  # type: ignore[empty-body]
    """Yield the attacks, which find adversarial examples; see :class:`shapebias.plugins.protocols.Attack`."""


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
    """Yield the standard protocols for profiling a model; see :class:`shapebias.plugins.protocols.Suite`."""


@hookspec
def shapebias_executors() -> Iterable[ExecutorSpec]:  # type: ignore[empty-body]
    """Yield what can compute a run; see :class:`shapebias.engine.executor.Executor`."""


@hookspec
def shapebias_run_started(study: sb.Study, output: Path) -> None:
    """Called once when a study begins to run, for example to open an entry in an experiment tracker.

    Called by :func:`shapebias.run`, and so by ``shapebias run`` and :func:`shapebias.evaluate`, after everything has
    been checked and the results file is open, and before the first image is computed.

    Args:
        study: the study: what is run, with its seed.
        output: the results file; with :func:`shapebias.evaluate`, a temporary file.
    """


@hookspec
def shapebias_cell_finished(cell: sb.Cell, summary: CellSummary) -> None:
    """Called when the last images of a cell have been computed or have failed, for example to show progress elsewhere.

    Called by :func:`shapebias.run` after the answers have been written to the disk, once for each cell that this run
    computed, but not for cells that were already in the results file.

    Args:
        cell: the cell: data set, model, condition, and perhaps saliency method and probe.
        summary: how many images were computed and failed, how long it took, and the first error; see
            :class:`shapebias.plugins.study_results.CellSummary`.
    """


@hookspec
def shapebias_run_finished(results: sb.Results) -> None:
    """Called once when a study has run to its end, for example to keep its tables, its figures and its page.

    Called by :func:`shapebias.run` when the results file is complete, even if cells failed (``results.failures``).
    It is not called for a run that was interrupted or that ended with an error.

    Args:
        results: the results that :func:`shapebias.run` is about to return; do not close them.
    """


@hookspec
def shapebias_training_epoch(recipe: sb.Recipe, progress: sb.TrainingProgress) -> None:
    """Called after every epoch of training, for example to plot the learning curves.

    Called by :func:`shapebias.train`, and so by ``shapebias train``, after the epoch has been validated and its state
    has been saved; in distributed training, only by the first process.  A resumed training run does not report the
    epochs that it finished earlier.

    Args:
        recipe: the recipe: model, data and hyperparameters.
        progress: the progress of training.  ``epoch`` is the epoch that has just ended, counted from 1, and
            ``validation`` its loss and accuracies.
    """
