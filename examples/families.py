"""Try one small architecture of every family of timm, with random weights: does everything work that is done with it?

    python examples/families.py families.csv [--only WORD]
    python examples/families.py families.csv --table

A network answers images of its own size; gradients and maps are tried with 96 pixels where it takes them, which is
enough to see whether they exist.  A row is written as soon as it is known, and rows that the file has are not computed
again.  ``--table`` prints the rows as the table of docs/families.md.
"""

from __future__ import annotations

import argparse
import csv
import platform
from collections import defaultdict
from pathlib import Path
from typing import Any

import attrs
import timm
import torch
from torch import Tensor, nn

import shapebias as sb
from shapebias.plugin import Classifier, ImageRandom, default_catalog, seeded_weights

_TOO_LARGE = ("large", "huge", "giant", "gigantic", "enormous", "_xl")
_CPU = torch.device("cpu")


@attrs.frozen
class Row:
    """What works with one architecture; where something does not, the reason."""

    family: str
    architecture: str
    parameters: int = 0
    input_size: str = ""
    answers: str = ""
    gradient: str = ""
    grad_cam: str = ""
    guided_backprop: str = ""


def families() -> dict[str, list[str]]:
    """Return the architectures of each family of timm: of each module that makes networks."""
    names = defaultdict(list)
    for name in timm.list_models():
        names[timm.models.model_entrypoint(name).__module__.rpartition(".")[2]].append(name)
    return dict(sorted(names.items()))


def smallest(names: list[str]) -> str:
    """Return the architecture that costs least: parameters times pixels.

    timm's own test networks, and whatever has a large size in its name, are left out where there are others.
    """
    real = [name for name in names if not name.startswith("test_")] or names
    return min([name for name in real if not any(word in name for word in _TOO_LARGE)] or real, key=_cost)


def _cost(name: str) -> tuple[int, str]:
    with torch.device("meta"):
        network = timm.create_model(name)
    config: Any = network.pretrained_cfg
    return sum(weight.numel() for weight in network.parameters()) * config["input_size"][-1] ** 2, name


def examine(family: str, architecture: str) -> Row:
    """Load an architecture with random weights and try it on two images of noise, larger than its own size."""
    row = Row(family, architecture)
    try:
        model: Classifier = default_catalog().component("model", f"timm:{architecture},pretrained=false").load(_CPU)
    except sb.ShapebiasError as refused:
        return attrs.evolve(row, answers=_reason(refused))
    _fill_zeros(model.module)
    height, width = model.input_size or (224, 224)
    images = torch.rand(2, 3, height + 8, width + 8, generator=torch.Generator().manual_seed(0))
    answers, small = _answers(model, images), _smaller(model)
    return attrs.evolve(
        row,
        parameters=sum(weight.numel() for weight in model.module.parameters()),
        input_size=f"{height}x{width}",
        answers=answers,
        gradient=_map(small, images, "gradient"),
        grad_cam=_grad_cam(small, images),
        guided_backprop=_map(small, images, "guided-backprop"),
    )


def _fill_zeros(network: nn.Module) -> None:
    """Draw the matrices that begin at zero, such as some classifiers, with which nothing has a gradient."""
    with seeded_weights(0), torch.no_grad():
        for weight in network.parameters():
            if weight.ndim > 1 and not weight.any():
                nn.init.normal_(weight, std=weight[0].numel() ** -0.5)


def _smaller(model: Classifier) -> Classifier:
    """Return the network for 96 pixels, or as it is where it takes only its own size."""
    small = attrs.evolve(model, input_size=(96, 96))
    try:
        with torch.no_grad(), small.evaluating():
            small(torch.rand(1, 3, 96, 96))
    except Exception:  # noqa: BLE001 - networks refuse a size in many ways
        return model
    return small


def _answers(model: Classifier, images: Tensor) -> str:
    with torch.no_grad(), model.evaluating():
        scores = model(images)
    if not scores.isfinite().all():
        return "scores are not finite"
    return "yes" if not torch.equal(scores[0], scores[1]) else "the same for every image"


def _map(model: Classifier, images: Tensor, method: str) -> str:
    """Draw a map and tell what is wrong with it."""
    saliency = default_catalog().component("saliency", method).settings
    rng = ImageRandom.for_images(0, method, 0, ["noise"], _CPU)
    try:
        with model.evaluating():
            maps = saliency(model, images[:1], torch.tensor([1]), rng)
    except sb.ShapebiasError as refused:
        return _reason(refused)
    if not maps.isfinite().all():
        return "the map is not finite"
    return "yes" if maps.any() else "the map is zero"


def _grad_cam(model: Classifier, images: Tensor) -> str:
    """Name the feature layer and its axes, where Grad-CAM has a map."""
    found = _map(model, images, "grad-cam:relu=false")
    if found != "yes" or model.features is None:
        return found
    names = {layer: name for name, layer in model.module.named_modules()}
    return f"{names[model.features.module]} ({model.features.layout})"


def _reason(refused: sb.ShapebiasError) -> str:
    """Return the first part of a refusal, which says why."""
    return str(refused).splitlines()[0].partition(";")[0]


def read(path: Path) -> list[Row]:
    """Read the rows that are known."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    return [Row(**{**row, "parameters": int(row["parameters"])}) for row in rows]


def write(path: Path, row: Row) -> None:
    """Append a row."""
    is_new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in attrs.fields(Row)])
        if is_new:
            writer.writeheader()
        writer.writerow(attrs.asdict(row))


def table(rows: list[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [
        "| family | architecture | M parameters | pixels | answers | gradient | Grad-CAM layer | guided backprop |"
    ]
    lines += ["|---|---|---:|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda each: each.family):
        size = row.input_size.partition("x")[0]
        lines.append(
            f"| {row.family} | `{row.architecture}` | {row.parameters / 1e6:.1f} | {size} | {row.answers} | "
            f"{row.gradient} | {row.grad_cam} | {row.guided_backprop} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Examine every family, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", help="the families whose name has this word")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        print(table(read(given.file)))
        print(f"\ntimm {timm.__version__}, torch {torch.__version__}, {platform.machine()}")
        return
    known = {row.family for row in read(given.file)}
    for family, names in families().items():
        if family not in known and given.only in family:
            row = examine(family, smallest(names))
            write(given.file, row)
            print(*attrs.astuple(row), sep=" | ", flush=True)


if __name__ == "__main__":
    main()
