"""Convert canonical texts that an earlier version stored to the current spelling, so that they identify the same."""

from __future__ import annotations

import functools
from typing import cast

from shapebias.errors import ShapebiasError
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.specs import Kind
from shapebias.spelling.former import former_spellings
from shapebias.spelling.grammar import parse
from shapebias.study.condition import Condition

__all__ = ["current_text"]


@functools.cache
def current_text(role: str, text: str) -> str:
    """Convert one stored canonical text to the current spelling.

    A parameter that was added later gets the value that keeps the old behaviour; a renamed one gets its current name.
    A text that cannot be read here, because its plugin is not installed or it was a live network, is returned
    unchanged.

    Args:
        role: the kind of component, or ``condition``.
        text: the canonical text.

    >>> current_text("condition", "pgd:eps=1/255,step=0.25").startswith("pgd:eps=1/255,norm=linf,steps=20,step_size=")
    True
    """
    try:
        with former_spellings():
            if role == "condition":
                return Condition.parse(text).canonical
            if not _is_known(cast(Kind, role), text):
                return text  # such as a person: to suggest another name, the catalog would import every plugin
            return default_catalog().component(cast(Kind, role), text).canonical
    except ShapebiasError:
        return text


def _is_known(kind: Kind, text: str) -> bool:
    return parse(text).name.rpartition("/")[2] in default_catalog().names(kind)
