"""A recipe: the network, the images, the attack and the hyperparameters of one training run."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from shapebias.errors import ShapebiasError, StudyError
from shapebias.plugins.catalog import Component
from shapebias.plugins.specs import Kind
from shapebias.spelling.params import param
from shapebias.study.config import component, each, parse_toml, structure, to_toml

__all__ = ["Keep", "Optimiser", "Precision", "Recipe", "Schedule"]

Optimiser: TypeAlias = Literal["sgd", "adamw"]
Schedule: TypeAlias = Literal["one-cycle", "cosine", "constant"]
Keep: TypeAlias = Literal["best", "last"]
Precision: TypeAlias = Literal["float32", "bfloat16"]


_NO_TEXT = {"spelled": False}  # a component is not a single value


def _one(kind: Kind, *, default: Any = attrs.NOTHING) -> Any:
    """Declare a field that is one component, or None if the field is optional."""

    def read(given: Any, field: attrs.Attribute[Any]) -> Component | None:
        if given is None and field.default is None:
            return None
        try:
            return component((kind,), given)
        except ShapebiasError as error:
            raise StudyError(f"{field.name}: {error}") from error

    return attrs.field(default=default, converter=attrs.Converter(read, takes_field=True), metadata=_NO_TEXT)


def _transforms(given: Any) -> tuple[Component, ...]:
    return each("transforms", functools.partial(component, ("transform",)), given)


def _validation(given: Any) -> Component | float:
    """Read a share of the training images, or a data set."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        if not 0 < given < 1:
            raise StudyError(f"validation: a share of the training images is between 0 and 1, got {given}")
        return float(given)
    try:
        return component(("dataset",), given)
    except ShapebiasError as error:
        raise StudyError(f"validation: {error}") from error


@attrs.frozen
class Recipe:
    """How one network is trained: standard without an attack, adversarial with one, accuracy-matched with ``match``.

    Components are text (``"pgd:eps=8/255,steps=7"``) or settings built in Python (``Pgd(steps=7)``).

    Args:
        model: the network; training starts from the weights that its settings load.
        dataset: the training images; the network is trained for the classes of this data set.
        attack: replaces every training image by an adversarial example, with one eps; images that are already
            misclassified are attacked too.
        transforms: applied to every training image before the attack, with new random numbers in every epoch, for
            example ``patch-shuffle:k=4``.
        flip: mirror each image left to right with probability 1/2.
        crop: shift each image by up to this many pixels along both axes; the border is filled with black.
        epochs: passes over all training images.
        batch_size: images per step; the batches of an epoch differ by at most one image.
        optimiser: ``sgd`` with Nesterov momentum, or ``adamw`` (Loshchilov & Hutter 2019).
        lr: the largest learning rate.
        momentum: the momentum of ``sgd``.
        weight_decay: the weight decay of all parameters.
        schedule: the learning rate over the steps: ``one-cycle`` (Smith & Topin 2018: up for three tenths, down to
            almost 0), ``cosine`` (down to 0), ``constant``.
        eps_warmup: epochs in which the eps of the attack rises linearly to its full value; without it, small networks
            may stay at chance.
        validation: the share of the training images of each class that is held out, or another data set.  Choices are
            never based on test images.
        validation_attack: the attack that measures robust accuracy, on the same images as clean accuracy; None takes
            the attack of training.
        keep: ``best`` keeps the epoch with the highest validation accuracy, robust if there is an attack and clean
            otherwise, the latest of equals; ``last`` keeps the last epoch.
        match: a checkpoint; training ends with the first epoch that reaches its clean accuracy on the validation
            images, as for the "underfitting" network of Zhang & Zhu 2019.
        seed: the seed of order, split, augmentation and attack; the model's settings have the seed of random weights.
        precision: ``bfloat16`` computes convolutions and products in 16 bits; weights stay in 32 bits.

    Raises:
        StudyError: a component or a combination is wrong.
        SpellingError: a number or a word is wrong.

    Source: the three kinds of training are those of Zhang & Zhu 2019, section 3.1.

    >>> recipe = Recipe("cnn:num_classes=8", "stimuli:images=4096", "fgsm:eps=8/255", epochs=10, eps_warmup=5)
    >>> Recipe.from_toml(recipe.to_toml()) == recipe
    True
    """

    model: Component = _one("model")
    dataset: Component = _one("dataset")
    attack: Component | None = _one("attack", default=None)
    transforms: tuple[Component, ...] = attrs.field(default=(), converter=_transforms, metadata=_NO_TEXT)
    flip: bool = param("mirror each image with probability 1/2", default=False)
    crop: int = param("largest shift of each image", default=0, ge=0, unit="pixels")
    epochs: int = param("passes over all training images", default=30, ge=1)
    batch_size: int = param("images per step", default=128, ge=1)
    optimiser: Optimiser = param("sgd with Nesterov momentum, or adamw", default="sgd")
    lr: float = param("largest learning rate", default=0.1, gt=0)
    momentum: float = param("momentum of sgd", default=0.9, ge=0, lt=1)
    weight_decay: float = param("weight decay of all parameters", default=5e-4, ge=0)
    schedule: Schedule = param("schedule of the learning rate", default="one-cycle")
    eps_warmup: float = param("epochs in which the eps of the attack rises to its full value", default=0, ge=0)
    validation: Component | float = attrs.field(default=0.1, converter=_validation, metadata=_NO_TEXT)
    validation_attack: Component | None = _one("attack", default=None)
    keep: Keep = param("the epoch that is kept, by validation accuracy", default="best")
    match: Path | None = param("stop at the clean validation accuracy of this checkpoint", default=None)
    seed: int = param("seed of order, split, augmentation and attack", default=0, ge=0, lt=2**63)
    precision: Precision = param("precision of convolutions and matrix products", default="float32")

    def __attrs_post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise StudyError("\n".join(problems))

    def _problems(self) -> Iterator[str]:
        if self.model.spec.needs_classes:
            yield f"model: {self.model.text} takes its classes from texts, and cannot be trained here"
        for name in ("attack", "validation_attack"):
            attack = getattr(self, name)
            eps = getattr(attack.settings, "eps", ()) if attack else ()
            if isinstance(eps, tuple) and len(eps) > 1:
                yield f"{name}: {attack.text!r} has {len(eps)} values of eps; training takes one"
        if self.eps_warmup and not hasattr(getattr(self.attack, "settings", None), "eps"):
            yield f"eps_warmup: is {self.eps_warmup:g}, but no attack has an eps"
        if self.eps_warmup > self.epochs:
            yield f"eps_warmup: is {self.eps_warmup:g}, longer than the {self.epochs} epochs of training"
        if self.validation == self.dataset:
            yield "validation: is the training set itself; give other images, or a share such as 0.1"

    @property
    def components(self) -> dict[str, Component]:
        """The components of the recipe, by field."""
        named = {
            name: getattr(self, name) for name in ("model", "dataset", "attack", "validation", "validation_attack")
        }
        named |= {f"transforms[{position}]": transform for position, transform in enumerate(self.transforms)}
        return {name: value for name, value in named.items() if isinstance(value, Component)}

    def holds_out_the_same_as(self, other: Recipe) -> bool:
        """Return whether no validation image of this recipe is a training image of the other."""
        if isinstance(self.validation, Component):
            return self.validation != other.dataset
        return (self.dataset, self.validation, self.seed) == (other.dataset, other.validation, other.seed)

    @classmethod
    def from_toml(cls, text: str, name: str = "recipe") -> Recipe:
        """Read a recipe file; every problem is reported at once, with its path.

        Args:
            text: the TOML: the fields of the recipe, components as text.
            name: the file's name, for messages.

        Raises:
            StudyError: the text is not TOML, or a key or value is wrong.
        """
        return cls.from_mapping(parse_toml(text, name), name)

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any], name: str = "recipe") -> Recipe:
        """Read a recipe from plain values; every problem is reported at once.

        Args:
            content: texts, numbers and lists, by the names of the fields.
            name: the name of their source, for messages.

        Raises:
            StudyError: a key or value is wrong.
        """
        return structure(cls, content, name)

    def to_toml(self) -> str:
        """Write the recipe as TOML that :meth:`from_toml` reads as an equal one."""
        return to_toml(self)
