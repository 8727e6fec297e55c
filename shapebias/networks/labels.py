"""Label spaces, and how a model's outputs become scores for a data set's classes: data only, no arithmetic.

``shapebias.networks.classifier`` computes the scores.  This module decides which outputs belong to which class, so
that the mapping is known before any network is loaded and can be stored with the results.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

import attrs

from shapebias.errors import LabelError, listed, suggestion

__all__ = [
    "AGGREGATES",
    "Aggregate",
    "LabelMapping",
    "class_groups",
    "class_order",
    "entry_level_classes",
    "imagenet_names",
    "imagenet_wnids",
    "is_imagenet",
    "match_labels",
    "whole_numbers",
]

Aggregate: TypeAlias = Literal["mean", "sum", "max"]
"""How the softmax probabilities of the outputs of one class are combined."""

AGGREGATES: tuple[str, ...] = get_args(Aggregate)

Groups = tuple[tuple[int, ...], ...]
Entries = Sequence[tuple[str, object]]
"""Each class of a data set with its outputs as in a mapping file: a list of names and indices, if it is correct."""

_MAPPING_FILE = 'a JSON object from each class of the data set to outputs of the model, as in {"dog": ["beagle", 207]}'
_STRANGERS_NAMED = 20
_ENTRY_LEVEL = "entry-level-16"
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
        if problems := _used_twice(zip(self.classes, self.groups, strict=True)):
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
    return class_groups()[_ENTRY_LEVEL]


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
            for name, groups in {_ENTRY_LEVEL: entry_level, **others}.items()
        }
    )


@cache
def _imagenet_spellings() -> tuple[frozenset[str], ...]:
    """The ways to write each ImageNet-1k class: WordNet id, index, name, first word or all words of the synset.

    The second ``crane`` (517) is ``crane2`` on the Hugging Face hub, where names must be unique.
    """
    return tuple(
        frozenset({wnid, str(index), name, words, words.split(", ")[0], *(["crane2"] if index == 517 else ())})
        for index, (wnid, name, words) in enumerate(_imagenet())
    )


def is_imagenet(classes: Sequence[str]) -> bool:
    """Return whether these are all ImageNet-1k classes in index order, each in any spelling."""
    spellings = _imagenet_spellings()
    return len(classes) == len(spellings) and all(map(frozenset.__contains__, spellings, classes))


def match_labels(
    model_classes: Sequence[str] | None,
    outputs: int,
    dataset_classes: Sequence[str],
    mapping_file: Path | str | None = None,
    descriptions: Mapping[str, str] | None = None,
    aggregate: Aggregate = "mean",
) -> LabelMapping:
    """Decide how a model's outputs become scores for a data set's classes, by the first of these rules that fits.

    1. ``file:NAME``: a mapping file is given.  It must fit; otherwise every problem in it is reported.
    2. ``identical``: both have the same classes in the same order, or both are all of ImageNet-1k in index order.
    3. ``reordered``: both have the same classes in another order; the data set may name them by their descriptions.
    4. ``imagenet-1k -> entry-level-16``: the model is an ImageNet-1k model and the data set's classes are among the
       16 of Geirhos et al. 2019; or they are all classes of another of :func:`class_groups`, under that name.
    5. ``imagenet-1k -> subset``: the model is an ImageNet-1k model and each of the data set's classes is one of
       ImageNet-1k, written as WordNet id, index in digits, name, or first or all words of the synset.
    6. ``by position``: the model does not name its outputs, and has as many as the data set has classes.

    An ImageNet-1k model names its 1,000 outputs like these, in index order, or has 1,000 outputs without names; in
    the second case ``source`` says that this is assumed.

    A mapping file is a JSON object: for each of the data set's classes the list of the model's outputs.  An output is
    an index (a number) or a name (a string; for ImageNet-1k any of the spellings above), such as
    ``{"bear": ["brown bear", "n02133161", 296], "cat": [281]}``.  Outputs may be left out, but none may be used
    twice, since it could not distinguish the two classes.

    Args:
        model_classes: the names of the model's outputs, or None where they are unknown.
        outputs: how many outputs the model has.
        dataset_classes: the names of the data set's classes, in the order of its labels.
        mapping_file: path of a mapping file.
        descriptions: other names of the outputs; in ``disc, circle`` each word is a name too.
        aggregate: how the probabilities of several outputs become the score of a class.

    Returns:
        The mapping; its ``classes`` are ``dataset_classes``.

    Raises:
        LabelError: no rule fits, a name is ambiguous, or the mapping file does not fit.

    >>> match_labels(None, 1000, ["cat", "elephant"]).groups
    ((281, 282, 283, 284, 285, 286), (385, 386))
    >>> match_labels(["cat", "dog"], 2, ["dog", "cat"]).groups
    ((1,), (0,))
    """
    model = _Outputs(outputs, model_classes, descriptions or {})
    classes = tuple(dataset_classes)
    if not classes:
        raise LabelError("the data set has no class names, so a model's answers to it cannot be scored")
    name, groups = _match(model, classes, None if mapping_file is None else Path(mapping_file))
    source = f"{outputs:,} unnamed outputs" if name == "by position" else model.source
    return LabelMapping(name, source, classes, groups, aggregate)


def _match(model: _Outputs, classes: tuple[str, ...], mapping_file: Path | None) -> tuple[str, Groups | None]:
    """Return the name of the rule that fits, and the outputs of each class."""
    if mapping_file is not None:
        groups = _resolve(_read_entries(mapping_file), model, classes, f"mapping file {mapping_file}")
        return f"file:{mapping_file.name}", groups
    if model.classes == classes or (model.imagenet and is_imagenet(classes)):
        return "identical", None
    if repeated := [name for name, times in Counter(classes).items() if times > 1]:
        raise LabelError(f"the data set has several classes named {_some(repeated)}; give each class its own name")
    if positions := model.permutation(classes):
        return "reordered", tuple((position,) for position in positions)
    for name, known in class_groups().items() if model.imagenet else ():
        if known.keys() == set(classes) or (name == _ENTRY_LEVEL and known.keys() >= set(classes)):
            return f"imagenet-1k -> {name}", tuple(known[label] for label in classes)
    if model.imagenet and model.indices.keys() >= set(classes):
        return "imagenet-1k -> subset", _resolve([(name, [name]) for name in classes], model, classes, "the data set")
    if model.classes is None and model.count == len(classes):
        return "by position", None
    raise LabelError(_mismatch(model, classes))


@attrs.frozen
class _Outputs:
    """The outputs of a model and what they may be called."""

    count: int
    classes: tuple[str, ...] | None = attrs.field(converter=attrs.converters.optional(_as_names))
    descriptions: Mapping[str, str]
    imagenet: bool = attrs.field(init=False)
    indices: Mapping[str, tuple[int, ...]] = attrs.field(init=False)
    """The outputs that a text may mean; more than one where it is ambiguous."""

    @classes.validator
    def _as_many_as_outputs(self, _: object, classes: tuple[str, ...] | None) -> None:
        if classes is not None and len(classes) != self.count:
            raise LabelError(f"the model has {self.count} outputs but names {len(classes)} classes: {_some(classes)}")

    @imagenet.default
    def _names_imagenet(self) -> bool:
        return self.count == len(_imagenet()) and (self.classes is None or is_imagenet(self.classes))

    @indices.default
    def _by_spelling(self) -> Mapping[str, tuple[int, ...]]:
        texts_of = {name: (name, text, *text.split(", ")) for name, text in self.descriptions.items()}
        own = [{*texts_of.get(name, (name,))} for name in self.classes or ()]
        spellings: Iterable[Iterable[str]] = _imagenet_spellings() if self.imagenet else own
        indices: dict[str, tuple[int, ...]] = {}
        for index, texts in enumerate(spellings):
            for text in texts:
                indices[text] = (*indices.get(text, ()), index)
        return indices

    def permutation(self, names: Sequence[str]) -> list[int] | None:
        """Return the output that each name means, if these are all outputs, each once."""
        # The names themselves come first: another spelling of one class may be the name of another, such as "crane".
        exact: dict[str, list[int]] = {}
        for position, name in enumerate(self.classes or ()):
            exact.setdefault(name, []).append(position)
        for meanings in (exact, self.indices):
            positions = [position for name in names for position in meanings.get(name, ())]
            if len(names) == len(positions) == self.count == len(set(positions)):
                return positions
        return None

    @property
    def source(self) -> str:
        """A description of the label space."""
        if self.imagenet:
            return f"ImageNet-1k ({'1,000 classes' if self.classes else 'assumed from 1,000 outputs'})"
        return f"{self.count:,} classes ({_some(self.classes)})" if self.classes else f"{self.count:,} unnamed outputs"

    def index(self, output: object) -> int:
        """Return the index of an output given by name or index; raise LabelError if it is neither."""
        if isinstance(output, int) and not isinstance(output, bool):
            if output in range(self.count):
                return output
            raise LabelError(f"index {output} is not in 0..{self.count - 1}")
        if not isinstance(output, str):
            raise LabelError(f"{json.dumps(output)} is neither an index nor a name")
        match self.indices.get(output, ()):
            case (index,):
                return index
            case ():
                raise LabelError(f"the model has no output '{output}'{self.suggestion(output)}")
            case several:
                meanings = " or ".join(f"{i} ({imagenet_wnids()[i]})" if self.imagenet else str(i) for i in several)
                raise LabelError(f"'{output}' is ambiguous, write which: output {meanings}")

    def suggestion(self, text: str) -> str:
        """Return a hint at the closest name, as ``errors.suggestion`` does."""
        if not self.indices:
            return "; its outputs have no names, write indices"
        return suggestion(text, [*imagenet_names(), *imagenet_wnids()] if self.imagenet else self.indices)


def _read_entries(path: Path) -> Entries:
    """Return each class of a mapping file with its outputs; a class that is written twice is returned twice."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=tuple)
    except (OSError, ValueError) as error:
        raise LabelError(f"mapping file {path} cannot be read as JSON: {error}") from error
    if not isinstance(entries, tuple):
        raise LabelError(f"mapping file {path} must hold {_MAPPING_FILE}")
    return entries


def _resolve(entries: Entries, model: _Outputs, classes: Sequence[str], origin: str) -> Groups:
    """Return the outputs of each class, or report all problems of the entries at once."""
    groups: dict[str, list[int]] = {}
    problems = []
    for name, outputs in entries:
        if name in groups:
            problems.append(f"class '{name}' is written twice")
        if name not in classes:
            problems.append(f"the data set has no class '{name}'{suggestion(name, classes)}")
        if not isinstance(outputs, list) or not outputs:
            problems.append(f"class '{name}' needs a list of one or more outputs")
        group = groups.setdefault(name, [])
        for output in outputs if isinstance(outputs, list) else ():
            try:
                group.append(model.index(output))
            except LabelError as error:
                problems.append(f"class '{name}': {error}")
    problems += [f"class '{name}' is missing" for name in classes if name not in groups]
    problems += _used_twice(groups.items())
    if problems:
        raise LabelError(listed(f"{origin} does not fit a model with {model.source}:", problems))
    return tuple(tuple(groups[name]) for name in classes)


def _used_twice(groups: Iterable[tuple[str, Sequence[int]]]) -> list[str]:
    """Describe which outputs are used twice, and by which classes."""
    users: dict[int, list[str]] = {}
    for name, group in groups:
        for index in group:
            users.setdefault(index, []).append(f"'{name}'")
    return [f"output {index} is used by {' and '.join(names)}" for index, names in users.items() if len(names) > 1]


def _mismatch(model: _Outputs, classes: Sequence[str]) -> str:
    """Describe both label spaces, the classes that the model lacks, and how to map them by hand."""
    entry_level = [name for name in classes if model.imagenet and name in entry_level_classes()]
    known = {*model.indices, *entry_level}
    strangers = [name for name in classes if known and name not in known]
    lines = [f"the model: {model.source}", f"the data set: {len(classes):,} classes ({_some(classes)})"]
    lines += [f"the model has no class '{name}'{model.suggestion(name)}" for name in strangers[:_STRANGERS_NAMED]]
    if len(strangers) > _STRANGERS_NAMED:
        lines.append(f"nor {len(strangers) - _STRANGERS_NAMED:,} other classes of the data set")
    if entry_level and not strangers:
        lines.append(f"entry-level classes ({_some(entry_level)}) do not mix with classes of ImageNet-1k")
    if not model.indices:
        lines.append(f"a model that has no weights yet can have as many outputs: num_classes={len(classes)}")
    lines.append(f"to map them yourself, write a mapping file: {_MAPPING_FILE}")
    return listed("the model's outputs do not match the data set's classes", lines)


def _some(names: Sequence[str], most: int = 4) -> str:
    """Return the first few names."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
