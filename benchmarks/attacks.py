"""What does PGD cost?  `pgd` against Foolbox's and a hand-written loop, on SqueezeNet and 224 x 224 photos.

    OMP_NUM_THREADS=1 python benchmarks/attacks.py [--images 32] [--steps 10] [--rounds 5] [--device cpu]

All start at the same random point and take the same steps in the same batches.  First the script checks that they end
at the same images (the sign of a gradient that is nearly 0 may differ) and leave equally many correctly classified.
Then they are timed in turn, so that a slow moment of the machine affects all of them.  The output has medians, and the
median ratio to the hand-written loop of the same turn.  `keep=first`, the default of evaluations, stops working on an
image once the attack on it has succeeded; the others take every step of every image.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import foolbox
import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

import shapebias as sb
from shapebias.attacks.pgd import Pgd
from shapebias.datasets.folder import Folder
from shapebias.plugin import IMAGENET_MEAN, IMAGENET_STD, LP_BALLS, ImageRandom

DATA = Path(os.environ.get("SHAPEBIAS_TEST_DATA", "../shared/data"))
EPS, STEP = 1 / 510, 1 / 4  # at half a level of 255 some photos are still classified correctly


class FromHere(foolbox.attacks.LinfProjectedGradientDescentAttack):
    """Foolbox's attack, which draws its own start, with a given start."""

    start: Tensor

    def get_random_start(self, x0: object, epsilon: float) -> object:  # noqa: ARG002 - Foolbox's call
        """Return the start."""
        return foolbox.attacks.base.ep.astensor(self.start)


def photos(count: int) -> tuple[Tensor, list[str]]:
    """Read the first photos, cropped to 224 x 224."""
    folder = DATA / "photos-imagenet"
    dataset = Folder(folder, labels="labels.csv", label_column="imagenet_index", label_space="imagenet-1k", size=224)
    samples = [dataset[index] for index in range(count)]
    images = torch.stack([torch.from_numpy(sample.image) for sample in samples]).permute(0, 3, 1, 2)
    return images / 255, [sample.id for sample in samples]


def by_hand(network: torch.nn.Module, images: Tensor, labels: Tensor, start: Tensor, steps: int) -> Tensor:
    """Run PGD as one would write it in a notebook."""
    mean, std = (torch.tensor(values, device=images.device).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    adversarial = start
    for _ in range(steps):
        pixels = adversarial.clone().requires_grad_()
        functional.cross_entropy(network((pixels - mean) / std), labels, reduction="sum").backward()
        moved = adversarial + STEP * EPS * pixels.grad.sign()
        adversarial = (images + (moved - images).clamp(-EPS, EPS)).clamp(0, 1)
    return adversarial


def contestants(options: argparse.Namespace) -> tuple[dict[str, Callable[[], Tensor]], Callable[[Tensor], int]]:
    """Prepare the attacks, and a function that counts the images that are classified correctly afterwards."""
    network = torchvision.models.squeezenet1_1()
    network.load_state_dict(load_file(DATA / "weights/imagenet/squeezenet1_1.safetensors"))
    network = network.eval().requires_grad_(requires_grad=False).to(options.device)
    model = sb.Classifier(network, chunk=options.batch)
    images, ids = photos(options.images)
    images = images.to(options.device)
    with torch.no_grad():
        labels = model(images).argmax(dim=1)  # every image is classified correctly at first
    rng = ImageRandom.for_images(0, "pgd", 0, ids, options.device)
    start = (images + EPS * LP_BALLS["linf"].uniform(rng, 0, images.shape[1:])).clamp(0, 1)
    batches = [slice(first, first + options.batch) for first in range(0, len(images), options.batch)]
    preprocessing = {"mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD), "axis": -3}
    theirs = foolbox.PyTorchModel(network, bounds=(0, 1), device=options.device, preprocessing=preprocessing)

    def foolboxes(some: slice) -> Tensor:
        attack = FromHere(rel_stepsize=STEP, steps=options.steps)
        attack.start = start[some]
        return attack.run(theirs, images[some], labels[some], epsilon=EPS)

    def ours(keep: str) -> Tensor:
        return Pgd(eps=EPS, steps=options.steps, step_size=STEP, keep=keep)(model, images, labels, rng)

    def right(attacked: Tensor) -> int:
        with torch.no_grad():
            return int((model(attacked).argmax(dim=1) == labels).sum())

    return {
        "by hand": lambda: torch.cat(
            [by_hand(network, images[some], labels[some], start[some], options.steps) for some in batches]
        ),
        "Foolbox": lambda: torch.cat([foolboxes(some) for some in batches]),
        "pgd:keep=last": lambda: ours("last"),
        "pgd:keep=worst": lambda: ours("worst"),
        "pgd": lambda: ours("first"),
    }, right


def main() -> None:
    """Check that all find the same images, then time them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    attacks, right = contestants(options)
    found = {name: attack() for name, attack in attacks.items()}
    counts = {name: right(images) for name, images in found.items()}
    for name in ("Foolbox", "pgd:keep=last"):
        differ = (found[name] - found["by hand"]).abs() > STEP * EPS / 2
        assert differ.float().mean() < 0.01, f"{name} ends elsewhere at {differ.float().mean():.2%} of the values"
    assert max(counts.values()) - min(counts.values()) <= 1, f"not as many are right: {counts}"
    # On a shared CPU, only the time of this process counts.
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in attacks}
    for _ in range(options.rounds):
        for name, attack in attacks.items():
            began = clock()
            attack()
            if options.device != "cpu":
                torch.cuda.synchronize()
            seconds[name].append(clock() - began)
    for name, values in seconds.items():
        ratio = statistics.median(one / hand for one, hand in zip(values, seconds["by hand"], strict=True))
        print(f"{name:15} median {statistics.median(values):7.3f} s   {ratio:5.2f} of by hand   right {counts[name]}")


if __name__ == "__main__":
    main()
