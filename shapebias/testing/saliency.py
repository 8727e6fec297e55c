"""Rules of saliency methods."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import Attributed
from shapebias.testing.methods import add_rules_of_methods
from shapebias.testing.rules import BrokenRuleError, Rules, require
from shapebias.testing.subjects import (
    CLASSES,
    IDS,
    Subject,
    arrays,
    close,
    sample_model,
)

__all__ = ["RULES"]

RULES: Rules[Subject] = Rules()
_CHANGED = 1e-6  # of the map's largest value


def explain(
    subject: Subject, rows: Any = slice(None), targets: Tensor | None = None, model: Classifier | None = None
) -> object:
    """Explain some of the five images."""
    model, targets = model or subject.model, subject.labels if targets is None else targets
    with model.evaluating(), torch.no_grad():
        return call(subject, model, targets, rows)


def call(subject: Subject, model: Classifier, targets: Tensor, rows: Any = slice(None)) -> object:
    """Explain some of the images with a model that is already in eval mode."""
    result: object = subject.loaded(model, subject.images[rows], targets[rows], subject.random()[rows])
    return result


def maps(result: object) -> Tensor:
    """Return the maps of a result."""
    found = result.maps if isinstance(result, Attributed) else result
    if not isinstance(found, Tensor):
        raise BrokenRuleError(f"returned a {type(found).__name__}, not a tensor of maps")
    return found


def unchanged(here: Tensor, there: Tensor) -> list[str]:
    """Name the images whose maps are the same."""
    differ = (here - there).abs().flatten(1).amax(dim=1) > _CHANGED * there.abs().flatten(1).amax(dim=1)
    return [name for name, changed in zip(IDS, differ.tolist(), strict=True) if not changed]


@RULES("gives one finite map an image", "a map is drawn over its image: (N, H, W), one number per pixel")
def _gives_maps(subject: Subject) -> None:
    found = explain(subject)
    wanted = (len(IDS), *subject.images.shape[2:])
    require(maps(found).shape == wanted, f"maps of shape {tuple(maps(found).shape)}, not {wanted}")
    for name, array in arrays(found).items():
        require(len(array) == len(IDS), f"{name} has {len(array)} rows for {len(IDS)} images")
        require(array.isfinite().all(), f"{name} has NaN or infinite values")
        require(not array.requires_grad, f"{name} requires gradients")
        require(array.device == subject.images.device, f"{name} is on {array.device}")


@RULES("depends on the target", "a map that is the same for every class explains no answer")
def _depends_on_target(subject: Subject) -> None:
    others = (subject.labels + 1) % CLASSES
    same = unchanged(maps(explain(subject)), maps(explain(subject, targets=others)))
    require(not same, f"another target class, the same map of {', '.join(same)}")


@RULES("depends on the weights", "a map that does not depend on the network does not explain it (Adebayo et al. 2018)")
def _depends_on_weights(subject: Subject) -> None:
    other = sample_model(seed=7, device=subject.device)
    same = unchanged(maps(explain(subject)), maps(explain(subject, model=other)))
    require(not same, f"other weights, the same map of {', '.join(same)}")


@RULES("keeps to the model's chunk", "memory is bounded by the chunk, not by samples times images")
def _keeps_to_chunk(subject: Subject) -> None:
    sizes: list[int] = []
    targets = subject.labels  # this calls the model too
    hook = subject.model.module.register_forward_hook(lambda _module, inputs, _output: sizes.append(len(inputs[0])))
    try:
        explain(subject, targets=targets)
    finally:
        hook.remove()
    require(
        max(sizes, default=0) <= subject.model.chunk,
        f"{max(sizes, default=0)} images at once, chunk {subject.model.chunk}",
    )


@RULES(
    "does not depend on the chunk",
    "a run that is out of memory halves the chunk, which must not change the result",
)
def _independent_of_chunk(subject: Subject) -> None:
    usual = explain(subject)
    for chunk in (1, 2, 1000):
        difference = close(explain(subject, model=attrs.evolve(subject.model, chunk=chunk)), usual)
        require(difference is None, f"chunk={chunk}: {difference}")


add_rules_of_methods(RULES, lambda subject, rows: call(subject, subject.model, subject.labels, rows))
