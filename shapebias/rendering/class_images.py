"""Class images: what a network associates with a class, found by a large targeted perturbation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from shapebias.errors import StudyError, suggestion
from shapebias.networks.labels import imagenet_names, imagenet_wnids
from shapebias.plugins.catalog import Component, default_catalog
from shapebias.study import Condition, as_datasets

__all__ = ["CLASS_ATTACK", "towards"]

CLASS_ATTACK = "pgd:eps=40/255,steps=120,step_size=1/40,random_start=false"
"""120 steps of 1/255 within 40/255, linf: large enough for people to see the change itself."""


def towards(dataset: Any, classes: Sequence[str], attacks: Sequence[Any] = ()) -> tuple[Condition, ...]:
    """Make the conditions that change each image towards a class, up to the last step of an attack.

    The images of adversarially trained networks look like the class, those of standard ones like noise: Zhang & Zhu
    2019, "Interpreting adversarially trained convolutional neural networks", show such images; Tsipras et al. 2019,
    "Robustness may be at odds with accuracy", section 3.

    Args:
        dataset: the data set, as in :class:`shapebias.Study`.
        classes: names of its classes, or their indices in digits.
        attacks: attacks with ``target`` and ``keep``; none takes :data:`CLASS_ATTACK`.

    Raises:
        StudyError: there are several data sets, there is no such class, or an attack cannot be targeted.

    >>> [condition.title for condition in towards("stimuli", ["0", "disc/dots"])]
    ['towards disc/dots']
    """
    source, *more = as_datasets(dataset)
    if more:
        raise StudyError(f"a class belongs to one data set, and there are {1 + len(more)}; name one")
    classes_of_set = tuple(source.settings.classes)
    names = imagenet_names() if classes_of_set == imagenet_wnids() else classes_of_set
    indices = dict.fromkeys(_index(name, names, source.text) for name in classes)
    chosen = [_component(attack) for attack in attacks or [CLASS_ATTACK]]
    return tuple(
        Condition((_targeted(attack, index),), f"towards {names[index]}" + (f", {attack.title}" if attacks else ""))
        for attack in chosen
        for index in indices
    )


def _component(attack: Any) -> Component:
    if isinstance(attack, Component):
        return attack
    catalog = default_catalog()
    return catalog.component("attack", attack) if isinstance(attack, str) else catalog.wrap("attack", attack)


def _index(name: str, names: Sequence[str], dataset: str) -> int:
    if name in names:
        return names.index(name)
    if name.isdecimal() and int(name) < len(names):
        return int(name)
    raise StudyError(
        f"{dataset} has no class {name!r}{suggestion(name, names)}; give a name, or an index from 0 to {len(names) - 1}"
    )


def _targeted(attack: Component, target: int) -> Component:
    """Return the attack with a target; it runs to its last step even after it has succeeded."""
    known = {field.name for field in attrs.fields(type(attack.settings))}
    if not known >= {"target", "keep"}:
        raise StudyError(f"{attack.text} cannot be targeted at a class: it has no parameter target; use pgd or fgsm")
    settings = attrs.evolve(attack.settings, target=target, keep="last")
    return attrs.evolve(attack, settings=settings, label=None)
