"""Run a study: plan what the store lacks, compute it part by part, write each part, pack the file."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from shapebias.engine.batch_size import check_counts, images_at_once
from shapebias.engine.executor import LocalExecutor
from shapebias.engine.identity import Recorder, changed_cells, current, explain_changes
from shapebias.engine.plan import Work, check_needs, plan
from shapebias.engine.session import Session
from shapebias.paths import as_path
from shapebias.runtime.device import Precision, autocast, choose_device, describe_device
from shapebias.runtime.environment import versions
from shapebias.runtime.memory import Memory
from shapebias.runtime.progress import Interrupted, Progress
from shapebias.store import CellRecord, DatasetPart, Header, Results, Writer
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
) -> Results:
    """Run a study and keep every answer in one HDF5 file; what the file already has is not computed again.

    Args:
        study: what to run.
        output: the results file, for example ``"run.h5"``; made, or continued.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        batch_size: the most images in one forward pass; None takes 16 of 224 x 224 pixels on a CPU, 256 on CUDA, and
            more where the images are smaller.
        chunk: the most images in one forward and backward pass; None takes as many.
        precision: of predictions; attacks and saliency always run in float32.
        workers: threads that decode images; None takes one a core, at most 8.
        replace: compute cells anew that were computed with other files, another seed or other settings.
        progress: called after every batch, and when the answers of a cell have been written.

    Returns:
        The results; cells that failed are in ``results.failures``.

    Raises:
        StudyError: a number is too small, or the file has cells that were computed with something else, and
            ``replace`` is not set.
        DataError: a data set lacks what a transform needs.
        StoreError: the file cannot be written, or another run is writing it.
        DeviceError: the device is not there.
        Interrupted: Ctrl-C; everything finished is in the file.
    """
    check_counts(batch_size=batch_size, chunk=chunk, workers=workers)
    torch_device = choose_device(device)
    autocast(torch_device, precision)  # refused here, not in the middle of the run
    for dataset in study.datasets:
        len(dataset.settings)  # what is missing is fetched here, or refused
        check_needs(dataset, study.conditions)
    usual = images_at_once(study, torch_device)
    memory = Memory(batch_size or usual, chunk or usual)
    recorder = Recorder(study, precision)
    wanted = [recorder.cell(cell) for cell in study.cells()]
    session = Session(study, torch_device, memory, precision, workers)
    with Writer(
        as_path(output), Header(study.to_toml(), study.seed, versions(), describe_device(torch_device))
    ) as writer:
        _settle_changes(writer, wanted, output, replace=replace)
        stored = {current(cell.record).key: cell.rows.tolist() for cell in writer.store.cells()}
        try:
            # A caller's inference mode would make tensors that no attack can differentiate by.
            with torch.inference_mode(mode=False):
                _compute(plan(study, recorder, stored), session, writer, progress)
        except KeyboardInterrupt:
            writer.pack()
            raise Interrupted.with_results_in(output) from None
        writer.pack()
    return Results(as_path(output))


def _settle_changes(writer: Writer, wanted: Iterable[CellRecord], output: str | Path, *, replace: bool) -> None:
    wanted = list(wanted)
    changed = changed_cells(writer.store.cells(), wanted)
    if changed and not replace:
        raise explain_changes(changed, wanted, output)
    if changed:
        writer.discard([cell.record for cell in changed])


def _compute(
    work: Sequence[Work], session: Session, writer: Writer, progress: Callable[[Progress], None] | None
) -> None:
    total = sum(len(task.rows) for one in work for task in one.tasks)
    done = 0

    def report(images: int, cell: str, status: Literal["running", "done", "failed"] = "running") -> None:
        nonlocal done
        done += images
        if progress is not None:
            progress(Progress(min(done, total), total, cell, status))

    computer = LocalExecutor(session, report)
    for one in work:
        # Closed at once when writing is interrupted: decoding stops, and the network's flags are restored.
        with contextlib.closing(computer.compute(one)) as parts:
            for part in parts:
                if isinstance(part, DatasetPart):
                    writer.write_dataset(part)
                else:
                    writer.write(part)
                    report(0, part.cell.title, part.status)


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
    """Evaluate one live network, for example inside a training loop; no file is left behind.

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
