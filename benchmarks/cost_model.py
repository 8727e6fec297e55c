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
import h5py
import numpy as np
import torch
from PIL import Image
from torch.nn import functional

import shapebias as sb
from shapebias.engine.batch_size import usual_batch_size
from shapebias.engine.identity import Recorder
from shapebias.engine.plan import plan_works
from shapebias.images.decoded import DecodedImages
from shapebias.images.first import FirstImages
from shapebias.plugin import ImageRandom, LocalExecutor, Plan, Work, default_catalog, pieces

CPU = torch.device("cpu")
SIZE, CLASSES, WIDTH = 64, 20, 8
STEPS = 5
TRANSFORM = "saturate"
PGD = f"pgd:eps=4/255,steps={STEPS},keep=last"  # every image takes every step
WORKERS = 4
THUMBNAIL_BYTES = 3 * 64**2


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


SHAPES = (Shape(1, 400), Shape(2, 200, 6), Shape(6, 100, 3), Shape(2, 100, 1, attack=True), Shape(8, 32, 7))


@attrs.frozen
class Prices:
    """What one of each costs, in seconds of a core, and in bytes of the file.

    ``part`` and ``run``, and the bytes of a cell and of a file, are what is left of the smallest studies.
    """

    forward: float
    step: float
    transform: float
    decode: float
    thumbnail: float
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
            + shape.images * (decoded * self.decode + self.thumbnail)
            + transformed * shape.images * shape.transforms * self.transform
            + shape.models * shape.conditions * math.ceil(shape.images / 2048) * self.part
        )

    def size(self, shape: Shape) -> float:
        """Predict the bytes of a file."""
        cells = shape.models * shape.conditions
        of_images = shape.images * (THUMBNAIL_BYTES + cells * (4 * CLASSES + 8))
        return self.file_bytes + cells * self.cell_bytes + of_images


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


def stored_thumbnails(decoded: DecodedImages) -> None:
    """Make thumbnails and compress them, each alone."""
    thumbnails = decoded.thumbnails(range(len(decoded.rows)))
    how = {"chunks": (1, *thumbnails.shape[1:]), "compression": "gzip", "compression_opts": 1, "shuffle": True}
    with h5py.File.in_memory() as file:
        file.create_dataset("thumbnails", data=thumbnails, **how)


def price(call: Callable[[], object], count: int = 1) -> float:
    """Return the CPU seconds of a call for each of so many images: the median of five, after one that warms up."""
    call()
    return statistics.median(seconds(call) for _ in range(5)) / count


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

    decoded = DecodedImages(dataset, range(count), 1)
    decoded.readable()
    with network.evaluating():
        passes = price(forward, count), price(step, count)
    each = Prices(
        *passes,
        transform=price(lambda: transform(images, rng), count),
        decode=price(lambda: [dataset[row] for row in range(count)], count),
        thumbnail=price(lambda: stored_thumbnails(decoded), count),
        load=price(lambda: model.load(CPU)),
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


def in_pieces(shape: Shape, folder: Path) -> float:
    """Run a study as the workers of a cluster do, one after the other; return its seconds."""
    with tempfile.TemporaryDirectory() as output:
        path = Path(output) / "run.h5"
        study, options = study_of(shape, folder), {"device": "cpu", "workers": 1}
        return seconds(lambda: sb.run(study, path, executor=InPieces(), **options).close())


class InPieces(LocalExecutor):
    """Computes pieces as so many workers would, each with its own models and images."""

    def execute(self, plan: Plan, *, describe: bool = True) -> Iterator[object]:
        """Compute the pieces of each worker; only the first one describes the images."""
        cut = pieces(plan.works, WORKERS)
        for number in range(WORKERS):
            worker = LocalExecutor(keep_images=True)
            for work in cut[number * len(cut) // WORKERS : (number + 1) * len(cut) // WORKERS]:
                yield from worker.execute(Plan(plan.study, plan.options, (work,)), describe=describe)
                describe = False
            worker.close()


def decoded_in_pieces(shape: Shape, folder: Path) -> int:
    """Count the workers that have a piece; each decodes the images once, as there is one part."""
    study = study_of(shape, folder)
    works: list[Work] = list(plan_works(study, Recorder(study, "float32").cells(), {}, FirstImages()))
    return min(WORKERS, len(pieces(works, WORKERS)))


def show(shape: Shape, way: str, unit: str, pairs: list[tuple[float, float]]) -> bool:
    """Print what was predicted and measured; say whether the median of the ratios is within 20 %."""
    predicted, measured = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(spent / guess for guess, spent in pairs)
    print(
        f"{shape!s:<53} {way:<6} predicted {predicted:7.2f} {unit} measured {measured:7.2f} {unit} ratio {ratio:5.2f}"
    )
    return abs(ratio - 1) <= 0.2


def main() -> None:
    """Predict and measure each shape, in turn, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    good: list[bool] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_up_images(folder, max(shape.images for shape in SHAPES))
        local(Shape(1, 8, 1, attack=True), folder)  # what is imported and warmed up at the first run is not counted
        for shape in SHAPES:
            workers = decoded_in_pieces(shape, folder)
            here, cut, sizes = [], [], []
            for _ in range(given.rounds):
                known = prices(folder)  # beside each run: what others do on this machine changes from minute to minute
                spent, size = local(shape, folder)
                here.append((known.seconds(shape, 1, 1), spent))
                cut.append((known.seconds(shape, workers, shape.models), in_pieces(shape, folder)))
                sizes.append((known.size(shape) / 1e6, size / 1e6))
            good += [
                show(shape, "local", " s", here),
                show(shape, "pieces", " s", cut),
                show(shape, "file", "MB", sizes),
            ]
    print(f"within 20 %: {sum(good)} of {len(good)}")


if __name__ == "__main__":
    main()
