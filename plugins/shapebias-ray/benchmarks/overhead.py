"""Overhead of a piece: pieces per second and memory of the driver, with workers that do nothing.

python plugins/shapebias-ray/benchmarks/overhead.py --pieces 10 100 1000 10000
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import ray
from shapebias_ray.pool import Pool, Resources
from shapebias_ray.scheduling import Scheduler
from shapebias_ray.worker import Facts, Surroundings

import shapebias as sb
from shapebias.plugin import ComputeOptions, Part, Plan, Work

_MODELS = 100
_IMAGES, _CLASSES = 2048, 100  # 819 kB of scores in each part


class IdleWorker:
    """A worker whose answers are zeros."""

    def open(self, surroundings: Any, study: Any, options: Any) -> Facts:
        """Report no problem."""
        return Facts("node", "host", os.getpid())

    def compute(self, work: Any, *, describe: bool, halvings: int = 0) -> Iterator[list[Part]]:
        """Return the parts of a piece."""
        for record, _, rows in work.tasks:
            yield [Part(record, np.array(rows), {"logits": np.zeros((_IMAGES, _CLASSES), np.float32)})]


def plan_of(pieces: int) -> Plan:
    """Plan many pieces: one cell of each model, in many parts."""
    from shapebias.engine.identity import Recorder
    from shapebias.engine.plan import Task

    models = min(_MODELS, pieces)
    study = sb.Study("stimuli:images=8,size=32", {f"m{n}": f"cnn:num_classes=8,seed={n}" for n in range(models)})
    cells = Recorder(study, "float32").cells()
    works = []
    for number in range(pieces // models):
        rows = tuple(range(number * 8, number * 8 + 8))
        tasks = tuple(Task(cell.cell, cell.record, cell.key, rows) for cell in cells)
        works.append(Work(study.datasets[0], tasks[0].record.dataset, rows, tasks))
    return Plan(study, ComputeOptions(), tuple(works))


def main() -> None:
    """Measure the overhead for several numbers of pieces."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    ray.init(num_cpus=given.workers, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 2**20)
    surroundings = Surroundings(sb.__version__, ".", {}, {}, ())
    for pieces in given.pieces:
        plan = plan_of(pieces)
        with mock.patch("shapebias_ray.pool.Worker", IdleWorker):
            pool = Pool(plan.study, plan.options, surroundings, Resources(1, 0, given.workers, given.workers))
            pool.wait(60)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        began, processor, parts = time.perf_counter(), time.process_time(), 0
        for message in Scheduler(plan, pool, 60).messages():
            parts += isinstance(message, Part)
        seconds, processor = time.perf_counter() - began, time.process_time() - processor
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        pool.close()
        print(
            f"{parts:>6} parts  {parts / seconds:6.0f} per second  {1000 * processor / parts:5.2f} ms of CPU time "
            f"each  peak {memory:4.0f} MiB, {memory - before:+.0f} since the start",
            flush=True,
        )
    ray.shutdown()


if __name__ == "__main__":
    main()
