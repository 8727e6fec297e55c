"""Run a study: plan what the store lacks, let an executor compute it, write each part, pack the file."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import torch

from shapebias.engine.cell_events import CellEvents
from shapebias.engine.checked_executor import started
from shapebias.engine.executor import BatchComputed, RunningExecutor, WorkersChanged
from shapebias.engine.identity import (
    CurrentCell,
    IdentifiedCell,
    Recorder,
    check_scoring,
    explain_changes,
    find_changed,
)
from shapebias.engine.local_executor import LocalExecutor
from shapebias.engine.pieces import Shard
from shapebias.engine.plan import ComputeOptions, Plan, all_works, check_needs, without_stored
from shapebias.engine.preflight import check_apart, check_datasets, check_targets
from shapebias.errors import EvaluationError, StudyError, listed, reason
from shapebias.images.first import FirstImages
from shapebias.networks.adapting import adapt
from shapebias.networks.classifier import Classifier
from shapebias.networks.labels import Aggregate
from shapebias.paths import as_path
from shapebias.plugins.events import notify
from shapebias.runtime import guard
from shapebias.runtime.device import Precision
from shapebias.runtime.environment import versions
from shapebias.runtime.notebook import reporter
from shapebias.runtime.progress import Interrupted, Progress
from shapebias.store import DatasetPart, Header, Part, Results, Store, Writer
from shapebias.store.listing import part_files
from shapebias.study import Study
from shapebias.study.study import Conditions, Datasets, Methods

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
    executor: Any = None,
    shard: str | Shard | None = None,
) -> Results:
    """Run a study and keep every answer in one HDF5 file; answers that are already in the file are not computed again.

    Args:
        study: what to run.
        output: the results file, for example ``"run.h5"``; an existing one is continued.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        batch_size: the most images in one forward pass; None takes 16 of 224 x 224 pixels on a CPU, 256 on CUDA, and
            more if the images are smaller.
        chunk: the most images in one forward and backward pass; None takes 8 of 224 x 224 pixels on a CPU, 256 on CUDA.
        precision: of predictions; attacks and saliency always run in float32.
        workers: threads that decode images; None takes one per core, at most 8.
        replace: compute cells again that were computed from other files, with another seed or other settings.
        progress: true shows a bar, also in a notebook; a function is called after every batch, and when a part of a
            cell has been written.
        executor: where to compute: text such as ``"ray:workers=2"``, or settings built in Python; None is ``"local"``,
            this process.
        shard: ``"2/3"`` computes the second of three shares into a separate file; :func:`merge` joins the files.

    Returns:
        The results; cells that failed are in ``results.failures``.

    Raises:
        StudyError: a number is too small, or the file has cells that were computed from other files or settings, and
            ``replace`` is not set.
        DataError: a data set is missing, is empty, or lacks what a transform needs.
        ShapebiasError: a model is unknown, its weights do not fit, or its outputs do not match the classes of a data
            set.  All of the above is checked before anything is stored.
        StoreError: the file cannot be written, or another run is writing it.
        DeviceError: the device does not exist.
        Interrupted: Ctrl-C was pressed; everything that was finished is in the file.

    >>> import tempfile
    >>> study = Study("stimuli:cue=conflict,images=56,size=32", "planted:reliance=1")
    >>> with tempfile.TemporaryDirectory() as folder, run(study, f"{folder}/run.h5", device="cpu") as results:
    ...     results.prediction().shape
    (56,)
    """
    options = ComputeOptions(device, batch_size, chunk, precision, workers)
    path, share = as_path(output), Shard.parse(shard) if isinstance(shard, str) else shard
    # A caller's inference mode would make tensors that no attack can differentiate by.
    with (
        torch.inference_mode(mode=False),
        guard.steady_modes(),
        started(executor) if executor else contextlib.closing(LocalExecutor()) as running,
        contextlib.ExitStack() as closed_on_error,
    ):
        device_name = running.describe_device(options)  # fails here and not in the middle of the run
        first_images = _check_study(study)
        recorder = Recorder(study, precision)
        cells = recorder.cells()
        store = closed_on_error.enter_context(_opened(path, share))
        stored = [CurrentCell.of(cell) for cell in store.cells()] if store is not None else []
        changed = find_changed(stored, cells)
        if changed and not replace:
            raise explain_changes(changed, output)
        check_scoring(stored, cells, changed, output)
        works = all_works(study, cells, first_images)
        # The keys of changed cells differ from those of all cells of the study.
        left = without_stored(share.of(works) if share else works, {cell.key: cell.rows for cell in stored})
        plan = Plan(study, options, tuple(left))
        _log.info(
            "%d cells on %s; to compute: %d images in %d parts; the others are in %s",
            len(cells),
            device_name,
            plan.images,
            len(plan.works),
            output,
        )
        running.check(plan, first_images)
        recorder.check_unchanged()
        header = Header(study.to_toml(), study.seed, versions(), device_name, str(share or ""))
        with Writer(path, header, store) as writer:
            if changed:
                writer.discard([cell.stored.record for cell in changed])
            _take_over_labels(writer, cells)
            notify("shapebias_run_started", study=study, output=writer.path)
            try:
                _execute_and_pack(running, plan, writer, reporter(progress))
            except KeyboardInterrupt:
                raise Interrupted.with_results_in(output) from None
            results = Results(writer.leave_open())
    notify("shapebias_run_finished", results=results)
    return results


def _check_study(study: Study) -> FirstImages:
    """Check everything but the models, and return the first image of each data set."""
    check_datasets(study)
    check_apart(study)
    check_targets(study)
    first_images = FirstImages()
    for dataset in study.datasets:
        check_needs(dataset, study.conditions, first_images)
    return first_images


@contextlib.contextmanager
def _opened(path: Path, shard: Shard | None) -> Iterator[Store | None]:
    """Open a results file, None where there is none; after an error it is closed.

    Raises:
        StudyError: the file has another shard.
    """
    if path.is_dir() or not (path.exists() or part_files(path)):  # a folder is refused by the writer
        yield None
        return
    store = Store(path)
    try:
        _check_shard(store, shard)
        yield store
    except BaseException:
        store.close()
        raise


def _check_shard(store: Store, shard: Shard | None) -> None:
    if shard is not None and store.header.shard != str(shard):
        has = f"shard {store.header.shard}" if store.header.shard else "a whole study"
        raise StudyError(f"{store.path} has {has}, not shard {shard}; give each shard a file of its own")


def _take_over_labels(writer: Writer, cells: Sequence[IdentifiedCell]) -> None:
    """Rename components of the store to their labels in the study."""
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


def _execute_and_pack(
    executor: RunningExecutor, plan: Plan, writer: Writer, progress: Callable[[Progress], None] | None
) -> None:
    """Write what the executor yields, and pack the file, even after Ctrl-C, unless there is a second one."""
    try:
        _execute(executor, plan, writer, progress)
    except KeyboardInterrupt:
        with contextlib.suppress(KeyboardInterrupt):
            writer.pack()
        raise
    writer.pack()


def _execute(
    executor: RunningExecutor, plan: Plan, writer: Writer, progress: Callable[[Progress], None] | None
) -> None:
    """Write what the executor yields, and report the progress."""
    done, total, events, cell, workers = 0, plan.images, CellEvents(plan), "", WorkersChanged(1)

    def report(status: Literal["running", "done", "failed"] = "running") -> None:
        if progress is not None:
            cells = events.finished, events.cells
            progress(Progress(min(done, total), total, cell, status, *cells, workers.workers, workers.lost))

    # Closed at once when writing is interrupted, so that the executor stops and restores the networks' flags.
    with contextlib.closing(executor.execute(plan)) as messages:
        for message in messages:
            match message:
                case BatchComputed():
                    done, cell = done + message.images, message.cell
                    report()
                case WorkersChanged():
                    workers = message
                    report()
                case DatasetPart():
                    writer.write_dataset(message)
                case Part():
                    began = time.perf_counter()
                    writer.write(message)
                    _log_part(message, time.perf_counter() - began)
                    events.written(message)
                    cell = message.cell.title
                    report(message.status)
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
    model: Callable[..., Any],
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
    output: str | int | Callable[[Any], torch.Tensor] | None = None,
    layout: Literal["NCHW", "NHWC"] = "NCHW",
    binary: bool = False,
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
            :class:`shapebias.Classifier` that describes the inputs of its network, or any function of images.  The
            flags of networks are restored.
        datasets, conditions, saliency, probes, seed, limit, saliency_limit, mapping, aggregate, logits, keep_images: as
            in :class:`shapebias.Study`.
        name: the network's name in tables.
        output, layout, binary: for a network that does not return logits or does not take (N, 3, H, W), see
            :func:`shapebias.networks.adapting.adapt`.
        device, batch_size, chunk, precision, workers, progress: as in :func:`run`.

    Returns:
        The results; their file is deleted with them.

    Raises:
        EvaluationError: a cell failed; its attribute ``results`` has the results of the others.
        ShapebiasError: as in :func:`run`.

    >>> from torch import nn
    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 8))
    >>> results = evaluate(network, "stimuli:cue=conflict,images=56,size=32")
    >>> int(results.metric("accuracy").n.iloc[0])
    56
    """
    if output is not None or layout != "NCHW" or binary or not isinstance(model, (torch.nn.Module, Classifier)):
        network = model.module if isinstance(model, Classifier) else model
        adapted = adapt(network, output, layout, binary=binary)
        model = attrs.evolve(model, module=adapted) if isinstance(model, Classifier) else adapted
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
