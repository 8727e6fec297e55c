"""Texts that describe the classes of a data set to a zero-shot image-text model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from shapebias.errors import LabelError, SpellingError, listed, suggestion
from shapebias.networks.labels import imagenet_wnids, is_imagenet

__all__ = ["as_templates", "class_prompts", "class_words", "prompts"]

_WNID = re.compile(r"n\d{8}")


def as_templates(value: str | Iterable[str]) -> tuple[str, ...]:
    """Convert the parameter ``templates``: texts with ``{}`` for the name of the class, or the word ``imagenet``.

    ``imagenet`` means the 80 templates of Radford et al. 2021, section 3.1.4; no template means the bare name.

    Args:
        value: one template, or several.

    Raises:
        SpellingError: a template does not have exactly one ``{}``.

    >>> as_templates("a photo of a {}."), as_templates(()), as_templates("imagenet")
    (('a photo of a {}.',), (), ('imagenet',))
    """
    templates = (value,) if isinstance(value, str) else tuple(value)
    for template in templates:
        if not isinstance(template, str) or (template.count("{}") != 1 and templates != ("imagenet",)):
            raise SpellingError(
                f"template {template!r}: write {{}} once, for the name of the class, as in "
                "'a photo of a {}.', or imagenet for the 80 templates of CLIP"
            )
    return templates


def prompts(words: Sequence[str], templates: Sequence[str]) -> list[list[str]]:
    """Insert the name of each class into each template: one list for each class.

    Args:
        words: the name of each class.
        templates: texts with ``{}``, as :func:`as_templates` returns them; without any, the name alone is the text.

    >>> prompts(["cat", "dog"], ["a photo of a {}.", "a {}."])
    [['a photo of a cat.', 'a cat.'], ['a photo of a dog.', 'a dog.']]
    >>> prompts(["cat"], []), len(prompts(["cat"], ["imagenet"])[0])
    ([['cat']], 80)
    """
    filled = _lines("imagenet_templates.txt") if tuple(templates) == ("imagenet",) else tuple(templates) or ("{}",)
    return [[template.replace("{}", name) for template in filled] for name in words]


def class_prompts(
    classes: Sequence[str], templates: Sequence[str], *, imagenet: bool = False, file: Path | None = None
) -> dict[str, list[str]]:
    """Return the texts of each class that a zero-shot model scores, by class.

    Args:
        classes: names of the data set's classes.
        templates: see :func:`as_templates`.
        imagenet: score the 1,000 classes of ImageNet in place of them.
        file: see :func:`class_words`.

    Raises:
        LabelError: see :func:`class_words`.

    >>> class_prompts(["cat", "sea_lion"], ["a photo of a {}."])
    {'cat': ['a photo of a cat.'], 'sea_lion': ['a photo of a sea lion.']}
    """
    scored = imagenet_wnids() if imagenet else tuple(classes)
    return dict(zip(scored, prompts(class_words(scored, file), templates), strict=True))


def class_words(classes: Sequence[str], file: Path | None = None) -> list[str]:
    """Return the words that name each class of a data set in a text.

    All of ImageNet-1k, and its WordNet ids, have the names with which CLIP was evaluated; other names are used as they
    are, with spaces for ``_``.

    Args:
        classes: names of the classes.
        file: a JSON object that maps classes to other words; None, the default, replaces none.

    Raises:
        LabelError: a class has no words, such as a number; or the file names an unknown class.

    >>> class_words(["n02124075", "n07747607"]), class_words(["ice_cream", "dog"])
    (['Egyptian Mau', 'orange'], ['ice cream', 'dog'])
    """
    own = {} if file is None else _read_words(file)
    if strangers := [name for name in own if name not in classes]:
        near = suggestion(strangers[0], list(classes))
        raise LabelError(f"{file} has words for {strangers[0]!r}, and the data set has no such class{near}")
    names = _lines("imagenet_names.txt")
    known = dict(zip(classes if is_imagenet(classes) else imagenet_wnids(), names, strict=True))
    words = [own.get(name) or known.get(name) or name.replace("_", " ").strip() for name in classes]
    problems = [
        f"{name!r}" for name, word in zip(classes, words, strict=True)
        if _WNID.fullmatch(word) or not any(map(str.isalpha, word))
    ]  # fmt: skip
    if problems:
        raise LabelError(
            listed("these classes have no words that name them in a text:", problems[:10])
            + "\ngive a JSON file with their words, names=FILE: {"
            + f'{problems[0]}: "..."'.replace("'", '"')
            + "}"
        )
    return words


def _read_words(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabelError(f"{path} cannot be read as JSON: {error}; it maps classes to words") from error
    if not isinstance(found, dict) or not all(isinstance(word, str) and word.strip() for word in found.values()):
        raise LabelError(f'{path} must hold a JSON object from classes to words, as in {{"n02085620": "Chihuahua"}}')
    return found


@cache
def _lines(name: str) -> tuple[str, ...]:
    text = files("shapebias").joinpath(f"resources/prompts/{name}").read_text(encoding="utf-8")
    return tuple(text.splitlines())
