"""Decide which outputs of a model belong to which class of a data set, before any network is loaded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import attrs

from shapebias.errors import LabelError, listed, suggestion
from shapebias.networks.labels import (
    ENTRY_LEVEL,
    Aggregate,
    Groups,
    LabelMapping,
    class_groups,
    entry_level_classes,
    imagenet_names,
    imagenet_spellings,
    imagenet_wnids,
    is_imagenet,
    outputs_used_twice,
)

__all__ = ["match_labels"]

Entries = Sequence[tuple[str, object]]
"""Each class of a data set with its outputs as in a mapping file: a list of names and indices, if it is correct."""

_MAPPING_FILE = 'a JSON object from each class of the data set to outputs of the model, as in {"dog": ["beagle", 207]}'
_STRANGERS_NAMED = 20


def _as_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


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
        if known.keys() == set(classes) or (name == ENTRY_LEVEL and known.keys() >= set(classes)):
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
        return self.count == len(imagenet_wnids()) and (self.classes is None or is_imagenet(self.classes))

    @indices.default
    def _by_spelling(self) -> Mapping[str, tuple[int, ...]]:
        texts_of = {name: (name, text, *text.split(", ")) for name, text in self.descriptions.items()}
        own = [{*texts_of.get(name, (name,))} for name in self.classes or ()]
        spellings: Iterable[Iterable[str]] = imagenet_spellings() if self.imagenet else own
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
    problems += outputs_used_twice(groups.items())
    if problems:
        raise LabelError(listed(f"{origin} does not fit a model with {model.source}:", problems))
    return tuple(tuple(groups[name]) for name in classes)


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
    if (model.count, len(classes)) == (1, 2):
        lines.append("a network with one logit, that of the second of two classes, needs binary=true")
    lines.append(f"to map them yourself, write a mapping file: {_MAPPING_FILE}")
    return listed("the model's outputs do not match the data set's classes", lines)


def _some(names: Sequence[str], most: int = 4) -> str:
    """Return the first few names."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
