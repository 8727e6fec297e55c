"""The executor ``ray``: connect to a cluster, start workers, give them pieces."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import attrs

import shapebias
from shapebias.plugin import ComputeOptions, Message, Plan, Sender, SentWork, ShapebiasError, param
from shapebias_ray.pool import Pool, Resources
from shapebias_ray.scheduling import Scheduler
from shapebias_ray.worker import Surroundings

__all__ = ["Ray", "RayExecutor"]

_SECONDS = 10  # for a connection to the cluster


@attrs.frozen
class Ray:
    """Compute on the workers of a Ray cluster, each with its own device; pieces of one model go to one worker.

    ``ray`` alone starts Ray on this machine, for this run, with one worker for each GPU, or else for each CPU core.

    Source: Moritz et al. 2018, Ray: a distributed framework for emerging AI applications.
    """

    address: str = param("the cluster: local, auto (the one that this machine is in), or HOST:PORT", default="local")
    workers: int | None = param("processes; none takes one for each GPU, or else each CPU core", default=None, ge=1)
    cpus_per_worker: int = param("CPU cores of a worker", default=1, ge=1)
    gpus_per_worker: float | None = param("GPUs of a worker; none takes 1 if there are any", default=None, ge=0)
    patience: float = param("time to wait for a worker", default=600, ge=0, unit="seconds")

    def start(self) -> RayExecutor:
        """Return the executor; it connects when it is first used."""
        return RayExecutor(self)


@attrs.define(eq=False)
class RayExecutor:
    """A connection to a cluster, with workers that stay from the check to the end of the run.

    Args:
        settings: the settings of the executor.
    """

    settings: Ray
    _pool: Pool | None = attrs.field(default=None, init=False)
    _connected: bool = attrs.field(default=False, init=False)

    def describe_device(self, options: ComputeOptions) -> str:
        """Connect, and name the cluster.

        Raises:
            ShapebiasError: there is no cluster at this address, or it cannot hold a single worker.
        """
        import ray

        self._connect()
        resources = self._resources()
        nodes = sum(node["Alive"] for node in ray.nodes())
        kind = f"{resources.gpus:g} GPU" if resources.gpus else f"{resources.cpus:g} CPU"
        return f"Ray {ray.__version__}: {resources.workers} workers of {kind} on {nodes} nodes, device {options.device}"

    def _connect(self) -> None:
        import ray

        _require_server(self.settings.address)
        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options = {"include_dashboard": False} if self.settings.address == "local" else {}
        try:
            ray.init(self.settings.address, log_to_driver=False, logging_level="ERROR", **options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _no_cluster(self.settings.address, error) from error
        self._connected = True

    def _resources(self) -> Resources:
        """Return the resources of each worker, and the number of workers.

        Raises:
            ShapebiasError: no node has these resources.
        """
        import ray

        total = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = self.settings.gpus_per_worker
        if gpus is None:
            gpus = 1.0 if any(node.get("GPU", 0) >= 1 for node in total) else 0.0
        cpus = self.settings.cpus_per_worker
        fitting = sum(
            int(min(node.get("CPU", 0) // cpus, node.get("GPU", 0) / gpus if gpus else float("inf"))) for node in total
        )
        if not fitting:
            raise ShapebiasError(
                f"no node of the cluster has {cpus} CPU cores and {gpus:g} GPUs for a worker; lower cpus_per_worker or "
                "gpus_per_worker"
            )
        return Resources(cpus, gpus, self.settings.workers or fitting, min(self.settings.workers or fitting, fitting))

    def check(self, plan: Plan, first_images: Any) -> None:
        """Start the workers, check that every node has the study's files, and load each model once on some worker.

        Raises:
            ShapebiasError: a file is missing, or a model cannot be loaded; the message names node and path, or model.
        """
        pool = self._workers(plan)
        pool.wait(self.settings.patience)
        problems: dict[str, ShapebiasError] = {}
        for model, error in pool.check(_one_work_a_pair(plan)):
            problems.setdefault(f"{model}: {error}", error)
        if len(problems) == 1:
            (error,) = problems.values()
            raise error
        if problems:
            raise ShapebiasError("\n  ".join(["the study cannot run:", *problems]))

    def _workers(self, plan: Plan) -> Pool:
        """Return the workers that have this study."""
        self._connect()
        if self._pool is not None and self._pool.study is not plan.study:
            self._pool.close()
            self._pool = None
        if self._pool is None:
            self._pool = Pool(plan.study, plan.options, _surroundings(plan), self._resources())
        return self._pool

    def execute(self, plan: Plan) -> Generator[Message]:
        """Compute a plan; closing the generator stops the busy workers."""
        if not plan.works:
            return
        pool = self._workers(plan)
        pool.wait(self.settings.patience)
        yield from Scheduler(plan, pool, self.settings.patience).messages()

    def close(self) -> None:
        """Stop the workers, and leave the cluster; if this run started the cluster, it is shut down."""
        import ray

        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._connected:
            ray.shutdown()
            self._connected = False


def _no_cluster(address: str, error: Exception) -> ShapebiasError:
    return ShapebiasError(
        f"no Ray cluster at address={address}: {error}; start one with 'ray start --head', or leave the address out to "
        "use only this machine"
    )


def _require_server(address: str) -> None:
    """Check that something answers at HOST:PORT: where nothing does, Ray tries for many minutes.

    Raises:
        ShapebiasError: the host is unknown, or nothing answers at the port.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _one_work_a_pair(plan: Plan) -> Iterator[tuple[str, SentWork]]:
    """Yield one piece for each data set and model, and the model's name."""
    seen, sender = set(), Sender(plan.study)
    for work in plan.works:
        for task in work.tasks:
            pair = id(task.cell.dataset), id(task.cell.model)
            if pair not in seen:
                seen.add(pair)
                yield task.cell.model.title, sender.sent(work.with_tasks([task]))


def _surroundings(plan: Plan) -> Surroundings:
    folders = [Path(path) for path in os.environ.get("SHAPEBIAS_PLUGINS_DIR", "").split(os.pathsep) if path]
    return Surroundings(
        shapebias.__version__,
        str(Path.cwd()),
        {name: value for name, value in os.environ.items() if name.startswith("SHAPEBIAS_")},
        {file.name: file.read_bytes() for folder in folders for file in sorted(folder.glob("*.py"))},
        tuple(dict.fromkeys(_paths(plan))),
    )


def _paths(plan: Plan) -> Iterator[str]:
    """Yield the files and folders that the works and the study name."""
    components = {}
    for cell in (task.cell for work in plan.works for task in work.tasks):
        for component in (cell.dataset, cell.model, *cell.condition.steps, cell.saliency, cell.probe):
            if component is not None:
                components[id(component)] = component
    for component in components.values():
        yield from map(str, component.files)
    if plan.study.mapping is not None:
        yield str(plan.study.mapping)
