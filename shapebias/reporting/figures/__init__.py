"""The figures by name, one per file; each is a settings class that is called with results."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from shapebias.errors import FigureError, suggestion
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import build

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shapebias.reporting.combined import CombinedResults

__all__ = ["FIGURES", "Drawing", "FigureEntry", "find"]


class Drawing(Protocol):
    """The settings of a figure; called with results, it draws."""

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw, or raise :class:`shapebias.errors.FigureError` if the results have nothing to show."""


@attrs.frozen
class FigureEntry:
    """A figure that users can name.

    Args:
        target: ``"package.module:Class"``.
        summary: one line for ``shapebias figure --list``.
    """

    target: str
    summary: str

    def load(self) -> type[Any]:
        """Import the settings class."""
        module, _, name = self.target.partition(":")
        found: type[Any] = getattr(importlib.import_module(module), name)
        return found


FIGURES = {
    "headline": FigureEntry(
        "shapebias.reporting.figures.headline:HeadlineFigure",
        "all evidence for shape, and all evidence for texture",
    ),
    "shape-bias": FigureEntry(
        "shapebias.reporting.figures.shape_bias:ShapeBiasFigure",
        "shape bias by class, with each model's mean, as in Geirhos et al. 2019, figure 4",
    ),
    "curves": FigureEntry(
        "shapebias.reporting.figures.curves:CurvesFigure",
        "accuracy as saturation, patch-shuffle, eps or any other number grows",
    ),
    "accuracy": FigureEntry(
        "shapebias.reporting.figures.accuracy:AccuracyFigure",
        "accuracy under every condition, with intervals",
    ),
    "saliency": FigureEntry(
        "shapebias.reporting.figures.saliency:SaliencyFigure",
        "images and the maps of each model, clean and transformed, as in Zhang & Zhu 2019, figure 2",
    ),
    "class-images": FigureEntry(
        "shapebias.reporting.figures.class_images:ClassImagesFigure",
        "images changed towards a class: what each model associates with it",
    ),
    "error-consistency": FigureEntry(
        "shapebias.reporting.figures.error_consistency:ErrorConsistencyFigure",
        "Cohen's kappa of correct and wrong answers between all pairs of models",
    ),
    "human-accuracy": FigureEntry(
        "shapebias.reporting.figures.human_accuracy:HumanAccuracyFigure",
        "accuracy as a distortion of model-vs-human grows, beside the range of people",
    ),
    "human-kappa": FigureEntry(
        "shapebias.reporting.figures.human_kappa:HumanKappaFigure",
        "Cohen's kappa of each model with people, by set of model-vs-human",
    ),
}


def find(text: str) -> Drawing:
    """Read ``name:key=value,...`` as a figure's settings.

    Raises:
        FigureError: no figure has this name.
        SpellingError: a parameter is not valid.
    """
    spelling = parse(text)
    if spelling.name not in FIGURES:
        known = ", ".join(FIGURES)
        raise FigureError(f"{spelling.name}: unknown figure{suggestion(spelling.name, FIGURES)}; known: {known}")
    settings: Drawing = build(FIGURES[spelling.name].load(), spelling)
    return settings
