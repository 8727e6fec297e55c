"""A worker: it reads the study once, and computes pieces as ``local`` does."""

from __future__ import annotations

import contextlib
import os
import pickle
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Facts", "Surroundings", "Worker"]

_SECONDS = 0.5  # between two messages with only progress


@attrs.frozen
class Surroundings:
    """What a worker must have in common with the process that started the run.

    Args:
        version: the version of shapebias.
        folder: the working folder, so that relative paths mean the same.
        environment: variables, such as the data folder.
        plugins: the one-file plugins by their names.
        paths: files and folders that the study names.
    """

    version: str
    folder: str
    environment: Mapping[str, str]
    plugins: Mapping[str, bytes]
    paths: tuple[str, ...]


@attrs.frozen
class Facts:
    """A worker's description of itself.

    Args:
        node: Ray's id of the node.
        host: the name of the machine.
        pid: the process.
        problem: the reason why it cannot compute the study; empty if it can.
    """

    node: str
    host: str
    pid: int
    problem: str = ""


class Worker:
    """One process of the cluster; Ray creates it."""

    def open(self, surroundings: Surroundings, study: Sequence[Any], options: Any) -> Facts:
        """Read the study.

        Args:
            surroundings: what must be the same here.
            study: the pickled study, in Ray's object store; a list, so that it is read after the plugins are loaded.
            options: how to compute.
        """
        import ray

        facts = Facts(ray.get_runtime_context().get_node_id(), platform.node(), os.getpid())
        problem = self._prepare(surroundings) or self._read(ray.get(study[0]), options)
        return attrs.evolve(facts, problem=problem and f"node {facts.host}: {problem}")

    def _prepare(self, surroundings: Surroundings) -> str:
        """Set this process up like the one that started the run; return the problem, if there is one."""
        os.environ.update(surroundings.environment)
        with contextlib.suppress(OSError):  # relative paths are then missing, and named below
            os.chdir(surroundings.folder)
        missing = [path for path in surroundings.paths if not Path(path).exists()]
        if missing:
            return (
                f"{missing[0]}{f' and {len(missing) - 1} more' * (len(missing) > 1)} not found there; put what the "
                "study names into a folder that every node sees under the same path"
            )
        if surroundings.plugins:
            folder = Path(tempfile.mkdtemp(prefix="shapebias-plugins-"))
            for name, content in surroundings.plugins.items():
                (folder / name).write_bytes(content)
            os.environ["SHAPEBIAS_PLUGINS_DIR"] = str(folder)
        import shapebias

        if shapebias.__version__ != surroundings.version:
            return f"it has shapebias {shapebias.__version__}, not {surroundings.version}; install the same everywhere"
        shapebias.keep_freed_memory()
        return ""

    def _read(self, study: bytes, options: Any) -> str:
        """Unpickle the study; return the problem, if there is one: a plugin or a module that is not installed here."""
        from shapebias.plugin import LocalExecutor

        try:
            self._study = pickle.loads(study)  # noqa: S301 - from the process that started this one
        except Exception as error:  # noqa: BLE001 - unpickling raises what the class of a network likes
            return (
                f"the study cannot be read there: {type(error).__name__}: {error}; install the same plugins on every "
                "node, and put the code of a network into a module that every node can import"
            )
        self._options, self._local, self._halvings = options, LocalExecutor(keep_images=True), 0
        self._place_live_networks()
        return ""

    def _place_live_networks(self) -> None:
        """Move networks that came with the study to the device of this worker."""
        live = [model.settings.classifier for model in self._study.models if hasattr(model.settings, "classifier")]
        if live and self._options.device != "cpu":
            import torch

            for classifier in live if torch.cuda.is_available() else []:
                classifier.module.to("cuda")

    def check(self, work: Any) -> Exception | None:
        """Return the error if the model of a work cannot be loaded or does not fit its data set."""
        from shapebias.plugin import Plan, ShapebiasError

        try:
            self._local.check(Plan(self._study, self._options, (work.work(self._study),)))
        except ShapebiasError as error:
            return error
        return None

    def compute(self, work: Any, *, describe: bool, halvings: int = 0) -> Iterator[list[Any]]:
        """Compute a piece.

        Args:
            work: the piece.
            describe: whether the part of the data set is wanted.
            halvings: how often batches must have been halved, because memory ran out and killed earlier workers.

        Yields:
            Lists of messages: a finished part each, with the progress before it.
        """
        from shapebias.plugin import BatchComputed, Plan

        plan = Plan(self._study, self._options, (work.work(self._study),))
        if halvings > self._halvings:
            self._local.session(self._study, self._options).memory.halve(halvings - self._halvings)
            self._halvings = halvings
        gathered: list[Any] = []
        sent = time.monotonic()
        for message in self._local.execute(plan, describe=describe):
            gathered.append(message)
            if not isinstance(message, BatchComputed) or time.monotonic() - sent > _SECONDS:
                yield gathered
                gathered, sent = [], time.monotonic()
        if gathered:
            yield gathered
