"""Are the attacks as strong as torchattacks' ports of the authors' code?  Same network, images and numbers of steps.

    pip install torchattacks shapebias-autoattack       (in a separate environment: it needs an old requests)
    OMP_NUM_THREADS=1 python plugins/shapebias-autoattack/benchmarks/against_torchattacks.py [--norm l2 --eps 0.5]

Run from the project's root, where the example plugin with the networks is; images and weights are read from
``$SHAPEBIAS_TEST_DATA`` (default ``../shared/data``).  The table shows how many images are still classified correctly
after each attack, on how many the two disagree, and the seconds.  Random starts differ, so an attack may succeed on a
few images in only one of the two.  FAB only minimises the distance, so only its examples within eps count.

torchattacks' `AutoAttack` runs its parts with 10 steps instead of the paper's 100; here its parts are made separately,
with the same numbers as ours.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import torch
from PIL import Image
from shapebias_autoattack.apgd import Apgd
from shapebias_autoattack.autoattack import AutoAttack
from shapebias_autoattack.fab import Fab
from shapebias_autoattack.square import Square
from torch import Tensor, nn

import shapebias as sb
from shapebias import plugin

DATA = Path(os.environ.get("SHAPEBIAS_TEST_DATA", "../shared/data"))


class Scores(nn.Module):
    """The classifier as the module that torchattacks expects."""

    def __init__(self, model: sb.Classifier) -> None:
        super().__init__()
        self.network, self.model = model.module, model

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the scores."""
        return self.model(pixels)


def photos(count: int) -> tuple[Tensor, Tensor, list[str]]:
    """Read images of all classes."""
    folder = DATA / "cifar10-lossless"
    files = sorted(folder.glob("*/*.png"))
    classes = sorted({file.parent.name for file in files})
    files = files[:: max(len(files) // count, 1)][:count]
    pixels = torch.from_numpy(np.stack([np.asarray(Image.open(file)) for file in files])).permute(0, 3, 1, 2) / 255
    pixels = pixels.contiguous()  # torchattacks' FAB requires it
    return pixels, torch.tensor([classes.index(file.parent.name) for file in files]), [file.name for file in files]


def pairs(options: argparse.Namespace, network: nn.Module) -> dict[str, tuple[object, Callable[..., Tensor]]]:
    """Make each attack twice, ours first."""
    import torchattacks  # not at the top: tests import this file in environments without it

    eps, norm, steps, queries = options.eps, options.norm, options.steps, options.queries
    settings = {"eps": eps, "norm": {"linf": "Linf", "l2": "L2"}[norm]}
    theirs = [
        torchattacks.APGD(network, **settings, steps=steps),
        torchattacks.APGDT(network, **settings, steps=steps, n_classes=10),
        torchattacks.FAB(network, **settings, steps=steps, n_restarts=1, multi_targeted=True, n_classes=10),
        torchattacks.Square(network, **settings, n_queries=queries, n_restarts=1),
    ]
    return {
        "apgd": (Apgd(eps, norm, steps=steps), theirs[0]),
        "apgd, targeted dlr": (Apgd(eps, norm, "targeted-dlr", steps=steps), theirs[1]),
        "fab": (Fab(eps, norm, steps=steps), theirs[2]),
        "square": (Square(eps, norm, queries=queries), theirs[3]),
        "autoattack": (AutoAttack(eps, norm, steps=steps, queries=queries), torchattacks.MultiAttack(theirs)),
    }


def main() -> None:
    """Run the attacks in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=f"cifar-resnet2b2:{DATA}/weights/cifar10/resnet2b2_sadv8.safetensors")
    parser.add_argument("--norm", choices=["linf", "l2"], default="linf")
    parser.add_argument("--eps", type=float, default=8 / 255)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--queries", type=int, default=5000)
    options = parser.parse_args()

    component = sb.Catalog(plugin.discover([Path("examples/plugins")])).component("model", options.model)
    model = attrs.evolve(component.settings.load(torch.device("cpu")), chunk=options.images)
    images, labels, ids = photos(options.images)
    rng = plugin.ImageRandom.for_images(0, "autoattack", 0, ids)

    def evaluate(attack: Callable[[], Tensor]) -> tuple[Tensor, float]:
        begun = time.perf_counter()
        found = attack()
        seconds = time.perf_counter() - begun
        changes = (found - images).flatten(1)
        sizes = torch.linalg.vector_norm(changes, ord={"linf": float("inf"), "l2": 2}[options.norm], dim=1)
        with torch.no_grad():
            return (model(found).argmax(dim=1) == labels) | (sizes > options.eps * (1 + 1e-4)), seconds

    with model.evaluating():
        network = Scores(model).eval()
        right = int(evaluate(lambda: images)[0].sum())
        print(f"{right} of {len(images)} images are classified correctly, {options.norm} eps {options.eps:.4g}")
        print(f"{'':20}{'here':>6}{'torchattacks':>14}{'differ':>8}{'seconds':>9}{'theirs':>8}")
        for name, (ours, theirs) in pairs(options, network).items():
            mine, seconds = evaluate(lambda attack=ours: attack(model, images, labels, rng))
            other, their_seconds = evaluate(lambda attack=theirs: attack(images, labels).detach())
            differ = int((mine != other).sum())
            counts = f"{int(mine.sum()):6d}{int(other.sum()):14d}{differ:8d}"
            print(f"{name:20}{counts}{seconds:9.0f}{their_seconds:8.0f}", flush=True)


if __name__ == "__main__":
    main()
