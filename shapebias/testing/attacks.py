"""Rules of attacks."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.errors import ShapebiasError
from shapebias.testing.methods import add_rules_of_methods
from shapebias.testing.rules import NotApplicable, Rules, require
from shapebias.testing.subjects import Subject

__all__ = ["RULES"]

RULES: Rules[Subject] = Rules()
_SLACK = 1e-5  # float32
_ORDERS = {"linf": float("inf"), "l2": 2.0, "l1": 1.0}


def attack(subject: Subject, rows: Any = slice(None), loaded: Any = None) -> Tensor:
    """Attack some of the five images; with a list of eps, the first axis is eps."""
    with subject.model.evaluating(), torch.no_grad():
        return call(subject, rows, loaded)


def call(subject: Subject, rows: Any = slice(None), loaded: Any = None) -> Tensor:
    """Attack a model that is already in eval mode."""
    run, images, labels = loaded or subject.loaded, subject.images[rows], subject.labels[rows]
    result: Tensor = run(subject.model, images, labels, subject.random()[rows])
    return result


def eps_values(subject: Subject) -> tuple[float, ...] | None:
    """Return the attack's list of eps; None if it has no such parameter."""
    eps = getattr(subject.component.settings, "eps", None)
    if eps is None:
        return None
    return tuple(float(each) for each in (eps if isinstance(eps, tuple) else (eps,)))


def several(subject: Subject) -> bool:
    """Return whether the result has an eps axis."""
    return len(eps_values(subject) or ()) > 1


def norm(subject: Subject) -> float:
    """Return the order of the norm of the ball."""
    names: tuple[str, ...] = subject.component.spec.norms
    name = getattr(subject.component.settings, "norm", None) or (names[0] if len(names) == 1 else None)
    if name not in _ORDERS or eps_values(subject) is None:
        raise NotApplicable(f"no parameter eps with a norm ({', '.join(_ORDERS)}) defines the ball")
    return _ORDERS[name]


@RULES("keeps shape, type and device", "the next step, a transform or the model, takes the same kind of images")
def _keeps_shape(subject: Subject) -> None:
    result, images = attack(subject), subject.images
    wanted = (len(eps_values(subject) or ()), *images.shape) if several(subject) else images.shape
    require(tuple(result.shape) == tuple(wanted), f"{tuple(images.shape)} became {tuple(result.shape)}")
    require(result.dtype == images.dtype, f"{images.dtype} became {result.dtype}")
    require(result.device == images.device, f"images on {images.device} became images on {result.device}")
    require(not result.requires_grad, "the result requires gradients")


@RULES("stays in [0, 1]", "pixels outside [0, 1] are not an image, and show nothing about the model")
def _stays_in_range(subject: Subject) -> None:
    result = attack(subject)
    require(result.isfinite().all(), "NaN or infinite pixels")
    low, high = float(result.min()), float(result.max())
    require(low >= 0 and high <= 1, f"pixels from {low:.6g} to {high:.6g}")


@RULES("stays in its ball", "robust accuracy is defined for images in the ball; with others it is another number")
def _stays_in_ball(subject: Subject) -> None:
    order, result = norm(subject), attack(subject)
    for eps, images in zip(eps_values(subject) or (), result if several(subject) else result[None], strict=True):
        size = torch.linalg.vector_norm((images - subject.images).double().flatten(1), ord=order, dim=1)
        require(
            (size <= eps * (1 + _SLACK) + _SLACK).all(), f"eps={eps:.6g}, but a perturbation of {float(size.max()):.6g}"
        )


@RULES("does nothing at eps=0", "the curve over eps starts at the clean accuracy")
def _identity_at_zero(subject: Subject) -> None:
    if eps_values(subject) is None:
        raise NotApplicable("no parameter eps")
    settings = subject.component.settings
    try:
        nothing = attrs.evolve(settings, eps=(0.0,) if isinstance(settings.eps, tuple) else 0.0)
    except ShapebiasError as error:
        raise NotApplicable(f"eps=0 is refused: {error}") from error
    run = attrs.evolve(subject, component=attrs.evolve(subject.component, settings=nothing)).loaded
    moved = float((attack(subject, loaded=run) - subject.images).abs().max())
    require(moved <= 1e-6, f"a pixel moved by {moved:.3g}")


@RULES("does not make the model surer", "an attack that lowers the loss overstates the robustness of the model")
def _loss_does_not_fall(subject: Subject) -> None:
    result = attack(subject)
    worst = result[-1] if several(subject) else result
    with subject.model.evaluating(), torch.no_grad():
        before, after = (functional.cross_entropy(subject.model(x), subject.labels) for x in (subject.images, worst))
    require(after >= before - 1e-4, f"the mean loss of the labels falls from {before:.4g} to {after:.4g}")


add_rules_of_methods(RULES, call, lambda subject: int(several(subject)))
