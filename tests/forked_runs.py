"""Runs of the command line in forks of one process, each of which can be killed at a known moment."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

__all__ = ["forked_runs"]

# A process that has imported everything once, and forks one run for each line that it reads.  A run can kill itself
# just before it touches its files for the n-th time, so that a seed decides the moment, not the load of the machine.
RUNS = """
import json, multiprocessing, os, resource, signal, sys
import pandas, timm, tomli_w, torchvision
import shapebias.engine, shapebias.training.loop
from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog
from shapebias.store import os_errors

count, deadly = multiprocessing.RawValue("q"), 0
TOUCHES = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
FILES = (".h5", ".safetensors")

def touch(event, details):
    if event in TOUCHES and (any(name in str(details) for name in FILES) or event == "os.rmdir"):
        count.value += 1
        if count.value == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

default_catalog()  # once, for all forks
check = os_errors.DeferredErrorFile.check  # after each array that is packed
os_errors.DeferredErrorFile.check = lambda self: touch("open", "run.h5") or check(self)

for line in sys.stdin:
    folder, deadly, most_bytes, command = json.loads(line)
    count.value = 0
    if (child := os.fork()) == 0:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open("stderr", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
        sys.addaudithook(touch)
        status = 1
        try:
            main(command, prog_name="shapebias")
        except SystemExit as end:
            status = end.code or 0
        finally:
            os._exit(status)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), count.value]), flush=True)
"""


@contextlib.contextmanager
def forked_runs():
    """Give a function that runs a command in a folder, and returns its status and how often it touched its files."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = [sys.executable, "-c", RUNS]
    with subprocess.Popen(process, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as runs:

        def one(command, folder, kill_before=0, most_bytes=-1):
            print(json.dumps([str(folder), kill_before, most_bytes, command]), file=runs.stdin, flush=True)
            return json.loads(runs.stdout.readline())

        yield one
