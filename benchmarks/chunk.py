"""Which chunk suits a network?  Time and memory of forward and backward passes by the number of images in one pass.

    python benchmarks/chunk.py --model timm:resnet50 --size 224 --device cuda

The fastest number is for ``--chunk``: it depends on the network, the device and the threads.  Nothing is chosen by the
clock in a run, because a network's kernels may round differently for another number of images; *differs by* is how much
the gradients differ from those of the largest chunk, relative to their largest value.  Each chunk is measured in a
process of its own for the peak of its memory, then all take turns.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
from pathlib import Path

import attrs
import torch
from side_by_side import MOBILENET, load_model, numbers, take_turns

from shapebias.plugin import Classifier, pixel_gradient

CHUNKS = (1, 2, 4, 8, 16)


def work(model: Classifier, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Make random images and their labels."""
    ids = [str(index) for index in range(CHUNKS[-1])]
    images = numbers("chunk", ids, model.device).uniform("images", 0, (3, size, size))
    with torch.no_grad(), model.evaluating():
        return images, torch.cat([model(each) for each in images.split(4)]).argmax(dim=1)


def peak(model_text: str, size: int, chunk: int, device: str) -> float:
    """Return the peak of memory in MiB, in a fresh process."""
    model = attrs.evolve(load_model(model_text, torch.device(device)), chunk=chunk)
    images, labels = work(model, size)
    with model.evaluating():
        pixel_gradient(model, images, labels)
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 2**20
    # Not of getrusage, which counts the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 2**10


def main() -> None:
    """Print a line for each chunk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MOBILENET)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    model = load_model(options.model, torch.device(options.device))
    images, labels = work(model, options.size)
    models = {chunk: attrs.evolve(model, chunk=chunk) for chunk in CHUNKS}
    with model.evaluating():
        found = {chunk: pixel_gradient(each, images, labels)[0] for chunk, each in models.items()}
        calls = {str(chunk): lambda each=each: pixel_gradient(each, images, labels) for chunk, each in models.items()}
        taken = take_turns(calls, options.rounds, model.device)
    largest = found[CHUNKS[-1]]
    print(f"{'chunk':>5}{'ms an image':>13}{'peak':>10}{'differs by':>13}")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for chunk in CHUNKS:
            memory = pool.apply(peak, (options.model, options.size, chunk, options.device))
            time = 1000 * statistics.median(taken[str(chunk)]) / len(images)
            difference = float((found[chunk] - largest).abs().max() / largest.abs().max())
            print(f"{chunk:>5}{time:>13.1f}{memory:>6.0f} MiB{difference:>13.0e}", flush=True)


if __name__ == "__main__":
    main()
