"""Label spaces, and the mapping from a model's outputs to a data set's classes: data only, no arithmetic.

``shapebias.networks.label_matching`` decides which outputs belong to which class, and ``shapebias.networks.classifier``
computes the scores.  The mapping is stored with the results.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

import attrs

from shapebias.errors import LabelError, listed

__all__ = [
    "AGGREGATES",
    "ENTRY_LEVEL",
    "Aggregate",
    "Groups",
    "LabelMapping",
    "class_groups",
    "class_order",
    "entry_level_classes",
    "imagenet_names",
    "imagenet_spellings",
    "imagenet_wnids",
    "is_imagenet",
    "outputs_used_twice",
    "whole_numbers",
]

Aggregate: TypeAlias = Literal["mean", "sum", "max"]
"""How the softmax probabilities of the outputs of one class are combined."""

AGGREGATES: tuple[str, ...] = get_args(Aggregate)

Groups = tuple[tuple[int, ...], ...]
ENTRY_LEVEL = "entry-level-16"
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,3})?")


def _as_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


def _as_groups(groups: Iterable[Iterable[int]] | None) -> Groups | None:
    return None if groups is None else tuple(tuple(group) for group in groups)


@attrs.frozen
class LabelMapping:
    """How a model's outputs become scores for a data set's classes, as data.

    With ``groups`` the score of a class is the log of the mean, the sum or the largest of the softmax probabilities of
    its outputs; the softmax is over all outputs of the model.  Without groups the logits are the scores.

    Args:
        name: ``identical``, ``reordered``, ``by position``, ``imagenet-1k -> subset``, ``file:NAME``, or
            ``imagenet-1k -> NAME`` with the name of one of :func:`class_groups`.
        source: the model's label space in words, such as ``ImageNet-1k (1,000 classes)``.
        classes: the data set's classes in the order of its labels.
        groups: for each class the indices of the model's outputs, or None where the logits are the scores.
        aggregate: ``mean`` of the probabilities (Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards
            texture"), their ``sum`` (Burgert et al. 2025, "ImageNet-trained CNNs are not biased towards texture"), or
            the largest, ``max``, which is that of the largest logit (Doshi et al. 2025, "Visual anagrams").

    Raises:
        LabelError: a class has no outputs, an output is used twice, or the aggregate is unknown.

    >>> mapping = LabelMapping("file:pets.json", "4 unnamed outputs", ("cat", "dog"), ((0,), (1, 3)))
    >>> LabelMapping.from_json(mapping.to_json()) == mapping
    True
    """

    name: str
    source: str
    classes: tuple[str, ...] = attrs.field(converter=_as_names)
    groups: Groups | None = attrs.field(converter=_as_groups)
    aggregate: Aggregate = "mean"

    def __attrs_post_init__(self) -> None:
        if self.aggregate not in AGGREGATES:
            raise LabelError(
                f"label mapping '{self.name}': aggregate is {self.aggregate!r}; give {', '.join(AGGREGATES)}"
            )
        if self.groups is None:
            return
        if len(self.groups) != len(self.classes) or not all(self.groups):
            raise LabelError(
                f"label mapping '{self.name}': {len(self.classes)} classes need as many groups of outputs, none of "
                f"them empty, and not {self.groups}"
            )
        if problems := outputs_used_twice(zip(self.classes, self.groups, strict=True)):
            raise LabelError(listed(f"label mapping '{self.name}': an output counts for one class only", problems))

    def to_json(self) -> str:
        """Return the mapping as one JSON object, the form in which it is stored with the results."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LabelMapping:
        """Read what ``to_json`` wrote.

        Raises:
            LabelError: the text is not a label mapping.
        """
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise LabelError(f"not a label mapping as shapebias stores it ({error}): {text[:80]}") from error


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Sort the distinct labels: numerically if all are numbers, otherwise as text.

    Args:
        labels: names of classes, also repeated ones.

    >>> class_order(["10", "-1", "9", "10"]), class_order(["b", "a", "10", "9"]), class_order(["10.0", "9.5"])
    (('-1', '9', '10'), ('10', '9', 'a', 'b'), ('9.5', '10.0'))
    """
    different = sorted(set(labels))
    return tuple(sorted(different, key=Decimal) if all(map(_is_number, different)) else different)


def whole_numbers(labels: Sequence[str]) -> list[str]:
    """Write ``0.0`` as ``0`` where all labels are whole numbers, for tables that store labels as floats.

    >>> whole_numbers(["0.0", "11.0", "2"]), whole_numbers(["0.5", "1.0"]), whole_numbers(["007"])
    (['0', '11', '2'], ['0.5', '1.0'], ['007'])
    """
    numbers = [Decimal(label) for label in labels if _is_number(label)]
    if len(numbers) < len(labels) or any(number != number.to_integral_value() for number in numbers):
        return list(labels)
    return [
        label if label.lstrip("+-").isdecimal() else f"{number:.0f}"
        for label, number in zip(labels, numbers, strict=True)
    ]


def _is_number(label: str) -> bool:
    return _NUMBER.fullmatch(label) is not None


@cache
def _imagenet() -> tuple[tuple[str, str, str], ...]:
    """WordNet id, name, and all words of the WordNet synset, of each ImageNet-1k class."""
    text = files("shapebias").joinpath("resources/imagenet1k.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return tuple((wnid, name, words) for wnid, name, words in rows)


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """Return the WordNet ids of the 1,000 ImageNet-1k classes in index order (Russakovsky et al. 2015).

    >>> imagenet_wnids()[0]
    'n01440764'
    """
    return tuple(wnid for wnid, _, _ in _imagenet())


@cache
def imagenet_names() -> tuple[str, ...]:
    """Return the English names of the 1,000 ImageNet-1k classes in index order, no two the same.

    A name is the first word of the WordNet synset, as in torchvision.  Only ``crane bird`` (134) and ``maillot tank
    suit`` (639) are longer, because their first words name ``crane`` (517) and ``maillot`` (638) too.

    >>> imagenet_names()[134], imagenet_names()[517]
    ('crane bird', 'crane')
    """
    return tuple(name for _, name, _ in _imagenet())


@cache
def entry_level_classes() -> Mapping[str, tuple[int, ...]]:
    """Return the ImageNet-1k indices of each of the 16 entry-level classes (Geirhos et al. 2019), 207 in all.

    >>> entry_level_classes()["bear"]
    (294, 295, 296, 297)
    """
    return class_groups()[ENTRY_LEVEL]


@cache
def class_groups() -> Mapping[str, Mapping[str, tuple[int, ...]]]:
    """Return the published sets of classes into which ImageNet-1k outputs are grouped, by name, each as indices.

    ``entry-level-16`` of Geirhos et al. 2019; ``animals-9`` of Doshi et al. 2025; ``refined-bias-shape`` and
    ``refined-bias-texture`` of Kim et al. 2026, which merge classes that people call by the same name.

    >>> class_groups()["animals-9"]["wolf"]
    (269, 270, 271, 272, 273, 274, 275)
    """
    folder = files("shapebias").joinpath("resources")
    entry_level = json.loads(folder.joinpath("entry_level_16.json").read_text(encoding="utf-8"))
    others = json.loads(folder.joinpath("protocols/class_groups.json").read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            name: MappingProxyType({label: tuple(indices) for label, indices in groups.items()})
            for name, groups in {ENTRY_LEVEL: entry_level, **others}.items()
        }
    )


@cache
def imagenet_spellings() -> tuple[frozenset[str], ...]:
    """The ways to write each ImageNet-1k class: WordNet id, index, name, first word or all words of the synset.

    The second ``crane`` (517) is ``crane2`` on the Hugging Face hub, where names must be unique.
    """
    return tuple(
        frozenset({wnid, str(index), name, words, words.split(", ")[0], *(["crane2"] if index == 517 else ())})
        for index, (wnid, name, words) in enumerate(_imagenet())
    )


def is_imagenet(classes: Sequence[str]) -> bool:
    """Return whether these are all ImageNet-1k classes in index order, each in any spelling."""
    spellings = imagenet_spellings()
    return len(classes) == len(spellings) and all(map(frozenset.__contains__, spellings, classes))


def outputs_used_twice(groups: Iterable[tuple[str, Sequence[int]]]) -> list[str]:
    """Describe which outputs are used twice, and by which classes."""
    users: dict[int, list[str]] = {}
    for name, group in groups:
        for index in group:
            users.setdefault(index, []).append(f"'{name}'")
    return [f"output {index} is used by {' and '.join(names)}" for index, names in users.items() if len(names) > 1]
