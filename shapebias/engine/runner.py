"""Run a study: plan what the store lacks, have it computed, write each part, pack the file."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from shapebias.engine.cell_events import CellEvents
from shapebias.engine.executor import BatchComputed, Executor
from shapebias.engine.identity import CurrentCell, IdentifiedCell, Recorder, explain_changes, find_changed
from shapebias.engine.local_executor import LocalExecutor
from shapebias.engine.plan import ComputeOptions, Plan, check_needs, plan_works
from shapebias.engine.preflight import answered_pairs, check_datasets, check_targets
from shapebias.images.first import FirstImages
from shapebias.paths import as_path
from shapebias.plugins.events import notify
from shapebias.runtime.device import Precision
from shapebias.runtime.environment import versions
from shapebias.runtime.progress import Interrupted, Progress
from shapebias.store import DatasetPart, Header, Part, Results, Writer
from shapebias.study import Study

if TYPE_CHECKING:
    from torch import nn

    from shapebias.networks.classifier import Classifier

__all__ = ["evaluate", "run"]


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
    progress: Callable[[Progress], None] | None = None,
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
        progress: called after every batch, and when a part of a cell has been written.
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
    recorder = Recorder(study, precision)
    cells = recorder.cells()
    with torch.inference_mode(mode=False):
        executor.check(study, options, () if replace else answered_pairs(as_path(output)))
    recorder.check_unchanged()
    with Writer(as_path(output), Header(study.to_toml(), study.seed, versions(), device_name)) as writer:
        stored = _stored_rows(writer, cells, output, replace=replace)
        notify("shapebias_run_started", study=study, output=writer.path)
        try:
            plan = Plan(study, options, tuple(plan_works(study, cells, stored, first_images)))
            # A caller's inference mode would make tensors that no attack can differentiate by.
            with torch.inference_mode(mode=False):
                _execute(executor, plan, writer, progress)
        except KeyboardInterrupt:
            with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C leaves the parts as they are
                writer.pack()
            raise Interrupted.with_results_in(output) from None
        try:
            writer.pack()
        except KeyboardInterrupt:
            raise Interrupted.with_results_in(output) from None
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
                    writer.write(message)
                    report(message.cell.title, message.status)
                    events.written(message)
    events.end()


def evaluate(
    model: nn.Module | Classifier,
    datasets: Any,
    conditions: Any = "clean",
    *,
    name: str = "model",
    saliency: Any = (),
    probes: Any = (),
    seed: int = 0,
    limit: int | None = None,
    **options: Any,
) -> Results:
    """Evaluate one live network, for example inside a training loop; the results are in a temporary file.

    Args:
        model: a network that takes images normalised with ImageNet's mean and std, or a
            :class:`shapebias.Classifier` that says what its network takes.  Its flags are restored.
        datasets, conditions, saliency, probes, seed, limit: as in :class:`shapebias.Study`.
        name: the network's name in tables.
        options: as in :func:`run`: ``device``, ``batch_size``, ``chunk``, ...

    >>> from torch import nn
    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 8))
    >>> results = evaluate(network, "stimuli:cue=conflict,images=56,size=32")
    >>> int(results.metric("accuracy").n.iloc[0])
    56
    """
    study = Study(datasets, {name: model}, conditions, saliency, probes, seed=seed, limit=limit)
    folder = tempfile.TemporaryDirectory(prefix="shapebias-")
    results = run(study, Path(folder.name) / "run.h5", **options)
    results.keep_alive(folder)
    return results
