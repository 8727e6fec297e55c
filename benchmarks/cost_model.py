"""Does the cost model of docs/scale.md hold?  What it predicts, beside what small runs of several shapes cost.

    OMP_NUM_THREADS=1 python benchmarks/cost_model.py [--rounds 3] [--data FOLDER]

The prices, such as the images that a core decodes in a second, are measured alone, on primitives; the model multiplies
them.  *local* runs the study in this process.  *pieces* computes the pieces of four workers one after the other as a
worker of Ray does, so its seconds are those of all workers together.  All seconds are CPU seconds of the process.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import numpy as np
import torch
from PIL import Image
from torch.nn import functional

import shapebias as sb
from shapebias.engine.batch_size import usual_batch_size
from shapebias.engine.identity import Recorder
from shapebias.engine.plan import plan_works
from shapebias.images.first import FirstImages
from shapebias.plugin import ImageRandom, LocalExecutor, Plan, Work, default_catalog, pieces

CPU = torch.device("cpu")
SIZE, CLASSES, WIDTH = 96, 20, 24
STEPS = 5
TRANSFORM = "saturate"
PGD = f"pgd:eps=4/255,steps={STEPS},keep=last"  # every image takes every step
WORKERS = 4


@attrs.frozen
class Shape:
    """The shape of a study.

    Args:
        models, images: how many.
        transforms: how many conditions are a transform; there is always the clean one.
        attack: whether there is an attack too.
    """

    models: int
    images: int
    transforms: int = 0
    attack: bool = False

    @property
    def conditions(self) -> int:
        """How many conditions there are."""
        return 1 + self.transforms + self.attack

    def __str__(self) -> str:
        passes = f"{self.conditions} conditions{', one of them PGD' if self.attack else ''}"
        return f"{self.models} models, {self.images} images, {passes}"


SHAPES = (Shape(1, 400), Shape(2, 200, 6), Shape(6, 100, 3), Shape(2, 100, 1, attack=True), Shape(12, 32, 7))


@attrs.frozen
class Prices:
    """What one of each costs, in seconds of a core, and in bytes of the file.

    ``part`` and ``run``, and the bytes of a cell and of a file, are what is left of the smallest studies.
    """

    forward: float
    step: float
    transform: float
    decode: float
    load: float
    part: float
    run: float
    cell_bytes: float
    file_bytes: float

    def seconds(self, shape: Shape, decoded: int, transformed: int) -> float:
        """Predict the seconds of a study.

        Args:
            shape: its shape.
            decoded, transformed: how often each image is decoded, and transformed by each transform.
        """
        passes = shape.conditions * self.forward + shape.attack * STEPS * self.step
        return (
            self.run
            + shape.models * self.load
            + shape.models * shape.images * passes
            + decoded * shape.images * self.decode
            + transformed * shape.images * shape.transforms * self.transform
            + shape.models * shape.conditions * math.ceil(shape.images / 2048) * self.part
        )

    def size(self, shape: Shape) -> float:
        """Predict the bytes of a file."""
        cells = shape.models * shape.conditions
        return self.file_bytes + cells * self.cell_bytes + cells * shape.images * (4 * CLASSES + 8)


def made_up_images(folder: Path, count: int) -> None:
    """Write JPEG files of smooth noise, twice as large as they are used."""
    random = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"class-{number % CLASSES:02}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(random.integers(256, size=(24, 24, 3), dtype=np.uint8))
        coarse.resize((2 * SIZE, 2 * SIZE), Image.Resampling.BICUBIC).save(path, quality=90)


def model_text(seed: int) -> str:
    """Spell a small network."""
    return f"cnn:num_classes={CLASSES},width={WIDTH},seed={seed}"


def study_of(shape: Shape, folder: Path) -> sb.Study:
    """Make a study of a shape."""
    conditions = ["clean", *(f"{TRANSFORM}:p={level + 2}" for level in range(shape.transforms))]
    models = {f"net-{seed}": model_text(seed) for seed in range(shape.models)}
    data = f"folder:{folder},size={SIZE}"
    return sb.Study({"photos": data}, models, conditions + [PGD] * shape.attack, limit=shape.images)


def seconds(call: Callable[[], object]) -> float:
    """Return the CPU seconds of a call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def prices(folder: Path) -> Prices:
    """Measure what one of each costs, without an engine; the rest of the smallest studies is what the engine adds."""
    dataset = default_catalog().component("dataset", f"folder:{folder},size={SIZE}").settings
    count = usual_batch_size(SIZE * SIZE, CPU)
    samples = [dataset[row] for row in range(count)]
    images = torch.stack([torch.from_numpy(sample.image) for sample in samples]).permute(0, 3, 1, 2).float() / 255
    labels = torch.tensor([sample.label for sample in samples])
    model = default_catalog().component("model", model_text(0))
    network = model.load(CPU)
    transform = default_catalog().component("transform", f"{TRANSFORM}:p=8").settings
    rng = ImageRandom.for_images(0, TRANSFORM, 0, [sample.id for sample in samples], CPU)

    def forward() -> None:
        with torch.no_grad():
            network(images)

    def step() -> None:
        pixels = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(functional.cross_entropy(network(pixels), labels, reduction="sum"), pixels)
        (images + gradient.sign()).clamp(0, 1)

    with network.evaluating():
        forward_seconds, step_seconds = seconds(forward) and seconds(forward) / count, seconds(step) / count
    each = Prices(
        forward_seconds,
        step_seconds,
        transform=seconds(lambda: transform(images, rng)) / count,
        decode=seconds(lambda: [dataset[row] for row in range(count)]) / count,
        load=seconds(lambda: model.load(CPU)),
        **dict.fromkeys(("part", "run", "cell_bytes", "file_bytes"), 0),
    )
    more = 15
    small, larger = Shape(1, 1), Shape(1, 1, more)
    (one, one_bytes), (several, several_bytes) = (local(shape, folder) for shape in (small, larger))
    left, left_bytes = one - each.seconds(small, 1, 1), one_bytes - each.size(small)
    part = (several - each.seconds(larger, 1, 1) - left) / more
    cell_bytes = (several_bytes - each.size(larger) - left_bytes) / more
    return attrs.evolve(each, part=part, run=left - part, cell_bytes=cell_bytes, file_bytes=left_bytes - cell_bytes)


def local(shape: Shape, folder: Path) -> tuple[float, int]:
    """Run a study here; return its seconds and the size of its file."""
    with tempfile.TemporaryDirectory() as output:
        path = Path(output) / "run.h5"
        spent = seconds(lambda: sb.run(study_of(shape, folder), path, device="cpu", workers=1).close())
        return spent, path.stat().st_size


def in_pieces(shape: Shape, folder: Path) -> tuple[float, int]:
    """Run a study as the workers of a cluster do, one after the other."""
    with tempfile.TemporaryDirectory() as output:
        path = Path(output) / "run.h5"
        study, options = study_of(shape, folder), {"device": "cpu", "workers": 1}
        spent = seconds(lambda: sb.run(study, path, executor=InPieces(), **options).close())
        return spent, path.stat().st_size


class InPieces(LocalExecutor):
    """Computes pieces as so many workers would, each with its own models and images."""

    def execute(self, plan: Plan) -> Iterator[object]:
        """Compute the pieces of each worker."""
        cut = pieces(plan.works, WORKERS)
        for number in range(WORKERS):
            worker = LocalExecutor(keep_images=True)
            for work in cut[number * len(cut) // WORKERS : (number + 1) * len(cut) // WORKERS]:
                yield from worker.execute(Plan(plan.study, plan.options, (work,)))
            worker.close()


def decoded_in_pieces(shape: Shape, folder: Path) -> int:
    """Count the workers that have a piece; each decodes the images once, as there is one part."""
    study = study_of(shape, folder)
    works: list[Work] = list(plan_works(study, Recorder(study, "float32").cells(), {}, FirstImages()))
    return min(WORKERS, len(pieces(works, WORKERS)))


def main() -> None:
    """Predict and measure each shape, in turn, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rows: dict[tuple[Shape, str], list[tuple[float, float]]] = {}
    sizes: dict[Shape, tuple[float, int]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_up_images(folder, 400)
        local(Shape(1, 8, 1, attack=True), folder)  # what is imported and warmed up at the first run is not counted
        for _ in range(given.rounds):
            for shape in SHAPES:
                known = prices(folder)  # beside each run: what others do on this machine changes from minute to minute
                spent, size = local(shape, folder)
                rows.setdefault((shape, "local"), []).append((known.seconds(shape, 1, 1), spent))
                sizes[shape] = known.size(shape), size
                spent, _ = in_pieces(shape, folder)
                workers = decoded_in_pieces(shape, folder)
                rows.setdefault((shape, "pieces"), []).append((known.seconds(shape, workers, shape.models), spent))
    within = 0
    for (shape, way), pairs in rows.items():
        predicted, measured = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(spent / guess for guess, spent in pairs)
        within += abs(ratio - 1) <= 0.2
        print(f"{shape!s:<55} {way:<7} predicted {predicted:5.2f} s  measured {measured:5.2f} s  ratio {ratio:5.2f}")
    for shape, (predicted, measured) in sizes.items():
        ratio = measured / predicted
        within += abs(ratio - 1) <= 0.2
        sizes_said = f"predicted {predicted / 1000:5.0f} kB measured {measured / 1000:5.0f} kB ratio {ratio:5.2f}"
        print(f"{shape!s:<55} file    {sizes_said}")
    print(f"within 20 %: {within} of {len(rows) + len(sizes)}")


if __name__ == "__main__":
    main()
