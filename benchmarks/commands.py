"""How long does the command line take to answer?  CPU seconds of whole processes.

    OMP_NUM_THREADS=1 python benchmarks/commands.py [--rounds 5]

The results file has 4 cells of 56 stimuli.  The commands take turns with a bare interpreter and ``import pandas``, and
the medians are shown.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import shapebias as sb

CONDITIONS = ["clean", "saturate:p=8", "patch-shuffle:k=4", "grayscale"]


def cpu_seconds(command: list[str]) -> float:
    """Run a command and return the CPU seconds of its process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print one line per command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        study = sb.Study("stimuli:cue=conflict,images=56,size=32", "cnn:num_classes=8,width=8", CONDITIONS)
        sb.run(study, path, device="cpu").close()
        shapebias = [sys.executable, "-m", "shapebias"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import pandas'": [sys.executable, "-c", "import pandas"],
            "python -c 'import torch'": [sys.executable, "-c", "import torch"],
            "shapebias --help": [*shapebias, "--help"],
            "shapebias list": [*shapebias, "list"],
            "shapebias show saturate": [*shapebias, "show", "saturate"],
            "shapebias show imagenet-r": [*shapebias, "show", "imagenet-r"],
            "shapebias show pgd": [*shapebias, "show", "pgd"],
            "shapebias results run.h5": [*shapebias, "results", str(path)],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                seconds[name].append(cpu_seconds(command))
    for name, values in seconds.items():
        print(f"{name:28}{statistics.median(values):6.2f} s")


if __name__ == "__main__":
    main()
