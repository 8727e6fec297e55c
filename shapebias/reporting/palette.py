"""One colour and one marker per model, in every chart; the colours suit all types of colour vision."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal, TypeAlias

import attrs

__all__ = ["INK", "MUTED", "PAPER", "PEOPLE", "ModelStyle", "assign_styles"]

Line: TypeAlias = Literal["-", "--", "-.", ":"]

INK = "#1b1e23"
MUTED = "#6b7178"
PAPER = "#fdfdfe"
PEOPLE = "#a51e37"  # the red of people in Geirhos et al.

# Okabe & Ito 2008, "Color universal design", without yellow and black: they are invisible on white and on black.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
_PERSONS = ("1", "2", "3", "4", "+", "x")
_LINES: tuple[Line, ...] = ("-", "--", "-.", ":")


@attrs.frozen
class ModelStyle:
    """The style of one model, which never differs from others only in colour.

    Args:
        colour: as ``#rrggbb``.
        marker, line: as matplotlib's letters.
    """

    colour: str
    marker: str
    line: Line

    @property
    def css_colour(self) -> str:
        """The colour as a CSS variable, which the page defines for its light and its dark theme.

        >>> assign_styles(["standard"])["standard"].css_colour
        'var(--model-0)'
        """
        return "var(--people)" if self.colour == PEOPLE else f"var(--model-{_COLOURS.index(self.colour)})"


def assign_styles(models: Iterable[str], people: Collection[str] = ()) -> dict[str, ModelStyle]:
    """Give each model a style, in order.  Colours repeat after six models; markers and lines then differ.

    People are drawn in red, with thin markers, and do not use up a colour of the networks.

    >>> assign_styles(["standard", "adversarial"])["adversarial"]
    ModelStyle(colour='#d55e00', marker='s', line='-')
    """
    names = list(models)
    networks = [model for model in names if model not in people]
    coloured = {
        model: ModelStyle(
            _COLOURS[position % len(_COLOURS)],
            _MARKERS[position % len(_MARKERS)],
            _LINES[position // len(_COLOURS) % len(_LINES)],
        )
        for position, model in enumerate(networks)
    }
    persons = [model for model in names if model in people]
    in_red = {
        model: ModelStyle(PEOPLE, _PERSONS[position % len(_PERSONS)], ":") for position, model in enumerate(persons)
    }
    return {model: (coloured | in_red)[model] for model in names}
