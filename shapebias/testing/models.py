"""Rules of models."""

from __future__ import annotations

import torch
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.networks.state_hash import hash_state
from shapebias.testing.rules import BrokenRuleError, NotApplicable, Rules, require
from shapebias.testing.subjects import IDS, Subject, close, nothing_left_behind

__all__ = ["RULES"]

RULES: Rules[Subject] = Rules()


def classifier(subject: Subject) -> Classifier:
    """Return the loaded model."""
    loaded = subject.loaded
    if not isinstance(loaded, Classifier):
        raise BrokenRuleError(f"load(device) returned a {type(loaded).__name__}, not a shapebias.Classifier")
    return loaded


def scores(subject: Subject, images: Tensor) -> Tensor:
    """Return the scores of images."""
    model = classifier(subject)
    with model.evaluating(), torch.no_grad():
        return model(images)


def usual(subject: Subject) -> Tensor:
    """Return the five images at the model's input size."""
    size = classifier(subject).input_size
    if size is None:
        return subject.images
    return torch.nn.functional.interpolate(subject.images, size, mode="bilinear").clamp(0, 1)


@RULES("loads a classifier", "the engine calls every model with pixels and expects scores")
def _loads(subject: Subject) -> None:
    model = classifier(subject)
    require(
        str(model.device).startswith(subject.device), f"asked for {subject.device}, the weights are on {model.device}"
    )
    found = scores(subject, usual(subject))
    require(found.ndim == 2 and len(found) == len(IDS), f"scores of shape {tuple(found.shape)}, not (N, C)")
    require(found.isfinite().all(), "NaN or infinite scores")
    outputs = model.logits(usual(subject)[:1]).shape[1]
    named = model.classes is None or len(model.classes) == outputs
    require(named, f"{len(model.classes or ())} names for {outputs} outputs")


@RULES("takes pixels of any size", "resizing is the model's first step, so that every model sees the same stimulus")
def _takes_any_size(subject: Subject) -> None:
    larger = torch.nn.functional.interpolate(usual(subject), scale_factor=1.5, mode="bilinear").clamp(0, 1)
    found = scores(subject, larger)
    require(found.isfinite().all(), f"NaN or infinite scores for {larger.shape[2]} x {larger.shape[3]} pixels")


@RULES("has gradients in the pixels", "attacks and saliency methods differentiate through normalisation and resizing")
def _has_gradients(subject: Subject) -> None:
    model, images = classifier(subject), usual(subject)[:2].clone().requires_grad_()
    with model.evaluating():
        (gradient,) = torch.autograd.grad(model(images).logsumexp(dim=1).sum(), images)
    require(gradient.isfinite().all(), "NaN or infinite gradients")
    require((gradient != 0).any(), "the gradient is zero everywhere")


@RULES("loads the same weights every time", "a study that is continued must use the same model")
def _loads_the_same(subject: Subject) -> None:
    again = subject.load()
    require(hash_state(again.module) == hash_state(classifier(subject).module), "other weights the second time")


@RULES("leaves global random state alone", "other results must not depend on which models are loaded")
def _leaves_alone(subject: Subject) -> None:
    with nothing_left_behind(subject):
        subject.load()


@RULES("treats an image alone as in a batch", "results must not depend on batch size, order or workers")
def _independent_of_batch(subject: Subject) -> None:
    images = usual(subject)
    together = scores(subject, images)
    for row, name in enumerate(IDS):
        difference = close(scores(subject, images[[row]]), together, [row])
        require(difference is None, f"{name} alone: {difference}")


@RULES("declares features that it has", "Grad-CAM and similar methods read this layer")
def _features_are_there(subject: Subject) -> None:
    model = classifier(subject)
    if model.features is None:
        raise NotApplicable("no features are declared")
    seen: list[Tensor] = []
    hook = model.features.module.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        scores(subject, usual(subject))
    finally:
        hook.remove()
    require(seen, "a forward pass does not call the declared module")
    axes = len(model.features.layout)
    require(seen[0].ndim == axes, f"layout {model.features.layout}, but an output of shape {tuple(seen[0].shape)}")
