"""Run the benchmarks one after another and write ``benchmarks/results.md``: ``make bench``, ``make bench-quick``.

    python benchmarks/run_all.py [--quick] [--only N] [--device cpu] [--output benchmarks/results.md]

Each benchmark is a script of its own that checks that all sides compute the same before it measures them in turn.  One
that fails, for example because a peer is not installed, is reported and the others go on.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import attrs
import torch

HERE = Path(__file__).parent
PACKAGES = (
    *("shapebias", "torch", "torchvision", "timm", "numpy", "h5py", "foolbox", "torchattacks", "captum", "grad-cam"),
    *("quantus", "imagecorruptions", "opencv-python-headless"),
)


ABOUT = """\
Each row has its command, which says how many images and rounds were taken, and the date. Seconds are CPU seconds of
the process on a CPU, and wall time on a GPU; *x* is how many times as long as shapebias each took, the median of the
rounds.
[performance.md](../docs/performance.md) says what this means, and why a row misses its aim."""


@attrs.frozen
class Row:
    """One benchmark: its aim, its command, whole and quick ("" leaves it out), and why it may miss the aim."""

    title: str
    aim: str
    command: str
    quick: str
    devices: tuple[str, ...] = ("cpu", "cuda")
    why: str = ""


ROWS = (
    Row(
        "1. `run` of MobileNetV2 against the bare loop",
        "at most 1.05 times the loop on a GPU, 1.08 times on 2 cores: 0.95 x and 0.93 x below",
        "engine.py --images 64 --rounds 3",
        "engine.py --images 8 --rounds 1",
        why=(
            "`run` also loads the weights, decodes the files and packs the store, which the loop does not; that "
            "weighs most with few images."
        ),
    ),
    Row(
        "2. PGD against Foolbox, torchattacks and a loop",
        "as many images right, within 1 %; 5 x where most images fall, 1.3 x on the robust network, never less than 1",
        "attacks.py --images 300 --rounds 1",
        "attacks.py --images 10 --rounds 1",
        why=(
            "The passes are the bound: on the robust network most images are right to the end and take all 20 "
            "steps on both sides, so the gain cannot exceed the ratio of the passes. As many passes on fewer "
            "images are a little slower each."
        ),
    ),
    Row(
        "3. A curve of six eps against Foolbox's list of epsilons",
        "4 x",
        "attacks.py --curve 1 --images 30 --rounds 1",
        "",
        why=(
            "The ratio of the passes is the bound, and the standard network comes near it. The robust network is so "
            "small that its passes on the few images that are left are slower each."
        ),
    ),
    Row(
        "4. SmoothGrad against bare passes and Captum",
        "at most 1.05 times the bare passes (0.95 x below), faster than Captum and one image at a time",
        "smoothgrad.py --images 1 --samples 16 --rounds 5",
        "smoothgrad.py --images 1 --samples 4 --rounds 1",
        why=(
            "It takes the same passes as Captum in the same chunks. Its noise, which does not depend on the batch, is "
            "1.2 % of the time, and that of Captum 0.9 %: neither can be faster than the other by more than that."
        ),
    ),
    Row(
        "4. Time and memory by the chunk",
        "the default is near the fastest; memory grows with the chunk only",
        "chunk.py --rounds 2",
        "",
        ("cpu",),
    ),
    Row(
        "5. Integrated gradients, Grad-CAM and occlusion against Captum and pytorch-grad-cam",
        "faster than each; no larger error",
        "maps.py --images 2 --steps 20 --rounds 3",
        "maps.py --images 1 --steps 4 --rounds 1",
        why=(
            "Each side takes the same passes. Of Grad-CAM, one forward pass without gradients is 93 % of the time; "
            "there is no more to gain than what lies around it."
        ),
    ),
    Row(
        "6. Cue conflict, files on disk to shape bias, against model-vs-human's flow",
        "1.5 x on 2 cores, 5 x on a GPU",
        "cue_conflict.py --rounds 2",
        "cue_conflict.py --images 64 --rounds 1",
    ),
    Row(
        "7. Deletion and insertion against Quantus and pytorch-grad-cam",
        "5 x",
        "faithfulness.py --images 2 --rounds 3",
        "faithfulness.py --images 1 --rounds 1",
        why=(
            "With MobileNetV2 all sides are their passes, and take as long as the bare passes. 5 x is reached only "
            "against ROAD, which solves a system of equations for each image and step."
        ),
    ),
    Row(
        "8. Transforms against code for one image at a time",
        "none slower: 1 x",
        "transforms.py --images 64 --slow 2 --rounds 5",
        "transforms.py --images 8 --slow 1 --rounds 1",
        why=(
            "`invert` and `silhouette` are nearly nothing but the way from bytes to a batch of floats, about 0.4 ms on "
            "both sides. Beyond it, each operation of PyTorch reads and writes a batch of 10 MB, 0.03 to 0.1 ms an "
            "image, where numpy and OpenCV have one image in the cache: that decides where a peer takes few operations "
            "(`brightness`, `channel-shuffle`, `patch-rotate`). OpenCV blurs, turns hues and denoises in one pass over "
            "registers, the last two with tables of 8 bits; ours compute in float32, as on a GPU. Canny's detector and "
            "the search for squares take some 50 such operations. benchmarks/notes.md has what was tried."
        ),
    ),
    Row(
        "8. Corruptions of ImageNet-C against imagecorruptions",
        "none slower: more images a second on the left; behind them how alike the results are",
        "../plugins/shapebias-corruptions/benchmarks/against_imagecorruptions.py ../shared/data/photos-imagenet",
        "",
        ("cpu",),
        why=(
            "Shot noise looks each value up in the distribution of its own mean, so that it depends on one random "
            "number; JPEG is coded by the same library, ours also converts floats to bytes and back; the others are "
            "slower by what their float32 or float64 takes beside 8 bits, spatter by the distances of drops, which "
            "OpenCV finds in two passes."
        ),
    ),
    Row(
        "9. Memory against the number of images",
        "less than 5 % more from 2,048 to 50,000",
        "memory.py --images 2048 20000 --size 32",
        "memory.py --images 256 1024 --size 32",
        ("cpu",),
    ),
    Row(
        "10. The store: share of the time, and size",
        "at most 3 % of the wall time; within 10 % of what the filter gives",
        "storage.py --images 64 --maps 300",
        "storage.py --images 8 --maps 32",
        ("cpu",),
        why=(
            "A part takes a few milliseconds and two calls of fsync whatever its size, so the share is larger for few "
            "images."
        ),
    ),
    Row(
        "11. Time against the number of cells",
        "linear; 5 ms a cell beside the network; 1,000 cells run again in 1 s",
        "cells.py --cells 10 100 1000",
        "cells.py --cells 10 100",
        ("cpu",),
        why=(
            "Writing a part is half of it: 45 attributes and 6 arrays, each with its checksum, and two calls of fsync. "
            "See benchmarks/notes.md."
        ),
    ),
    Row(
        "12. The command line",
        "0.25 s; `results` 1.5 s",
        "commands.py --rounds 3",
        "commands.py --rounds 1",
        ("cpu",),
    ),
    Row(
        "13. Training against a loop written by hand",
        "at most 1.05 times: 0.95 x below",
        "training.py --images 128 --rounds 3",
        "training.py --images 32 --rounds 1",
    ),
    Row(
        "14. Report and profile",
        "stated",
        "report.py --images 32",
        "",
        ("cpu",),
    ),
)


def machine(device: str) -> str:
    """Name the machine and the versions of what runs on it."""
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
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(  # noqa: S603 - our own scripts
        [sys.executable, HERE / words[0], *words[1:]], capture_output=True, text=True, check=False
    )
    said, why = done.stdout.rstrip(), f"\n{row.why}\n" if row.why else ""
    if done.returncode:
        said = f"{said}\nfailed: {_reason(done)}".strip()
        print(said, flush=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"  {time.monotonic() - began:.0f} s, {computed:.0f} s of CPU", flush=True)
    head = f"Aim: {row.aim}. `python benchmarks/{' '.join(words)}`, {time.strftime('%Y-%m-%d')}"
    return f"## {row.title}\n\n{head}\n\n```\n{said}\n```\n{why}"


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return the message of the error that ended a script, which may have several lines, or the signal that did."""
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}"
    lines = done.stderr.strip().splitlines()
    indented = [position for position, line in enumerate(lines) if line.startswith(" ")]
    return "\n".join(lines[max(indented, default=-1) + 1 :]) or f"exit status {done.returncode}"


def sections_of(path: Path) -> dict[str, str]:
    """Read the sections that a page has, by title."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {section.partition("\n")[0]: f"## {section.rstrip()}\n" for section in text.split("\n## ")[1:]}


def main() -> None:
    """Measure the rows and write the page, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few images and rounds, under three minutes")
    parser.add_argument(
        "--only", nargs="*", metavar="N", help="numbers of rows; the others stay as they are on the page"
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--output", type=Path, default=HERE / "results.md")
    options = parser.parse_args()
    rows = [row for row in ROWS if options.device in row.devices and (row.quick or not options.quick)]
    head = f"# Measured\n\n{machine(options.device)}\n\n{ABOUT}\n"
    sections = sections_of(options.output) if options.only else {}
    for row in rows:
        if not options.only or row.title.partition(".")[0] in options.only:
            sections[row.title] = measure(row, row.quick if options.quick else row.command, options.device)
            known = [sections[each.title] for each in ROWS if each.title in sections]
            options.output.write_text("\n".join([head, *known]), encoding="utf-8")


if __name__ == "__main__":
    main()
