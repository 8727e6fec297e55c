"""A study: data sets x models x conditions, perhaps with saliency methods and probes, and one seed."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_args

import attrs
import cattrs
import cattrs.gen

from shapebias.catalog import Component, default_catalog
from shapebias.errors import ShapebiasError, SpellingError, StudyError, listed, suggestion
from shapebias.grammar import split, split_label
from shapebias.specs import Kind, ModelSpec

__all__ = ["CLEAN", "Cell", "Condition", "Study", "read_toml"]


@attrs.frozen
class Condition:
    """What happens to an image before the model sees it: transforms in order, at most one attack among them.

    Args:
        steps: transforms and at most one attack; none is ``clean``.  What follows the attack acts on its result.
        label: a name of the user's own, shown in tables.

    >>> Condition.parse("patch-shuffle:k=4+grayscale").text
    'patch-shuffle:k=4+grayscale'
    """

    steps: tuple[Component, ...] = ()
    label: str | None = attrs.field(default=None, eq=False)

    def __attrs_post_init__(self) -> None:
        attacks = [step.text for step in self.steps if step.kind == "attack"]
        if len(attacks) > 1:
            raise SpellingError(f"{self.text!r} has {len(attacks)} attacks; a condition has at most one")

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``clean``, or steps joined by ``+``.

        Raises:
            SpellingError, UnknownNameError, PluginError: the text, a name or a plugin is at fault.
        """
        label, chain = split_label(text)
        if chain.strip() == "clean":
            return cls((), label)
        return cls(
            tuple(default_catalog().component(("transform", "attack"), step) for step in split(chain, "+")), label
        )

    @property
    def before(self) -> tuple[Component, ...]:
        """The transforms that act before the model is asked: the stimulus, shared by all models."""
        return self.steps[: self._attack_at]

    @property
    def attack(self) -> Component | None:
        """The attack, if there is one."""
        return self.steps[self._attack_at] if self._attack_at < len(self.steps) else None

    @property
    def after(self) -> tuple[Component, ...]:
        """The transforms that act on the attack's result."""
        return self.steps[self._attack_at + 1 :]

    @property
    def _attack_at(self) -> int:
        return next((place for place, step in enumerate(self.steps) if step.kind == "attack"), len(self.steps))

    @property
    def canonical(self) -> str:
        """The text with every parameter: an identity."""
        return "+".join(step.canonical for step in self.steps) or "clean"

    @property
    def text(self) -> str:
        """The text with what differs from the defaults."""
        return "+".join(step.text for step in self.steps) or "clean"

    @property
    def title(self) -> str:
        """What tables and figures show."""
        return self.label or self.text

    @property
    def files(self) -> list[Path]:
        """The files and folders that the steps name."""
        return [path for step in self.steps for path in step.files]


CLEAN = Condition()
LISTS = ("datasets", "models", "conditions", "saliency", "probes")


@attrs.frozen
class Cell:
    """One data set, model and condition, perhaps with a saliency method and a probe: the unit of a result."""

    dataset: Component
    model: Component
    condition: Condition
    saliency: Component | None = None
    probe: Component | None = None

    @property
    def title(self) -> str:
        """The cell in words, for progress and messages."""
        parts = (self.dataset, self.model, self.condition, self.saliency, self.probe)
        return " | ".join(part.title for part in parts if part is not None)


_Model: TypeAlias = Annotated[Component, "model"]
_Dataset: TypeAlias = Annotated[Component, "dataset"]
_Saliency: TypeAlias = Annotated[Component, "saliency"]
_Probe: TypeAlias = Annotated[Component, "probe"]


def _component(kind: Kind, given: object, label: str | None = None) -> Component:
    """Accept what a user may give for one component: text, settings, a live network, or a component."""
    if isinstance(given, Component):
        return attrs.evolve(given, label=label or given.label)
    if isinstance(given, str):
        component = default_catalog().component(kind, given)
        return attrs.evolve(component, label=label) if label else component
    if kind == "model" and hasattr(given, "load"):
        return default_catalog().wrap(kind, given, label)
    if kind == "model" and callable(given):
        return _live_model(given, label)
    return default_catalog().wrap(kind, given, label)


def _live_model(model: Any, label: str | None) -> Component:
    from shapebias.classifier import LiveModel

    if label is None:
        raise StudyError(f"a live {type(model).__name__} needs a name: models={{'mine': model}}")
    return Component(ModelSpec("live", LiveModel), LiveModel.of(label, model), "live", label)


def _condition(given: object, label: str | None = None) -> Condition:
    if isinstance(given, Condition):
        return attrs.evolve(given, label=label or given.label)
    if isinstance(given, str):
        condition = Condition.parse(given)
        return attrs.evolve(condition, label=label) if label else condition
    steps = given if isinstance(given, Sequence) else [given]
    return Condition(tuple(default_catalog().wrap(("transform", "attack"), step) for step in steps), label)


def _each(read: Callable[..., Any], given: Any) -> tuple[Any, ...]:
    """Read one thing, a list of things, or a mapping from labels to things."""
    if isinstance(given, Mapping):
        return tuple(read(thing, label) for label, thing in given.items())
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (read(given),)
    return tuple(read(thing) for thing in given)


def _datasets(given: Any) -> tuple[Component, ...]:
    return _each(functools.partial(_component, "dataset"), given)


def _models(given: Any) -> tuple[Component, ...]:
    return _each(functools.partial(_component, "model"), given)


def _saliency(given: Any) -> tuple[Component, ...]:
    return _each(functools.partial(_component, "saliency"), given)


def _probes(given: Any) -> tuple[Component, ...]:
    return _each(functools.partial(_component, "probe"), given)


def _conditions(given: Any) -> tuple[Condition, ...]:
    return _each(_condition, given)


def _check_logits(_: object, __: object, value: str) -> None:
    if value != "full" and not (value.startswith("top-") and value[4:].isdigit() and int(value[4:]) > 0):
        raise StudyError(f"logits is {value!r}; write 'full', or 'top-10' to keep the ten best classes of each image")


def _check_count(_: object, field: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and value < 1:
        raise StudyError(f"{field.name} is {value}; it must be at least 1")


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


@attrs.frozen
class Study:
    """What to run: every data set with every model under every condition.

    Each list takes text (``"timm:resnet50"``), settings built in Python (``Saturate(p=8)``), or a mapping from labels
    of your own to either; models also take live networks, by label.

    Args:
        datasets: the data sets.
        models: the models.
        conditions: what happens to the images; ``clean`` alone by default.
        saliency: saliency methods, on every data set, model and condition.
        probes: probes; those of saliency methods run once for each of them.
        seed: belongs to every random number.
        limit: the most images of each data set, spread evenly over it; None takes all.
        saliency_limit: the same for saliency maps and probes, within ``limit``.
        mapping: JSON file that says which model outputs belong to which class of the data set.
        logits: ``full``, or ``top-K`` to keep only the K best classes of each image.
        keep_images: keep the images as the model saw them.

    Raises:
        StudyError: something is missing or there twice.

    >>> study = Study("stimuli:cue=conflict", "timm:resnet18", ["clean", "saturate:p=8"])
    >>> [cell.title for cell in study.cells()]
    ['stimuli:cue=conflict | timm:resnet18 | clean', 'stimuli:cue=conflict | timm:resnet18 | saturate:p=8']
    """

    datasets: tuple[_Dataset, ...] = attrs.field(converter=_datasets)
    models: tuple[_Model, ...] = attrs.field(converter=_models)
    conditions: tuple[Condition, ...] = attrs.field(default=(CLEAN,), converter=_conditions)
    saliency: tuple[_Saliency, ...] = attrs.field(default=(), converter=_saliency)
    probes: tuple[_Probe, ...] = attrs.field(default=(), converter=_probes)
    seed: int = attrs.field(default=0, kw_only=True)
    limit: int | None = attrs.field(default=None, kw_only=True, validator=_check_count)
    saliency_limit: int | None = attrs.field(default=None, kw_only=True, validator=_check_count)
    mapping: Path | None = attrs.field(default=None, kw_only=True, converter=_path)
    logits: str = attrs.field(default="full", kw_only=True, validator=_check_logits)
    keep_images: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        problems = [f"{name}: names none" for name in ("datasets", "models", "conditions") if not getattr(self, name)]
        for name in LISTS:
            titles = [thing.title for thing in getattr(self, name)]
            twice = sorted({title for title in titles if titles.count(title) > 1})
            problems += [
                f"{name}: {title!r} is there twice; drop one, or label them: a={title} b=..." for title in twice
            ]
        if not self.saliency:
            without = [probe.text for probe in self.probes if getattr(probe.spec, "needs_maps", False)]
            problems += [f"probes: {text!r} measures saliency maps, and the study has no saliency" for text in without]
        if problems:
            raise StudyError(listed("the study cannot run:", problems))

    def cells(self) -> Iterator[Cell]:
        """List every cell: predictions first, then saliency and probes of each."""
        for dataset in self.datasets:
            for model in self.models:
                for condition in self.conditions:
                    yield Cell(dataset, model, condition)
                    for saliency in self.saliency:
                        yield Cell(dataset, model, condition, saliency)
                    for probe in self.probes:
                        methods = self.saliency if getattr(probe.spec, "needs_maps", False) else (None,)
                        for method in methods:
                            yield Cell(dataset, model, condition, method, probe)

    @classmethod
    def from_toml(cls, text: str, name: str = "study") -> Study:
        """Read a study file; every problem is reported at once, with its path.

        Args:
            text: the TOML.
            name: the file's name, for messages.

        Raises:
            StudyError: the text is no TOML, or a key or value is wrong.
        """
        return cls.from_mapping(read_toml(text, name), name)

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any], name: str = "study") -> Study:
        """Read a study from plain values, such as :func:`read_toml` gives; every problem is reported at once.

        Args:
            content: lists of texts and single values, by the names of the fields.
            name: where they come from, for messages.

        Raises:
            StudyError: a key or value is wrong.
        """
        try:
            return _converter().structure(content, cls)
        except cattrs.ClassValidationError as error:
            problems = [_at_path(text) for text in cattrs.transform_error(error, path="", format_exception=_explain)]
            raise StudyError(listed(f"{name}: {len(problems)} problem{'s' * (len(problems) > 1)}", problems)) from error

    def to_toml(self) -> str:
        """Write the study so that :meth:`from_toml` gives an equal one."""
        import tomli_w

        things = {
            name: [
                f"{thing.label}={thing.canonical}" if thing.label else thing.canonical for thing in getattr(self, name)
            ]
            for name in LISTS
        }
        rest = {
            name: getattr(self, name)
            for name in ("seed", "limit", "saliency_limit", "mapping", "logits", "keep_images")
        }
        written = {name: str(value) if isinstance(value, Path) else value for name, value in rest.items()}
        return tomli_w.dumps({**things, **{name: value for name, value in written.items() if value is not None}})


def read_toml(text: str, name: str = "study") -> dict[str, Any]:
    r"""Read a study file into plain values; a table of labels becomes a list of ``label=thing``.

    Args:
        text: the TOML.
        name: the file's name, for messages.

    Raises:
        StudyError: the text is no TOML, or has something else where a list belongs.

    >>> read_toml('[models]\nmine = "timm:resnet18"')
    {'models': ['mine=timm:resnet18']}
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{name} is no TOML: {error}") from error
    for key in content.keys() & set(LISTS):
        if isinstance(content[key], Mapping):
            content[key] = [f"{label}={thing}" for label, thing in content[key].items()]
        if not isinstance(content[key], list):
            raise StudyError(
                f"{name}: {key} is {content[key]!r}; write a list, [{content[key]!r}], or a table of labels"
            )
    return content


def _converter() -> cattrs.Converter:
    """Make the converter from TOML values to a study; texts become components of the kind that the field says."""
    converter = cattrs.Converter(forbid_extra_keys=True)

    def structure_component(text: object, kind: Any) -> Component:
        if not isinstance(text, str):
            raise SpellingError(f"must be text such as 'name:key=value', got {text!r}")
        return default_catalog().component(get_args(kind)[1], text)

    def strict(kind: type) -> Callable[[object, object], Any]:
        def structure(value: object, _: object) -> Any:
            if type(value) is not kind:
                raise SpellingError(f"must be {'true or false' if kind is bool else 'a whole number'}, got {value!r}")
            return value

        return structure

    converter.register_structure_hook_func(
        lambda kind: getattr(kind, "__origin__", None) is Component, structure_component
    )
    converter.register_structure_hook(Condition, lambda text, _: Condition.parse(str(text)))
    converter.register_structure_hook(int, strict(int))
    converter.register_structure_hook(bool, strict(bool))
    return converter


def _explain(error: BaseException, _: type | None) -> str:
    """Say what is wrong in one clause; :func:`cattrs.transform_error` adds the path."""
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        valid = [field.name for field in attrs.fields(Study)]
        return "; ".join(
            f"{key}: unknown key{suggestion(key, valid)} (valid: {', '.join(valid)})"
            for key in sorted(error.extra_fields)
        )
    if isinstance(error, KeyError):
        return f"{error.args[0]}: is missing"
    if isinstance(error, ShapebiasError):
        return str(error).replace("\n", "\n    ")
    return f"has the wrong type ({error})"


def _at_path(text: str) -> str:
    """Put the path that cattrs appends in front: ``models[1]: what is wrong``."""
    message, _, path = text.rpartition(" @ ")
    path = path.lstrip(".").removesuffix(":")
    return f"{path}: {message}" if path else message
