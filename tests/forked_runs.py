"""Runs of the command line in forks of one process; each can be ended, or refused its files, at a known moment."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

__all__ = ["ForkedRuns", "forked_runs"]

# A process that has imported everything once, and forks the runs of each line that it reads.  A run counts how often it
# touches the files of its folder; at the n-th time it can send itself a signal, or be refused every write from then on,
# so that a seed decides the moment, not the load of the machine.
RUNS = """
import errno, json, multiprocessing, os, resource, sys
import pandas, pooch, requests, timm, tomli_w, torchvision
import shapebias.engine, shapebias.profiling, shapebias.rendering.make, shapebias.training.loop
from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog
from shapebias.store import os_errors

counts, here, job = multiprocessing.RawArray("q", 16), 0, {}
TOUCHES = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

def is_inside(path):
    path = os.fsdecode(path) if isinstance(path, (bytes, os.PathLike)) else path
    return isinstance(path, str) and (not os.path.isabs(path) or path.startswith(job["folder"]))

def touch(event, details):
    if event in TOUCHES and is_inside(details[0]):
        counts[here] += 1
        if number := job["signals"].get(str(counts[here])):
            os.kill(os.getpid(), number)
        needs_room = event == "os.mkdir" or (event == "open" and details[2] & WRITES)
        refused = needs_room or (event != "open" and job["refuse"] and job["refuse"][1] != errno.ENOSPC)
        if job["refuse"] and counts[here] >= job["refuse"][0] and refused:
            raise OSError(job["refuse"][1], os.strerror(job["refuse"][1]), details[0])

def run():
    os.chdir(job["folder"])
    os.environ.update(job["environment"])
    if job["environment"]:
        default_catalog.cache_clear()  # it may name other plugins
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open("stderr", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (job["most_bytes"], job["most_bytes"]))
    sys.addaudithook(touch)
    status = 1
    try:
        main(job["command"], prog_name="shapebias")
    except SystemExit as end:
        status = end.code or 0
    finally:
        os._exit(status)

default_catalog()  # once, for all forks
check = os_errors.DeferredErrorFile.check  # after each array that is packed
os_errors.DeferredErrorFile.check = lambda self: touch("open", ("run.h5", "rb", 0)) or check(self)

for line in sys.stdin:
    children = []
    for here, job in enumerate(json.loads(line)):
        counts[here] = 0
        children.append(os.fork() or run())
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(json.dumps([[status, counts[index]] for index, status in enumerate(statuses)]), flush=True)
"""


class ForkedRuns:
    """Runs commands, each in a fork and in a folder; what it says on stderr is in the file ``stderr`` there."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, command, folder, **options) -> list[int]:
        """Run one command; return its status and how often it touched its files.

        Args:
            command: the words after ``shapebias``.
            folder: where it runs.
            options: of :meth:`job`.
        """
        return self.at_once([self.job(command, folder, **options)])[0]

    @staticmethod
    def job(command, folder, kill_before=0, most_bytes=-1, signals=None, refuse=None, environment=None):
        """Describe a run.

        Args:
            command: the words after ``shapebias``.
            folder: where it runs.
            kill_before: it is killed just before it touches its files for that time, from 1; 0 leaves it alone.
            most_bytes: no file may be longer; -1 for no limit.
            signals: which signals it sends itself, by the same moments.
            refuse: a moment and the number of the error that every write gives from then on.
            environment: variables.
        """
        signals = {str(moment): int(number) for moment, number in (signals or {}).items()}
        if kill_before:
            signals[str(kill_before)] = 9
        whole = {"command": [*map(str, command)], "folder": str(Path(folder).resolve()), "most_bytes": most_bytes}
        return {**whole, "signals": signals, "refuse": refuse, "environment": environment or {}}

    def at_once(self, jobs) -> list[list[int]]:
        """Run at most 16 jobs beside each other; return the status and the touches of each."""
        print(json.dumps(jobs), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def forked_runs():
    """Give a :class:`ForkedRuns`, whose process ends with the context."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = [sys.executable, "-c", RUNS]
    with subprocess.Popen(process, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as runs:
        yield ForkedRuns(runs)
