"""Does this image classifier look at shape or at texture?

A study runs models over images whose texture or shape has been destroyed, and keeps every answer in one file:

    import shapebias as sb

    study = sb.Study("cue-conflict:PATH", "timm:resnet50", ["clean", "saturate:p=8", "patch-shuffle:k=4"])
    results = sb.run(study, "run.h5")
    results.metric("shape-bias")

Every name is imported when it is first used, so that ``import shapebias`` is quick.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapebias.baselines import Baseline, blank
    from shapebias.catalog import Catalog, default_catalog
    from shapebias.classifier import Classifier
    from shapebias.contracts import Attacked, Attributed, Features, Sample, Transformed
    from shapebias.data import fetch
    from shapebias.engine import Interrupted, Made, Preview, Progress, evaluate, make, preview, run
    from shapebias.errors import ShapebiasError
    from shapebias.fetching import Archive, Source, held
    from shapebias.files import download
    from shapebias.hookspecs import hookimpl
    from shapebias.image_files import images_below, read_image
    from shapebias.labels import class_order, imagenet_wnids
    from shapebias.objectives import Objective, Reduction, objective_values, pixel_gradient, reduce_channels
    from shapebias.params import Options, numbers, param
    from shapebias.relus import ChangedReLUs
    from shapebias.reporting.comparison import compare
    from shapebias.reporting.drawing import figure
    from shapebias.reporting.page import report
    from shapebias.rng import ImageRandom, seeded
    from shapebias.specs import (
        AttackSpec,
        DatasetSpec,
        MetricSpec,
        ModelSpec,
        ProbeSpec,
        SaliencySpec,
        TransformSpec,
    )
    from shapebias.store import Results, drop, merge, pack, verify
    from shapebias.store import open_store as open  # noqa: A004 - read as shapebias.open
    from shapebias.study import Cell, Condition, Study
    from shapebias.training.loop import train
    from shapebias.training.recipe import Recipe

    __version__: str

_NAMES = {
    "baselines": "Baseline blank",
    "catalog": "Catalog default_catalog",
    "classifier": "Classifier",
    "contracts": "Attacked Attributed Features Sample Transformed",
    "data": "fetch",
    "engine": "Interrupted Made Preview Progress evaluate make preview run",
    "errors": "ShapebiasError",
    "fetching": "Archive Source held",
    "files": "download",
    "hookspecs": "hookimpl",
    "image_files": "images_below read_image",
    "labels": "class_order imagenet_wnids",
    "objectives": "Objective Reduction objective_values pixel_gradient reduce_channels",
    "params": "Options numbers param",
    "relus": "ChangedReLUs",
    "reporting.comparison": "compare",
    "reporting.drawing": "figure",
    "reporting.page": "report",
    "rng": "ImageRandom seeded",
    "specs": "AttackSpec DatasetSpec MetricSpec ModelSpec ProbeSpec SaliencySpec TransformSpec",
    "store": "Results drop merge open pack verify",
    "study": "Cell Condition Study",
    "training.loop": "train",
    "training.recipe": "Recipe",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [
    "Archive",
    "AttackSpec",
    "Attacked",
    "Attributed",
    "Baseline",
    "Catalog",
    "Cell",
    "ChangedReLUs",
    "Classifier",
    "Condition",
    "DatasetSpec",
    "Features",
    "ImageRandom",
    "Interrupted",
    "Made",
    "MetricSpec",
    "ModelSpec",
    "Objective",
    "Options",
    "Preview",
    "ProbeSpec",
    "Progress",
    "Recipe",
    "Reduction",
    "Results",
    "SaliencySpec",
    "Sample",
    "ShapebiasError",
    "Source",
    "Study",
    "TransformSpec",
    "Transformed",
    "__version__",
    "blank",
    "class_order",
    "compare",
    "default_catalog",
    "download",
    "drop",
    "evaluate",
    "fetch",
    "figure",
    "held",
    "hookimpl",
    "imagenet_wnids",
    "images_below",
    "make",
    "merge",
    "numbers",
    "objective_values",
    "open",
    "pack",
    "param",
    "pixel_gradient",
    "preview",
    "read_image",
    "reduce_channels",
    "report",
    "run",
    "seeded",
    "train",
    "verify",
]


if not TYPE_CHECKING:  # a type checker would take any name for a public one

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used."""
        if name == "__version__":
            return metadata.version("shapebias")
        if name not in _HOMES:
            raise AttributeError(f"module 'shapebias' has no attribute {name!r}")
        module = importlib.import_module(f"shapebias.{_HOMES[name]}")
        value = globals()[name] = getattr(module, "open_store" if name == "open" else name)
        return value


def __dir__() -> list[str]:
    return [*__all__]
