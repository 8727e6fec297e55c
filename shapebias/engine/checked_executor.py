"""An executor of a plugin: its errors name it, and the parts that it yields are those of the plan."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from typing import Any

import attrs

from shapebias.engine.executor import BatchComputed, Message, RunningExecutor, WorkersChanged
from shapebias.engine.plan import ComputeOptions, Plan
from shapebias.errors import PluginError
from shapebias.images.first import FirstImages
from shapebias.plugins.containment import attributed
from shapebias.runtime.guard import contained_and_restored
from shapebias.store import DatasetPart, Part
from shapebias.study.config import component

__all__ = ["CheckedExecutor", "started"]

_END = object()


@attrs.frozen(eq=False)
class CheckedExecutor:
    """A running executor whose errors name it, and which must yield the parts of the plan and nothing else.

    Args:
        name: the executor's text, for messages.
        executor: the executor.
    """

    name: str
    executor: RunningExecutor

    def describe_device(self, options: ComputeOptions) -> str:
        """Name the device that computes.

        Raises:
            PluginError: the executor failed, or returned no text.
        """
        with _called(self.name):
            name = self.executor.describe_device(options)
        if not isinstance(name, str) or not name:
            raise PluginError(f"{self.name}: describe_device returned {name!r}; it must name the device")
        return name

    def check(self, plan: Plan, first_images: FirstImages) -> None:
        """Let the executor refuse models."""
        with _called(self.name):
            self.executor.check(plan, first_images)

    def execute(self, plan: Plan) -> Generator[Message]:
        """Yield the executor's messages, each after a check.

        Raises:
            PluginError: the executor failed, yielded what the plan does not have, or ended too early.
        """
        missing = _Missing(self.name, plan)
        with attributed(self.name):
            messages = self.executor.execute(plan)
        if not isinstance(messages, Generator):
            raise PluginError(f"{self.name}: execute returned a {type(messages).__name__}, not a generator")
        with contextlib.closing(messages):
            while (message := self._next(messages)) is not _END:
                missing.remove(message)
                yield message
        missing.check_none()

    def _next(self, messages: Generator[Message]) -> Any:
        with attributed(self.name):
            return next(messages, _END)

    def close(self) -> None:
        """Let the executor release its resources."""
        with _called(self.name):
            self.executor.close()


@contextlib.contextmanager
def started(executor: Any) -> Iterator[RunningExecutor]:
    """Start an executor, and close it at the end.

    Args:
        executor: text such as ``"ray:workers=2"``, settings built in Python, or a running executor, which stays open.

    Raises:
        ShapebiasError: no plugin provides it, or it cannot compute here.
    """
    if hasattr(executor, "execute"):
        yield CheckedExecutor(f"executor {type(executor).__name__}", executor)
        return
    found = component(("executor",), executor)
    name = f"executor {found.text}"
    with _called(name):
        running: RunningExecutor = found.settings.start()
    with contextlib.closing(CheckedExecutor(name, running)) as checked:
        yield checked


@contextlib.contextmanager
def _called(executor: str) -> Iterator[None]:
    """Call an executor: errors name it, and what it changes in this process is restored."""
    with attributed(executor), contained_and_restored(executor, strict=False):
        yield


class _Missing:
    """The images of a plan of which the answers have not come yet.

    Args:
        executor: the executor's text, for messages.
        plan: what it computes.
    """

    def __init__(self, executor: str, plan: Plan) -> None:
        self._executor = executor
        self._titles: dict[str, str] = {}
        self._planned: dict[str, list[frozenset[int]]] = {}
        self._described: dict[str, set[int]] = {work.record.key: set() for work in plan.works}
        for work in plan.works:
            distinct = {id(task.rows): task.rows for task in work.tasks}  # most tasks share one tuple of rows
            images = {identity: frozenset(rows) for identity, rows in distinct.items()}
            for task in work.tasks:
                self._titles[task.key] = task.cell.title
                self._planned.setdefault(task.key, []).append(images[id(task.rows)])
        self._missing = {key: [*rows] for key, rows in self._planned.items()}

    def remove(self, message: Any) -> None:
        """Check a message, and remove the images of which it has the answers.

        Raises:
            PluginError: it is not a message, or has something that the plan lacks.
        """
        match message:
            case BatchComputed() | WorkersChanged():
                pass
            case DatasetPart():
                if message.dataset.key not in self._described:
                    raise self._not_planned(f"images of {message.dataset.title}")
                self._described[message.dataset.key].update(message.rows.tolist())
            case Part():
                self._remove_part(message)
            case _:
                raise self._not_planned(repr(message))

    def _remove_part(self, part: Part) -> None:
        key, rows = part.cell.key, frozenset(part.rows.tolist())
        planned = self._planned.get(key, [])
        index = next((index for index, images in enumerate(planned) if rows and rows <= images), None)
        if index is None:
            raise self._not_planned(f"{len(rows)} images of {part.cell.title}")
        if part.status == "done" and not rows <= self._described[part.cell.dataset.key]:
            raise PluginError(f"{self._executor} yielded {part.cell.title} before the ids and labels of its images")
        if part.status == "failed":
            self._missing.pop(key, None)  # the other images of the cell need not be tried
        elif key in self._missing:
            self._missing[key][index] -= rows

    def _not_planned(self, what: str) -> PluginError:
        return PluginError(f"{self._executor} yielded {what}, which the plan does not have")

    def check_none(self) -> None:
        """Refuse an end at which answers are missing.

        Raises:
            PluginError: says of which cells.
        """
        counts = {self._titles[key]: sum(map(len, rows)) for key, rows in self._missing.items() if any(rows)}
        if counts:
            title, images = next(iter(counts.items()))
            others = f" and of {len(counts) - 1} other cells" if len(counts) > 1 else ""
            raise PluginError(
                f"{self._executor} ended without the answers to {images} images of {title}{others}; everything that it "
                "yielded was kept: run the same command again to continue"
            )
