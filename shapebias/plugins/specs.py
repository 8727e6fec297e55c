"""The specs that a plugin provides: a frozen one for each algorithm, data set or family of models.

A spec holds what must be known before anything is imported.  Its ``target`` is the class that does the work, or the
text ``"package.module:Class"``, which is imported on first use.  :mod:`shapebias.plugins.protocols` defines how each
kind is called.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from shapebias.errors import PluginError
from shapebias.fetching.sources import Source

__all__ = [
    "KINDS",
    "AttackSpec",
    "DatasetSpec",
    "ExecutorSpec",
    "Kind",
    "MetricSpec",
    "ModelSpec",
    "ProbeSpec",
    "SaliencySpec",
    "Spec",
    "SuiteSpec",
    "TransformSpec",
]

Kind: TypeAlias = Literal["model", "dataset", "transform", "attack", "saliency", "probe", "metric", "suite", "executor"]
Destroyed: TypeAlias = Literal["texture", "shape", "colour"]
Need: TypeAlias = Literal["mask", "partner"]

_LEGAL_NAME = re.compile(r"[a-z][a-z0-9-]*")
_LEGAL_TARGET = re.compile(r"[\w.]+:\w+")


def _check_name(spec: Spec, _: object, name: Any) -> None:
    if not isinstance(name, str) or not _LEGAL_NAME.fullmatch(name):
        raise PluginError(f"{type(spec).__name__} name {name!r}: use lower-case letters, digits and '-', letter first")


def _check_target(spec: Spec, _: object, target: Any) -> None:
    if not isinstance(target, type) and not (isinstance(target, str) and _LEGAL_TARGET.fullmatch(target)):
        raise PluginError(f"target of {spec.name!r} is {target!r}: give a class or the text 'package.module:Class'")


def _words(value: Iterable[str] | str) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _as_sources(value: Iterable[Source]) -> tuple[Source, ...]:
    return tuple(value)


def _check_words(*legal: str) -> Any:
    return attrs.validators.deep_iterable(attrs.validators.in_(legal))


@attrs.frozen
class Spec:
    """The fields of every kind of spec.

    Args:
        name: the word that users write; lower case, digits and ``-``.
        target: a frozen attrs class, or ``"package.module:Class"``.
        summary: one line for ``shapebias list``.
        references: papers, as ``"Authors year, title, section"``.

    Raises:
        PluginError: the name or the target is malformed.
    """

    kind: ClassVar[Kind]

    name: str = attrs.field(validator=_check_name)
    target: str | type = attrs.field(validator=_check_target)
    summary: str = attrs.field(default="", kw_only=True)
    references: tuple[str, ...] = attrs.field(default=(), converter=_words, kw_only=True)

    # Fields that one kind of spec declares; specs of the other kinds have these values.

    @property
    def destroys(self) -> tuple[Destroyed, ...]:
        """What a transform destroys."""
        return ()

    @property
    def unchanged(self) -> tuple[str, float] | None:
        """The parameter of a transform, and its value at which images stay as they are."""
        return None

    @property
    def moves_pixels(self) -> bool:
        """Whether objects are elsewhere after a transform."""
        return False

    @property
    def needs(self) -> tuple[Need, ...]:
        """What a transform gets as keyword arguments."""
        return ()

    @property
    def norms(self) -> tuple[str, ...]:
        """The norms that bound an attack."""
        return ()

    @property
    def licence(self) -> str:
        """The licence of a model's published weights."""
        return ""

    @property
    def needs_features(self) -> bool:
        """Whether a saliency method reads the model's feature layer."""
        return False

    @property
    def needs_maps(self) -> bool:
        """Whether a probe measures saliency maps."""
        return False

    @property
    def needs_method(self) -> bool:
        """Whether a probe calls the saliency method itself."""
        return False

    @property
    def needs_classes(self) -> bool:
        """Whether a model takes the classes of the data set when it is loaded."""
        return False

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the data of a data set is published."""
        return ()

    def load(self) -> type:
        """Import the target.

        Raises:
            PluginError: the module cannot be imported, or has no such frozen attrs class.
        """
        if isinstance(self.target, type):
            target: Any = self.target
        else:
            module, _, attribute = self.target.partition(":")
            try:
                target = getattr(importlib.import_module(module), attribute)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a broken library may raise anything
                raise PluginError(
                    f"{self.kind} {self.name!r} cannot be loaded from {self.target!r}: "
                    f"{type(error).__name__}: {error}; "
                    "install what it needs, or see the traceback with 'shapebias plugins --traceback'"
                ) from error
        if not (isinstance(target, type) and attrs.has(target) and target.__hash__ is not None):
            raise PluginError(f"target of {self.kind} {self.name!r} is {target!r}: it must be a frozen attrs class")
        return target


@attrs.frozen
class ModelSpec(Spec):
    """An image classifier, or a family of them: ``timm`` is one spec whose first parameter is the architecture.

    Args:
        name, target, summary, references: the name, the class or its import path, one line, and papers.
        needs_classes: its outputs are the classes of the data set, which its ``load`` takes; see
            :class:`shapebias.plugins.protocols.ZeroShotModel`.
        licence: the licence of published weights, as their authors state it.
    """

    kind: ClassVar[Kind] = "model"

    needs_classes: bool = attrs.field(default=False, kw_only=True)
    licence: str = attrs.field(default="", kw_only=True)


@attrs.frozen
class DatasetSpec(Spec):
    """Images with ids and labels, perhaps with shape labels, texture labels and masks.

    Args:
        name, target, summary, references: the name, the class or its import path, one line, and papers.
        sources: where its data is published; ``shapebias fetch NAME`` fetches the source of that name.
    """

    kind: ClassVar[Kind] = "dataset"

    sources: tuple[Source, ...] = attrs.field(
        default=(),
        converter=_as_sources,
        validator=attrs.validators.deep_iterable(attrs.validators.instance_of(Source)),
        kw_only=True,
    )


@attrs.frozen
class TransformSpec(Spec):
    """Changes an image independently of the model.

    Args:
        name, target, summary, references: the name, the class or its import path, one line, and papers.
        destroys: what it destroys: ``"texture"``, ``"shape"``, ``"colour"``.
        moves_pixels: it moves objects, so that masks no longer fit.
        needs: its keyword arguments: ``"mask"`` (N, H, W) bool, ``"partner"`` (N, 3, H, W), another image for each.
        unchanged: a parameter, and its value at which images stay as they are: ``("p", 2)``.  Charts put the clean
            images there, and with that value nothing is destroyed.
    """

    kind: ClassVar[Kind] = "transform"

    destroys: tuple[Destroyed, ...] = attrs.field(
        default=(), converter=_words, validator=_check_words("texture", "shape", "colour"), kw_only=True
    )
    moves_pixels: bool = attrs.field(default=False, kw_only=True)
    needs: tuple[Need, ...] = attrs.field(
        default=(), converter=_words, validator=_check_words("mask", "partner"), kw_only=True
    )
    unchanged: tuple[str, float] | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class AttackSpec(Spec):
    """Changes an image so that the model misclassifies it.

    Args:
        name, target, summary, references: the name, the class or its import path, one line, and papers.
        norms: the norms that can bound it, for example ``("linf", "l2")``.
    """

    kind: ClassVar[Kind] = "attack"

    norms: tuple[str, ...] = attrs.field(default=(), converter=_words, kw_only=True)


@attrs.frozen
class SaliencySpec(Spec):
    """Maps how much each pixel contributes to the model's output.

    Args:
        name, target, summary, references: the name, the class or its import path, one line, and papers.
        needs_features: it reads the model's feature layer, so the model must declare one.
    """

    kind: ClassVar[Kind] = "saliency"

    needs_features: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class ProbeSpec(Spec):
    """Measures something that needs the model, one value or vector for each image.

    Args:
        name, target, summary, references: the name, the class or its import path, one line, and papers.
        needs_maps: it measures saliency maps, so it runs once for each saliency method of the study.
        needs_method: it also calls the method on other models, changed images or other targets, through the keyword
            argument ``explain``.
    """

    kind: ClassVar[Kind] = "probe"

    needs_maps: bool = attrs.field(default=False, kw_only=True)
    needs_method: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class MetricSpec(Spec):
    """Computes a tidy table with uncertainty from stored results.

    Args:
        name, target, summary, references: the name, the class or its import path, one line, and papers.
    """

    kind: ClassVar[Kind] = "metric"


@attrs.frozen
class SuiteSpec(Spec):
    """A standard protocol that ``shapebias profile`` runs: data sets, conditions, measures, published values.

    Args:
        name, target, summary, references: the name, the class or its import path, one line, and papers.
    """

    kind: ClassVar[Kind] = "suite"


@attrs.frozen
class ExecutorSpec(Spec):
    """Computes the pieces of a run: in this process, on a cluster, or wherever the same plugins and data are.

    Args:
        name, target, summary, references: the name, the class or its import path, one line, and papers.
    """

    kind: ClassVar[Kind] = "executor"


_SPECS: tuple[type[Spec], ...] = (
    ModelSpec,
    DatasetSpec,
    TransformSpec,
    AttackSpec,
    SaliencySpec,
    ProbeSpec,
    MetricSpec,
    SuiteSpec,
    ExecutorSpec,
)
KINDS: dict[Kind, type[Spec]] = {spec.kind: spec for spec in _SPECS}
