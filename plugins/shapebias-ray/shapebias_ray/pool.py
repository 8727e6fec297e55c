"""The workers: Ray starts, places and watches them; this module counts them and replaces lost ones."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from shapebias.plugin import ComputeOptions, SentWork, ShapebiasError
from shapebias_ray.worker import Facts, Surroundings, Worker

__all__ = ["Member", "Pool", "Resources"]

_FAILED_STARTS = 3  # in a row: then another start will not help


@attrs.frozen
class Resources:
    """The resources of each worker, and the number of workers.

    Args:
        cpus, gpus: CPU cores and GPUs of one worker.
        workers: the number of workers to start.
        fitting: the number of workers that the cluster can hold now.
    """

    cpus: float
    gpus: float
    workers: int
    fitting: int


@attrs.define(eq=False)
class Member:
    """One worker that has the study.

    Args:
        actor: Ray's handle of it.
        facts: its own description.
        model: the model that it used last, which is loaded.
    """

    actor: Any
    facts: Facts
    model: str | None = None


class Pool:
    """Workers that have a study.

    Args:
        study: the study; sent once, through Ray's object store.
        options: how to compute.
        surroundings: what must be the same on every node.
        resources: the resources of each worker, and the number of workers to start.

    Raises:
        ShapebiasError: a live network of the study cannot be pickled.
    """

    def __init__(self, study: Any, options: ComputeOptions, surroundings: Surroundings, resources: Resources) -> None:
        import ray

        self.study, self.resources = study, resources
        self.members: list[Member] = []
        self.lost = 0
        self.opening: dict[Any, Any] = {}
        self._failed_starts = 0
        self._sent = surroundings, [ray.put(_pickled(study))], options
        self.fill()

    def fill(self) -> None:
        """Request the missing workers; Ray starts them when resources are free."""
        import ray

        for _ in range(self.resources.workers - len(self.members) - len(self.opening)):
            actor = (
                ray.remote(Worker)
                .options(num_cpus=self.resources.cpus, num_gpus=self.resources.gpus, scheduling_strategy="SPREAD")
                .remote()
            )
            self.opening[actor.open.remote(*self._sent)] = actor

    def opened(self, reference: Any) -> None:
        """Add a worker that has answered.

        Raises:
            ShapebiasError: the worker cannot compute the study, for the reason that it states; or workers die at start.
        """
        import ray
        from ray.exceptions import RayError

        actor = self.opening.pop(reference)
        try:
            facts = ray.get(reference)
        except RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise ShapebiasError(
                    f"{self._failed_starts} workers died one after the other while they started; the last said: {error}"
                ) from error
            self.fill()
            return
        if facts.problem:
            raise ShapebiasError(facts.problem)
        self._failed_starts = 0
        self.members.append(Member(actor, facts))

    def wait(self, patience: float) -> None:
        """Wait until the workers that fit on the cluster have the study, or until the time is up and at least one has.

        Raises:
            ShapebiasError: no worker has started, or one cannot compute the study.
        """
        import ray

        self.fill()
        until = time.monotonic() + patience
        while self.opening and len(self.members) < self.resources.fitting:
            ready, _ = ray.wait([*self.opening], num_returns=1, timeout=max(0.0, until - time.monotonic()))
            if not ready:
                break
            self.opened(ready[0])
        if not self.members:
            raise ShapebiasError(
                f"no worker started within {patience:g} seconds; see 'ray status' for what the cluster is "
                "doing, or give a larger patience"
            )

    def check(self, works: Iterable[tuple[str, SentWork]]) -> Iterator[tuple[str, Any]]:
        """Load models, each on one of the workers; yield the names of those that do not fit, with the errors."""
        import ray

        waiting, running = iter(list(works)), {}
        free = [*self.members]
        while True:
            while free and (following := next(waiting, None)) is not None:
                model, work = following
                member = free.pop()
                running[member.actor.check.remote(work)] = (model, member)
            if not running:
                return
            (ready,), _ = ray.wait([*running], num_returns=1)
            model, member = running.pop(ready)
            free.append(member)
            try:
                error = ray.get(ready)
            except ray.exceptions.RayTaskError:
                raise
            except ray.exceptions.RayError:  # it died: its cells will say why, or the next worker computes them
                free.remove(member)
                self.lose(member)
                continue
            if error is not None:
                yield model, error

    def lose(self, member: Member) -> bool:
        """Replace a worker that died, or whose answers were lost.

        Returns:
            Whether its node is alive: then the computation may have killed the worker.
        """
        import ray

        ray.kill(member.actor)
        self.members.remove(member)
        self.lost += 1
        self.fill()
        return any(node["NodeID"] == member.facts.node and node["Alive"] for node in ray.nodes())

    def stop(self, members: Iterable[Member]) -> None:
        """Kill workers that are no longer needed, or whose work is no longer needed."""
        import ray

        for member in members:
            ray.kill(member.actor)
            self.members.remove(member)

    def close(self) -> None:
        """Kill all workers."""
        import ray

        self.stop([*self.members])
        for actor in self.opening.values():
            ray.kill(actor)
        self.opening.clear()


def _pickled(study: Any) -> bytes:
    """Pickle a study, including its live networks.

    Raises:
        ShapebiasError: one of them cannot be pickled.
    """
    from ray import cloudpickle

    try:
        found: bytes = cloudpickle.dumps(study)
    except Exception as error:
        live = [model.title for model in study.models if hasattr(model.settings, "classifier")]
        raise ShapebiasError(
            f"the live network {', '.join(map(repr, live))} cannot be sent to other processes: {error}; give its "
            "factory as import:MODULE:FACTORY, or save it and give checkpoint:FILE"
        ) from error
    return found
