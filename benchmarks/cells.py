"""What is the overhead of a cell?  ``run`` of many small cells, its parts, and a rerun with nothing to do.

    OMP_NUM_THREADS=1 python benchmarks/cells.py [--cells 10 100 1000]

Each cell is one transform of 16 stimuli of 32 pixels and a small network.  *network* is the bare loop of the same
transforms and forward passes; it is checked to predict the same.  All seconds are CPU seconds of the process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import shapebias as sb
from shapebias.plugin import ImageRandom, default_catalog

DATASET, MODEL = "stimuli:images=16,size=32", "cnn:num_classes=8,width=8"


def make_study(cells: int) -> sb.Study:
    """Make a study of one data set and model under this many conditions."""
    return sb.Study(DATASET, MODEL, [f"saturate:p={2 + number / cells}" for number in range(cells)])


def by_hand(study: sb.Study) -> list[list[int]]:
    """Transform and predict in a bare loop."""
    dataset, network = study.datasets[0].settings, study.models[0].load(torch.device("cpu"))
    samples = [dataset[index] for index in range(len(dataset))]
    images = torch.stack([torch.from_numpy(sample.image) for sample in samples]).permute(0, 3, 1, 2) / 255
    rng = ImageRandom.for_images(0, "saturate", 0, [sample.id for sample in samples], torch.device("cpu"))
    answers = []
    with torch.no_grad(), network.evaluating():
        for condition in study.conditions:
            step = default_catalog().component("transform", condition.text)
            answers.append(network(step.settings(images, rng)).argmax(dim=1).tolist())
    return answers


def seconds(call: Callable[[], object]) -> float:
    """Return the CPU seconds of a call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def measure(cells: int) -> None:
    """Run this many cells, check them against the loop, and print a line."""
    study = make_study(cells)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        ran = seconds(lambda: sb.run(study, path, device="cpu").close())
        bare = seconds(lambda: by_hand(study))
        again = seconds(lambda: sb.run(study, path, device="cpu").close())
        opened = seconds(lambda: sb.open(path).close())
        with sb.open(path) as results:
            assert [each.prediction.tolist() for each in results.answers()] == by_hand(study)
    overhead = (ran - bare) / cells * 1000
    print(f"{cells:>6}{ran:>7.2f} s{bare:>7.2f} s{overhead:>16.1f} ms{again:>9.2f} s{opened:>6.2f} s")


def main() -> None:
    """Print one line per count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="+", default=[10, 100, 1000])
    options = parser.parse_args()
    by_hand(make_study(3))  # the first call initialises PyTorch
    print(f"{'cells':>6}{'run':>9}{'network':>9}{'beside it, a cell':>19}{'run again':>11}{'open':>8}")
    for cells in options.cells:
        measure(cells)


if __name__ == "__main__":
    main()
