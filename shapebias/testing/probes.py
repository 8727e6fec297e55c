"""Rules of probes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.testing.methods import add_rules_of_methods
from shapebias.testing.rules import Rules, require
from shapebias.testing.subjects import IDS, Subject

__all__ = ["RULES"]

RULES: Rules[Subject] = Rules()


def measure(subject: Subject, rows: Any = slice(None)) -> object:
    """Measure some of the five images, with maps if the probe needs them."""
    with subject.model.evaluating(), torch.no_grad():
        return call(subject, rows)


def call(subject: Subject, rows: Any = slice(None)) -> object:
    """Measure with a model that is in eval mode already."""
    images, labels = subject.images[rows], subject.labels[rows]
    spec, explain = subject.component.spec, functools.partial(_explain, images=images, targets=labels)
    maps = explain(subject.model) if spec.needs_maps else None
    needs = {"explain": explain} if spec.needs_method else {}
    result: object = subject.loaded(subject.model, images, labels, maps, subject.random()[rows], **needs)
    return result


def _explain(model: Classifier, *, images: Tensor, targets: Tensor) -> Tensor:
    """Make maps that depend on the model, the pixels and the classes."""
    scores = torch.cat([model(some) for some in images.split(model.chunk)])
    return images.mean(dim=1) * scores.gather(1, targets[:, None])[:, :, None]


@RULES("gives named arrays, one row an image", "values are stored by image, so that metrics can pair and resample them")
def _gives_rows(subject: Subject) -> None:
    found = measure(subject)
    require(
        isinstance(found, Mapping) and found, f"returned {type(found).__name__}, not a mapping from names to arrays"
    )
    for name, array in dict(found).items():  # type: ignore[call-overload]
        require(isinstance(array, Tensor), f"{name} is a {type(array).__name__}, not a tensor")
        require(len(array) == len(IDS), f"{name} has {len(array)} rows for {len(IDS)} images")
        require(array.isfinite().all(), f"{name} has NaN or infinite values")
        require(not array.requires_grad, f"{name} requires gradients")


add_rules_of_methods(RULES, call)
