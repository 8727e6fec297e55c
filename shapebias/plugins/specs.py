"""What a plugin hands over: one frozen spec for each algorithm, data set or family of models that it provides.

A spec says what must be known before anything is imported.  Its ``target`` is the class that does the work, or the text
``"package.module:Class"``, which is imported when it is first used.  The calls of each kind are in
:mod:`shapebias.plugins.protocols`.
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
    "Kind",
    "MetricSpec",
    "ModelSpec",
    "ProbeSpec",
    "SaliencySpec",
    "Spec",
    "SuiteSpec",
    "TransformSpec",
]

Kind: TypeAlias = Literal["model", "dataset", "transform", "attack", "saliency", "probe", "metric", "suite"]
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
    """What every kind of spec has.

    Args:
        name: the word users write; lower case, digits and ``-``.
        target: a frozen attrs class, or ``"package.module:Class"``.
        summary: one line for ``shapebias list``.
        references: papers, as ``"Authors year, title, section"``.
    """

    kind: ClassVar[Kind]

    name: str = attrs.field(validator=_check_name)
    target: str | type = attrs.field(validator=_check_target)
    summary: str = attrs.field(default="", kw_only=True)
    references: tuple[str, ...] = attrs.field(default=(), converter=_words, kw_only=True)

    # What only one kind of spec declares: those of the other kinds have these values.

    @property
    def destroys(self) -> tuple[Destroyed, ...]:
        """What a transform destroys."""
        return ()

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
    def sources(self) -> tuple[Source, ...]:
        """Where the data of a data set is published."""
        return ()

    def load(self) -> type:
        """Import the target.

        Raises:
            PluginError: the module does not import, or has no such frozen attrs class.
        """
        if isinstance(self.target, type):
            target: Any = self.target
        else:
            module, _, attribute = self.target.partition(":")
            try:
                target = getattr(importlib.import_module(module), attribute)
            except (Exception, SystemExit) as error:  # a broken library raises what it likes
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
    """An image classifier, or a family of them: ``timm`` is one spec whose first parameter is the architecture."""

    kind: ClassVar[Kind] = "model"


@attrs.frozen
class DatasetSpec(Spec):
    """Images with ids and labels, perhaps with shape labels, texture labels and masks.

    Args:
        sources: where its data is published: what ``shapebias fetch`` fetches under the name of each source.
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
    """Changes an image without looking at the model.

    Args:
        destroys: what is gone afterwards: ``"texture"``, ``"shape"``, ``"colour"``.
        moves_pixels: objects are elsewhere afterwards, so masks no longer fit.
        needs: what it gets as keyword arguments: ``"mask"`` (N,H,W), ``"partner"`` (another image for each).
    """

    kind: ClassVar[Kind] = "transform"

    destroys: tuple[Destroyed, ...] = attrs.field(
        default=(), converter=_words, validator=_check_words("texture", "shape", "colour"), kw_only=True
    )
    moves_pixels: bool = attrs.field(default=False, kw_only=True)
    needs: tuple[Need, ...] = attrs.field(
        default=(), converter=_words, validator=_check_words("mask", "partner"), kw_only=True
    )


@attrs.frozen
class AttackSpec(Spec):
    """Changes an image to fool the model.

    Args:
        norms: the balls that it can stay in, for example ``("linf", "l2")``.
    """

    kind: ClassVar[Kind] = "attack"

    norms: tuple[str, ...] = attrs.field(default=(), converter=_words, kw_only=True)


@attrs.frozen
class SaliencySpec(Spec):
    """Says where in the image the answer comes from.

    Args:
        needs_features: reads the model's declared feature layer, so the model must have one.
    """

    kind: ClassVar[Kind] = "saliency"

    needs_features: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class ProbeSpec(Spec):
    """Measures something that needs the model on the device, one value or vector an image.

    Args:
        needs_maps: measures a saliency method, so it runs once for each of the study's.
        needs_method: also explains other models, changed images or other targets by that method; gets ``explain`` as a
            keyword argument.
    """

    kind: ClassVar[Kind] = "probe"

    needs_maps: bool = attrs.field(default=False, kw_only=True)
    needs_method: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class MetricSpec(Spec):
    """Turns stored answers into a tidy table with uncertainty."""

    kind: ClassVar[Kind] = "metric"


@attrs.frozen
class SuiteSpec(Spec):
    """A standard protocol that ``shapebias profile`` runs: data sets, conditions, measures, published values."""

    kind: ClassVar[Kind] = "suite"


_SPECS: tuple[type[Spec], ...] = (
    ModelSpec,
    DatasetSpec,
    TransformSpec,
    AttackSpec,
    SaliencySpec,
    ProbeSpec,
    MetricSpec,
    SuiteSpec,
)
KINDS: dict[Kind, type[Spec]] = {spec.kind: spec for spec in _SPECS}
