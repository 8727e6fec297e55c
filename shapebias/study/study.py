"""A study: data sets x models x conditions, perhaps with saliency methods and probes, and one seed."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from shapebias.errors import StudyError, listed
from shapebias.networks.labels import AGGREGATES, Aggregate
from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import EvalCrop
from shapebias.plugins.specs import Kind, ModelSpec
from shapebias.spelling.grammar import spell_label
from shapebias.study.cell import Cell
from shapebias.study.condition import _STEPS, CLEAN, Condition
from shapebias.study.config import component, each, is_whole, parse_toml, path, structure, to_toml, validator
from shapebias.study.live import is_live_data, live_component

if TYPE_CHECKING:
    import torch
    from torch import nn

    from shapebias.networks.classifier import Classifier

__all__ = ["Conditions", "Datasets", "Methods", "Models", "Study", "read_toml"]

One: TypeAlias = "str | Component | attrs.AttrsInstance"
"""A component: text, settings built in Python, or a component."""

Data: TypeAlias = "One | torch.utils.data.Dataset[Any] | Iterable[Any] | tuple[Any, Any]"
Datasets: TypeAlias = "Data | Iterable[Data] | Mapping[str, Data]"
"""Data sets: one, several, or by label; also live ones."""

Network: TypeAlias = "One | nn.Module | Classifier"
Models: TypeAlias = "Network | Iterable[Network] | Mapping[str, Network]"
"""Models: one, several, or by label; live networks by label."""

Step: TypeAlias = "One | Callable[..., Any]"
Given: TypeAlias = "Step | Condition | Sequence[Step]"
Conditions: TypeAlias = "Given | Iterable[Given] | Mapping[str, Given]"
"""Conditions: one, several, or by label; a sequence of steps is one condition."""

Methods: TypeAlias = "Step | Iterable[Step] | Mapping[str, Step]"
"""Saliency methods or probes: one, several, or by label."""

USUAL_CROP = EvalCrop(224, 256)
"""The crop of photographs for models that say none."""

LISTS = ("datasets", "models", "conditions", "saliency", "probes")


def _component(kinds: tuple[Kind, ...], given: object, label: str | None = None) -> Component:
    """Make a component of what a user may give: text, settings, a live network, or a component."""
    if kinds == ("model",) and callable(given) and not (attrs.has(type(given)) and hasattr(given, "load")):
        given = _live_model(given, label)
    if not isinstance(given, (str, Component)) and (live := live_component(kinds, given, label)):
        given = live
    return component(kinds, given, label)


def _live_model(model: Any, label: str | None) -> Component:
    from shapebias.networks.classifier import LiveModel

    if not label:
        raise StudyError(f"a live {type(model).__name__} needs a name: models={{'mine': model}}")
    return Component(ModelSpec("live", LiveModel), LiveModel.of(label, model), "live", label)


def _condition(given: object, label: str | None = None) -> Condition:
    if isinstance(given, str):
        given = Condition.parse(given)
    if isinstance(given, Condition):
        return attrs.evolve(given, label=label or given.label)
    if isinstance(given, Sequence):
        return Condition(tuple(_component(_STEPS, step) for step in given), label)
    step = _component(_STEPS, given, label)
    return Condition((step,), label or step.label)


def as_datasets(given: Datasets) -> tuple[Component, ...]:
    return each("datasets", functools.partial(_component, ("dataset",)), [given] if is_live_data(given) else given)


def as_models(given: Models) -> tuple[Component, ...]:
    return each("models", functools.partial(_component, ("model",)), given)


def as_conditions(given: Conditions) -> tuple[Condition, ...]:
    return each("conditions", _condition, given)


def _saliency(given: Methods) -> tuple[Component, ...]:
    return each("saliency", functools.partial(_component, ("saliency",)), given)


def _probes(given: Methods) -> tuple[Component, ...]:
    return each("probes", functools.partial(_component, ("probe",)), given)


# HDF5 and TOML hold whole numbers of 64 bits.
_check_seed = validator("a whole number from 0 to 2**63 - 1", lambda value: is_whole(value, 0))
_check_limit = validator("a whole number of at least 1", lambda value: is_whole(value, 1))
_check_path = validator("a path", lambda value: isinstance(value, Path))
_check_flag = validator("true or false", lambda value: isinstance(value, bool))
_check_aggregate = validator("mean, sum or max", lambda value: value in AGGREGATES)
_check_logits = validator(
    "'full', or 'top-10' for the ten best classes of each image",
    lambda value: isinstance(value, str) and re.fullmatch("full|top-[1-9][0-9]*", value) is not None,
)


@attrs.frozen
class Study:
    """What to run: every data set with every model under every condition.

    Each list takes text (``"timm:resnet50"``), settings built in Python (``Saturate(p=8)``), or a mapping from your own
    labels to either.  It also takes live objects:

    - as models: networks, by label;
    - as data: a data set of PyTorch or Hugging Face, a ``DataLoader``, or ``(images, labels)`` tensors;
    - as conditions: a transform of torchvision, a function of images, or an attack, of model, images and labels;
    - as saliency: a function of model, images and classes.

    Live objects are identified by their content; a study file cannot name them.

    Args:
        datasets: the data sets.
        models: the models.
        conditions: the conditions; only ``clean`` by default.
        saliency: saliency methods, for every data set, model and condition; none by default.
        probes: probes; a probe of saliency maps runs once for each method; none by default.
        seed: the seed of all random numbers; 0 by default.
        limit: the most images of each data set, evenly spaced; None takes all.
        saliency_limit: the most images for saliency maps and probes, evenly spaced among those of ``limit``.
        mapping: JSON file that maps the outputs of the models to the classes of the data sets.
        aggregate: the score of a class with several outputs: the log of the ``mean``, the ``sum`` or the largest
            (``max``) of their softmax probabilities; with ``max``, the predicted class is that of the largest logit.
        logits: ``full``, or ``top-K`` to keep only the K best classes of each image.
        keep_images: store the images that the model gets; false by default.

    Raises:
        StudyError: a list is empty, a value is wrong, or something is given twice.

    >>> study = Study("cue-conflict:PATH", "timm:resnet50", ["clean", "saturate:p=8"])
    >>> [cell.title for cell in study.cells()]
    ['cue-conflict:PATH | timm:resnet50 | clean', 'cue-conflict:PATH | timm:resnet50 | saturate:p=8']
    """

    datasets: tuple[Component, ...] = attrs.field(converter=as_datasets)
    models: tuple[Component, ...] = attrs.field(converter=as_models)
    conditions: tuple[Condition, ...] = attrs.field(default=(CLEAN,), converter=as_conditions)
    saliency: tuple[Component, ...] = attrs.field(default=(), converter=_saliency)
    probes: tuple[Component, ...] = attrs.field(default=(), converter=_probes)
    seed: int = attrs.field(default=0, kw_only=True, validator=_check_seed)
    limit: int | None = attrs.field(default=None, kw_only=True, validator=_check_limit)
    saliency_limit: int | None = attrs.field(default=None, kw_only=True, validator=_check_limit)
    mapping: Path | None = attrs.field(default=None, kw_only=True, converter=path, validator=_check_path)
    aggregate: Aggregate = attrs.field(default="mean", kw_only=True, validator=_check_aggregate)
    logits: str = attrs.field(default="full", kw_only=True, validator=_check_logits)
    keep_images: bool = attrs.field(default=False, kw_only=True, validator=_check_flag)

    def __attrs_post_init__(self) -> None:
        problems = [f"{name}: is empty" for name in ("datasets", "models", "conditions") if not getattr(self, name)]
        for name in LISTS:
            problems += [f"{name}: {problem}" for problem in _repeated(getattr(self, name))]
        if not self.saliency:
            without = [probe.text for probe in self.probes if probe.spec.needs_maps]
            problems += [f"probes: {text!r} measures saliency maps, and the study has no saliency" for text in without]
        if problems:
            raise StudyError("\n".join(problems))

    def cells(self) -> Iterator[Cell]:
        """List every cell: predictions first, then saliency and probes of each."""
        for dataset in self.datasets:
            for model in self.models:
                for condition in self.conditions:
                    yield Cell(dataset, model, condition)
                    for saliency in self.saliency:
                        yield Cell(dataset, model, condition, saliency)
                    for probe in self.probes:
                        methods = self.saliency if probe.spec.needs_maps else (None,)
                        for method in methods:
                            yield Cell(dataset, model, condition, method, probe)

    def images_for(self, dataset: Component, model: Component) -> Component:
        """Return a data set as a model gets it: in the model's own crop, where the data set has no other.

        Models with the same crop get the same object.
        """
        cropped_for = getattr(dataset.settings, "cropped_for", None)
        if cropped_for is None:
            return dataset
        crop = self.eval_crop(model) or USUAL_CROP
        if (id(dataset), crop) not in self._cropped:
            settings = cropped_for(crop)
            own = dataset if settings is None else attrs.evolve(dataset, settings=settings, label=dataset.title)
            self._cropped[id(dataset), crop] = own
        return self._cropped[id(dataset), crop]

    def eval_crop(self, model: Component) -> EvalCrop | None:
        """Return how a model's evaluation crops photographs; None where the model does not say it."""
        if id(model) not in self._eval_crops:
            self._eval_crops[id(model)] = getattr(model.settings, "eval_crop", None)
        return self._eval_crops[id(model)]

    @functools.cached_property
    def _cropped(self) -> dict[tuple[int, EvalCrop], Component]:
        return {}

    @functools.cached_property
    def _eval_crops(self) -> dict[int, EvalCrop | None]:
        return {}

    @property
    def live(self) -> tuple[str, ...]:
        """The names of the live objects, which exist in this process only."""
        steps = [step for condition in self.conditions for step in condition.steps]
        components = [*self.datasets, *self.models, *steps, *self.saliency, *self.probes]
        return tuple(dict.fromkeys(each.title for each in components if each.provider == "live"))

    @classmethod
    def from_toml(cls, text: str, name: str = "study") -> Study:
        """Read a study file; every problem is reported at once, with its path.

        Args:
            text: the TOML.
            name: the file's name, for messages.

        Raises:
            StudyError: the text is not TOML, or a key or value is wrong.
        """
        return cls.from_mapping(read_toml(text, name), name)

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any], name: str = "study") -> Study:
        """Read a study from plain values, such as :func:`read_toml` gives; every problem is reported at once.

        Args:
            content: lists of texts and single values, by the names of the fields.
            name: the name of their source, for messages.

        Raises:
            StudyError: a key or value is wrong.
        """
        return structure(cls, content, name)

    def to_toml(self) -> str:
        """Write the study as TOML that :meth:`from_toml` reads as an equal one, unless it has live objects."""
        return to_toml(self)


def _repeated(things: Sequence[Component | Condition]) -> Iterator[str]:
    """Yield problems: items that would be computed twice, or have the same name in tables."""
    by_canonical: dict[str, Component | Condition] = {}
    by_title: dict[str, Component | Condition] = {}
    for thing in things:
        same, namesake = by_canonical.get(thing.canonical), by_title.get(thing.title)
        if same is not None:
            names = " and ".join(dict.fromkeys(repr(title) for title in (same.title, thing.title)))
            yield f"{thing.canonical} is given twice, as {names}; remove one"
        elif namesake is not None:
            yield f"two have the name {thing.title!r}; give them labels: a={namesake.text} b={thing.text}"
        by_canonical.setdefault(thing.canonical, thing)
        by_title.setdefault(thing.title, thing)


def read_toml(text: str, name: str = "study") -> dict[str, Any]:
    r"""Read a study file into plain values; a table of labels becomes a list of ``label=text``.

    Args:
        text: the TOML.
        name: the file's name, for messages.

    Raises:
        StudyError: the text is not TOML, or a list has another type.

    >>> read_toml('[models]\nmine = "timm:resnet18"')
    {'models': ['mine=timm:resnet18']}
    """
    content = parse_toml(text, name)
    problems = []
    for key in content.keys() & set(LISTS):
        value = content[key]
        if isinstance(value, Mapping):
            content[key] = [spell_label(label, thing) for label, thing in value.items() if isinstance(thing, str)]
            wrong = [label for label, thing in value.items() if not isinstance(thing, str)]
            problems += [
                f"{key}.{label} is not text; a table maps labels to texts; put values such as 'seed' above all tables"
                for label in wrong
            ]
        elif not isinstance(value, list):
            problems.append(f"{key} is {value!r}; write a list, [{value!r}], or a table of labels")
    if problems:
        raise StudyError(listed(f"{name} cannot be read:", sorted(problems)))
    return content
