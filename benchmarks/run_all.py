"""Run the benchmarks one after another and write ``benchmarks/results.md``: ``make bench``, ``make bench-quick``.

    python benchmarks/run_all.py [--quick] [--device cpu] [--output benchmarks/results.md]

Each benchmark is a separate script that checks that all sides compute the same before it measures them in turn.  A
benchmark that fails, for example because a peer is not installed, is reported, and the others continue.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import attrs
import torch

HERE = Path(__file__).parent
PACKAGES = ("shapebias", "torch", "torchvision", "timm", "numpy", "h5py", "foolbox", "captum")


@attrs.frozen
class Row:
    """One benchmark: what it measures, its aim, and its full and its quick command."""

    title: str
    aim: str
    command: str
    quick: str
    devices: tuple[str, ...] = ("cpu", "cuda")


ROWS = (
    Row(
        "Classification: `run` against the bare loop",
        "at most 1.05 times the loop on a GPU, 1.08 times on 2 cores",
        "engine.py --images 96 --rounds 5",
        "engine.py --images 32 --rounds 2",
    ),
    Row(
        "PGD against Foolbox and a hand-written loop",
        "as many images right; never slower, 5 times faster where most images fall",
        "attacks.py --images 32 --rounds 3",
        "attacks.py --images 8 --steps 4 --rounds 1",
    ),
    Row(
        "SmoothGrad against the bare passes and Captum",
        "at most 1.05 times the passes",
        "saliency.py --images 2 --samples 16 --rounds 5",
        "saliency.py --images 1 --samples 8 --rounds 3",
    ),
    Row(
        "Memory against the number of images",
        "less than 5 % more",
        "memory.py --images 2048 50000 --size 32",
        "memory.py --images 256 2048 --size 32",
        ("cpu",),
    ),
    Row(
        "Time against the number of cells",
        "linear; 5 ms a cell beside the network; 1,000 cells run again in 1 s",
        "cells.py --cells 10 100 1000",
        "cells.py --cells 10 100",
        ("cpu",),
    ),
    Row(
        "The command line",
        "0.25 s; `results` 1.5 s",
        "commands.py --rounds 5",
        "commands.py --rounds 1",
        ("cpu",),
    ),
)


def machine(device: str) -> str:
    """Name the machine and the versions of the libraries."""
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads of PyTorch"
    gpu = f", {torch.cuda.get_device_name()}" if device == "cuda" else ""
    installed = {each.metadata["Name"] for each in metadata.distributions()}
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES if name in installed)
    return f"{_processor()}, {cores}{gpu}; Python {platform.python_version()}, {versions}."


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def measure(row: Row, command: str, device: str) -> str:
    """Run one benchmark and return its section."""
    words = command.split() + (["--device", device] if "cuda" in row.devices and device != "cpu" else [])
    print(f"{' '.join(words)} ...", flush=True)
    done = subprocess.run(  # noqa: S603 - our own scripts
        [sys.executable, HERE / words[0], *words[1:]], capture_output=True, text=True, check=False
    )
    said = done.stdout.rstrip() if done.returncode == 0 else f"failed: {done.stderr.strip().splitlines()[-1]}"
    return f"## {row.title}\n\nAim: {row.aim}. `python benchmarks/{' '.join(words)}`\n\n```\n{said}\n```\n"


def main() -> None:
    """Run all rows and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few images and rounds, under three minutes")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--output", type=Path, default=HERE / "results.md")
    options = parser.parse_args()
    rows = [row for row in ROWS if options.device in row.devices]
    sections = [measure(row, row.quick if options.quick else row.command, options.device) for row in rows]
    size = "Few images and rounds (`--quick`). " if options.quick else ""
    about = "[performance.md](../docs/performance.md) says what this means."
    head = f"# Measured\n\n{size}{machine(options.device)}\n\n{about}\n"
    options.output.write_text("\n".join([head, *sections]), encoding="utf-8")


if __name__ == "__main__":
    main()
