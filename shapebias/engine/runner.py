"""Run a study: plan what the store lacks, have it computed, write each part, pack the file."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from shapebias.engine.cell_events import CellEvents
from shapebias.engine.executor import BatchComputed, Executor
from shapebias.engine.identity import CurrentCell, IdentifiedCell, Recorder, explain_changes, find_changed
from shapebias.engine.local_executor import LocalExecutor
from shapebias.engine.plan import ComputeOptions, Plan, check_needs, plan_works
from shapebias.engine.preflight import answered_pairs, check_datasets, check_targets
from shapebias.errors import EvaluationError, listed, reason
from shapebias.images.first import FirstImages
from shapebias.networks.labels import Aggregate
from shapebias.paths import as_path
from shapebias.plugins.events import notify
from shapebias.runtime.device import Precision
from shapebias.runtime.environment import versions
from shapebias.runtime.notebook import reporter
from shapebias.runtime.progress import Interrupted, Progress
from shapebias.store import DatasetPart, Header, Part, Results, Writer
from shapebias.study import Study
from shapebias.study.study import Conditions, Datasets, Methods

if TYPE_CHECKING:
    from torch import nn

    from shapebias.networks.classifier import Classifier

__all__ = ["evaluate", "run"]

_log = logging.getLogger(__name__)


def run(
    study: Study,
    output: str | Path,
    *,
    device: str = "auto",
    batch_size: int | None = None,
    chunk: int | None = None,
    precision: Precision = "float32",
    workers: int | None = None,
    replace: bool = False,
    progress: bool | Callable[[Progress], None] | None = None,
    executor: Executor | None = None,
) -> Results:
    """Run a study and keep every answer in one HDF5 file; what the file already has is not computed again.

    Args:
        study: what to run.
        output: the results file, for example ``"run.h5"``; an existing one is continued.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        batch_size: the most images in one forward pass; None takes 16 of 224 x 224 pixels on a CPU, 256 on CUDA, and
            more where the images are smaller.
        chunk: the most images in one forward and backward pass; None takes as many.
        precision: of predictions; attacks and saliency always run in float32.
        workers: threads that decode images; None takes one a core, at most 8.
        replace: compute cells again that were computed with other files, another seed or other settings.
        progress: true shows a bar, also in a notebook; a function is called after every batch, and when a part of a
            cell has been written.
        executor: what computes; None is this process.

    Returns:
        The results; cells that failed are in ``results.failures``.

    Raises:
        StudyError: a number is too small, or the file has cells that were computed with something else, and
            ``replace`` is not set.
        DataError: a data set is not there, is empty, or lacks what a transform needs.
        ShapebiasError: a model is unknown, its weights do not fit, or its outputs do not match the classes of a data
            set.  This, and whatever else is said above, is checked before anything is stored.
        StoreError: the file cannot be written, or another run is writing it.
        DeviceError: the device is not there.
        Interrupted: Ctrl-C; everything finished is in the file.
    """
    options = ComputeOptions(device, batch_size, chunk, precision, workers)
    first_images = FirstImages()
    executor = executor or LocalExecutor(first_images)
    device_name = executor.describe_device(options)  # refused here, not in the middle of the run
    check_datasets(study)
    check_targets(study)
    for dataset in study.datasets:
        check_needs(dataset, study.conditions, first_images)
    cells = Recorder(study, precision).cells()
    with torch.inference_mode(mode=False):
        executor.check(study, options, () if replace else answered_pairs(as_path(output)))
    with Writer(as_path(output), Header(study.to_toml(), study.seed, versions(), device_name)) as writer:
        stored = _stored_rows(writer, cells, output, replace=replace)
        _take_over_labels(writer, cells)
        notify("shapebias_run_started", study=study, output=writer.path)
        try:
            plan = Plan(study, options, tuple(plan_works(study, cells, stored, first_images)))
            _log.info(
                "%d cells on %s; to compute: %d images in %d parts; the others are in %s",
                len(cells),
                device_name,
                plan.images,
                len(plan.works),
                output,
            )
            # A caller's inference mode would make tensors that no attack can differentiate by.
            with torch.inference_mode(mode=False):
                _execute(executor, plan, writer, reporter(progress))
        except KeyboardInterrupt:
            writer.pack()
            raise Interrupted.with_results_in(output) from None
        writer.pack()
    results = Results(as_path(output))
    notify("shapebias_run_finished", results=results)
    return results


def _stored_rows(
    writer: Writer, cells: Sequence[IdentifiedCell], output: str | Path, *, replace: bool
) -> dict[str, list[int]]:
    """Return the rows that the store has of each cell, by its key.

    Raises:
        StudyError: some cells were computed with something else, and ``replace`` is not set.
    """
    stored = [CurrentCell.of(cell) for cell in writer.store.cells()]
    changed = find_changed(stored, cells)
    if changed and not replace:
        raise explain_changes(changed, output)
    if changed:
        writer.discard([cell.stored.record for cell in changed])
    # The discarded cells are among them, with keys that no cell of the study has.
    return {cell.key: cell.stored.rows.tolist() for cell in stored}


def _take_over_labels(writer: Writer, cells: Sequence[IdentifiedCell]) -> None:
    """Call components of the store by the labels that the study gives them."""
    labels: dict[tuple[str, str], str] = {}
    for each in cells:
        for role, component in each.record.components().items():
            label = getattr(getattr(each.cell, role), "label", None)
            if component is not None and label:
                labels[role, component.key] = label
    stored = {
        (role, component.key): component.title
        for cell in writer.store.cells()
        for role, component in cell.record.components().items()
        if component is not None
    }
    changed = {key: label for key, label in labels.items() if stored.get(key, label) != label}
    if changed:
        for key, label in changed.items():
            _log.info("%s is called %s from now on", stored[key], label)
        writer.retitle(changed)


def _execute(executor: Executor, plan: Plan, writer: Writer, progress: Callable[[Progress], None] | None) -> None:
    """Write what the executor yields, and report the progress."""
    done, total, events = 0, plan.images, CellEvents(plan)

    def report(cell: str, status: Literal["running", "done", "failed"] = "running") -> None:
        if progress is not None:
            progress(Progress(min(done, total), total, cell, status))

    # Closed at once when writing is interrupted, so that the executor stops and restores the networks' flags.
    with contextlib.closing(executor.execute(plan)) as messages:
        for message in messages:
            match message:
                case BatchComputed():
                    done += message.images
                    report(message.cell)
                case DatasetPart():
                    writer.write_dataset(message)
                case Part():
                    began = time.perf_counter()
                    writer.write(message)
                    _log_part(message, time.perf_counter() - began)
                    report(message.cell.title, message.status)
                    events.written(message)
    events.end()


def _log_part(part: Part, written: float) -> None:
    computed = float(part.attributes.get("seconds") or 0)
    _log.info(
        "%s: %d images %s: %.3g s computing, %.3g s writing",
        part.cell.title,
        len(part.rows),
        part.status,
        computed,
        written,
    )


def evaluate(
    model: nn.Module | Classifier,
    datasets: Datasets,
    conditions: Conditions = "clean",
    *,
    name: str = "model",
    saliency: Methods = (),
    probes: Methods = (),
    seed: int = 0,
    limit: int | None = None,
    saliency_limit: int | None = None,
    mapping: str | Path | None = None,
    aggregate: Aggregate = "mean",
    logits: str = "full",
    keep_images: bool = False,
    device: str = "auto",
    batch_size: int | None = None,
    chunk: int | None = None,
    precision: Precision = "float32",
    workers: int | None = None,
    progress: bool | Callable[[Progress], None] | None = None,
) -> Results:
    """Evaluate one live network, for example inside a training loop; the results are in a temporary file.

    Args:
        model: a network that takes images normalised with ImageNet's mean and std, or a
            :class:`shapebias.Classifier` that says what its network takes.  Its flags are restored.
        datasets, conditions, saliency, probes, seed, limit, saliency_limit, mapping, aggregate, logits, keep_images: as
            in :class:`shapebias.Study`.
        name: the network's name in tables.
        device, batch_size, chunk, precision, workers, progress: as in :func:`run`.

    Raises:
        EvaluationError: a cell failed; its attribute ``results`` has what was computed.
        ShapebiasError: as in :func:`run`.

    >>> from torch import nn
    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 8))
    >>> results = evaluate(network, "stimuli:cue=conflict,images=56,size=32")
    >>> int(results.metric("accuracy").n.iloc[0])
    56
    """
    study = Study(
        datasets,
        {name: model},
        conditions,
        saliency,
        probes,
        seed=seed,
        limit=limit,
        saliency_limit=saliency_limit,
        mapping=mapping,
        aggregate=aggregate,
        logits=logits,
        keep_images=keep_images,
    )
    folder = tempfile.TemporaryDirectory(prefix="shapebias-")
    results = run(
        study,
        Path(folder.name) / "run.h5",
        device=device,
        batch_size=batch_size,
        chunk=chunk,
        precision=precision,
        workers=workers,
        progress=progress,
    )
    results.keep_alive(folder)
    if results.failures:
        failed = dict.fromkeys(f"{failure.record.title}: {reason(failure.error)}" for failure in results.failures)
        raise EvaluationError(listed("some cells failed:", [*failed]), results)
    return results
