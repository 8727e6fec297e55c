"""Rules of executors: their parts are compared with those that this process computes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shapebias.engine.executor import Message, RunningExecutor
from shapebias.engine.identity import Recorder
from shapebias.engine.local_executor import LocalExecutor
from shapebias.engine.plan import ComputeOptions, Plan, plan_works
from shapebias.images.first import FirstImages
from shapebias.store import DatasetPart, Part
from shapebias.study import Study
from shapebias.testing.rules import BrokenRuleError, Rules, require
from shapebias.testing.subjects import Subject

__all__ = ["RULES"]

RULES: Rules[Subject] = Rules()
_TOLERANCE = 1e-4  # float32, and sums whose order depends on the number of threads
_Key: TypeAlias = tuple[str, tuple[int, ...]]


def plan_study(study: Study, device: str = "cpu") -> Plan:
    """Plan a whole study, as a run into a new file does: what an executor is given."""
    works = plan_works(study, Recorder(study, "float32").cells(), {}, FirstImages())
    return Plan(study, ComputeOptions(device), tuple(works))


def small_plan(device: str = "cpu") -> Plan:
    """Plan two data sets and two models; 32 pixels cannot be divided into 40 tiles, so some cells fail."""
    network = "cnn:num_classes=8,width=2,depth=2"
    study = Study(
        {"first": "stimuli:cue=conflict,images=16,size=32", "second": "stimuli:images=8,size=32"},
        {"one": network, "two": f"{network},seed=1"},
        ["clean", "patch-shuffle:k=2+pgd:eps=4/255,steps=2", "patch-shuffle:k=40"],
        "gradient",
        limit=12,
    )
    return plan_study(study, device)


@contextlib.contextmanager
def running(subject: Subject) -> Iterator[RunningExecutor]:
    """Start the executor."""
    with contextlib.closing(subject.component.settings.start()) as executor:
        yield executor


def messages_of(subject: Subject) -> list[Message]:
    """Execute the small plan."""
    plan = small_plan(subject.device)
    with running(subject) as executor:
        executor.check(plan, FirstImages())
        return list(executor.execute(plan))


def parts_of(messages: Iterable[Message]) -> dict[_Key, Part]:
    """Return the parts of cells, by cell and rows; each must come once."""
    found: dict[_Key, Part] = {}
    for part in messages:
        if isinstance(part, Part):
            key = part.cell.key, tuple(part.rows.tolist())
            require(key not in found, f"{part.cell.title} comes twice for the same images")
            found[key] = part
    return found


@RULES("names the device", "a results file records what computed it")
def _names_device(subject: Subject) -> None:
    with running(subject) as executor:
        name = executor.describe_device(ComputeOptions(subject.device))
    require(isinstance(name, str) and name, f"describe_device returned {name!r}")


@RULES("returns what this process returns", "where a study is computed must not change its results")
def _same_parts(subject: Subject) -> None:
    wanted = parts_of(LocalExecutor().execute(small_plan(subject.device)))
    found = parts_of(messages_of(subject))
    for what, keys in {"lacks": wanted.keys() - found.keys(), "has besides": found.keys() - wanted.keys()}.items():
        titles = sorted({(wanted | found)[key].cell.title for key in keys})
        require(not keys, f"{what} parts of {', '.join(titles)}")
    for key, part in found.items():
        _compare(part, wanted[key])


def _compare(part: Part, wanted: Part) -> None:
    title = part.cell.title
    require(part.status == wanted.status, f"{title} is {part.status}, here it is {wanted.status}: {part.error}")
    require(bool(part.error) == bool(wanted.error), f"{title} failed without a traceback")
    _compare_arrays(title, part.arrays, wanted.arrays)


def _compare_arrays(title: str, arrays: Mapping[str, NDArray[Any]], wanted: Mapping[str, NDArray[Any]]) -> None:
    require(arrays.keys() == wanted.keys(), f"{title} has {sorted(arrays)}, here {sorted(wanted)}")
    for name, array in arrays.items():
        try:
            np.testing.assert_allclose(array, wanted[name], rtol=_TOLERANCE, atol=_TOLERANCE)
        except AssertionError as error:
            raise BrokenRuleError(f"{title}: {name} differs: {' '.join(str(error).split())}") from None


@RULES("returns the images of a part before their answers", "answers without ids and labels cannot be read")
def _dataset_first(subject: Subject) -> None:
    described: dict[str, set[int]] = {}
    for message in messages_of(subject):
        if isinstance(message, DatasetPart):
            described.setdefault(message.dataset.key, set()).update(message.rows.tolist())
        elif isinstance(message, Part) and message.status == "done":
            unknown = {*message.rows.tolist()} - described.get(message.cell.dataset.key, set())
            require(not unknown, f"{message.cell.title} has answers before the part of its data set")


@RULES("stops when it is closed, and starts again", "Ctrl-C keeps what is finished, and the next run continues")
def _stops(subject: Subject) -> None:
    plan = small_plan(subject.device)
    with running(subject) as executor:
        with contextlib.closing(executor.execute(plan)) as messages:
            next(messages)
        found = parts_of(executor.execute(plan))
    wanted = parts_of(LocalExecutor().execute(plan))
    require(found.keys() == wanted.keys(), f"after a stop, {len(found)} parts came instead of {len(wanted)}")
