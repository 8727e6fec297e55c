"""The images that a model gets: the stimuli after the attack and the transforms that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import torch

from shapebias.engine.evaluation.batch import ModelBatch, required_labels
from shapebias.engine.session import Session
from shapebias.images.transformed import TransformedImages, apply_transform
from shapebias.networks.classifier import Classifier
from shapebias.runtime.result_checks import checked_attack

if TYPE_CHECKING:
    from shapebias.plugins.catalog import Component
    from shapebias.study import Condition

__all__ = ["attack_batch", "eps_values"]


def eps_values(condition: Condition) -> list[float]:
    """List the eps of a condition's attack; with several, arrays have an eps axis."""
    eps = getattr(condition.attack.settings, "eps", ()) if condition.attack else ()
    return list(eps) if isinstance(eps, tuple) else [eps]


def attack_batch(
    session: Session,
    network: Classifier,
    condition: Condition,
    stimuli: TransformedImages,
    positions: Sequence[int],
) -> ModelBatch:
    """Attack the stimuli at some positions of the part, then apply the steps that follow the attack.

    Raises:
        DataError: the condition has an attack, and an image has no label.
        PluginError: the attack or a transform did not return images.
    """
    inputs = [stimuli.take(positions).to(network.device)]
    batch = ModelBatch(session, network, condition, inputs, eps_axis=len(eps_values(condition)) > 1)
    if condition.attack is not None:
        _attack(batch, condition.attack)
    for step_index, step in enumerate(condition.after, start=len(condition.before) + 1):
        transform, rng = batch.load(step), batch.random(step, step_index)
        batch.inputs = [apply_transform(step, transform, one, stimuli.decoded, rng) for one in batch.inputs]
    return batch


def _attack(batch: ModelBatch, attack: Component) -> None:
    """Replace the inputs by their adversarial examples, one batch for each eps."""
    (clean,) = batch.inputs
    run, labels = batch.load(attack), required_labels(clean)
    rng = batch.random(attack, len(batch.condition.before))
    result = batch.in_chunks(lambda network: batch.call(attack, run, network, clean.images, labels, rng))
    axis = [len(eps_values(batch.condition))] if batch.eps_axis else []
    attacked = checked_attack(attack.text, result, torch.Size([*axis, *clean.images.shape]))
    images = attacked.images.to(clean.images.dtype)
    batch.gradient_failed = list(attacked.gradient_failed if axis else [attacked.gradient_failed])
    batch.inputs = [attrs.evolve(clean, images=one) for one in (images if axis else [images])]
