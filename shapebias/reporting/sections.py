"""The charts of the page, each section with what its readers should know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import attrs

from shapebias.errors import FigureError
from shapebias.reporting.figures.accuracy import AccuracyFigure
from shapebias.reporting.figures.class_images import ClassImagesFigure
from shapebias.reporting.figures.curves import CurvesFigure
from shapebias.reporting.figures.error_consistency import ErrorConsistencyFigure
from shapebias.reporting.figures.headline import HeadlineFigure
from shapebias.reporting.figures.human_accuracy import HumanAccuracyFigure
from shapebias.reporting.figures.human_kappa import HumanKappaFigure
from shapebias.reporting.figures.shape_bias import ShapeBiasFigure
from shapebias.reporting.mpl_style import to_svg
from shapebias.reporting.svg import inline
from shapebias.reporting.sweeps import find_sweeps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shapebias.reporting.combined import CombinedResults

__all__ = ["Chart", "Section", "chart_sections"]

_Drawing: TypeAlias = Callable[["CombinedResults"], "Figure"]


@attrs.frozen
class Chart:
    """One chart: SVG for the page, and the words below it."""

    svg: str
    caption: str


@attrs.frozen
class Section:
    """Charts of one kind.

    Args:
        id, label: for links; the label is short.
        title, text: the heading and the paragraph above the charts.
        figures: at least one.
    """

    id: str
    label: str
    title: str
    text: str
    figures: list[Chart]


def chart_sections(results: CombinedResults) -> list[Section]:
    """Draw every chart for which the results have something to show."""
    datasets = list(dict.fromkeys(view.dataset for view in results.answers()))
    sections = [
        _section(
            results,
            "headline",
            "Headline",
            "Evidence for shape, evidence for texture",
            "In each panel a large value is evidence for that cue: the share of decisions by shape where cues "
            "conflict, accuracy where only one cue is left or where the other one is destroyed, and the share of "
            "saliency on the object's contour or inside it, in rows that name a saliency method.",
            [(HeadlineFigure(), ", ".join(datasets))],
        ),
        _section(
            results,
            "shape-bias",
            "Shape bias",
            "Shape or texture, by class",
            "Images whose shape and texture are of different classes: of the answers that follow one of the two, the "
            "share that follows the shape. A row is a class of shape, the last row the mean over the classes. The "
            "finding counts the answers of all classes together, which differs where classes differ in counts.",
            ((ShapeBiasFigure(dataset), f"{dataset}, clean") for dataset in datasets),
        ),
        _section(
            results,
            "curves",
            "Curves",
            "Accuracy as texture or shape fades",
            "Accuracy, with the band of its 95 % intervals. The values are evenly spaced, not to scale. Under an "
            "attack with several eps, an image that is wrong at one eps counts as wrong at every larger one.",
            _curves(results),
        ),
        _section(
            results,
            "accuracy",
            "Accuracy",
            "Accuracy under every condition",
            "Top-1 accuracy with 95 % intervals. On images with cue conflict, right is the class of the shape.",
            ((AccuracyFigure(dataset), dataset) for dataset in datasets),
        ),
        _section(
            results,
            "error-consistency",
            "Common errors",
            "Do they fail on the same images?",
            "Cohen's kappa of right and wrong: 1 for the same errors, 0 for as many common errors as chance gives.",
            ((ErrorConsistencyFigure(dataset), f"{dataset}, clean") for dataset in datasets),
        ),
        _section(
            results,
            "class-images",
            "Classes",
            "What they mean by a class",
            "Images that an attack has changed towards a class, as far as it goes, for each model. Where they look "
            "like the class, the model looks at what people look at.",
            ((ClassImagesFigure(dataset=dataset), dataset) for dataset in datasets),
        ),
        _section(
            results,
            "humans",
            "People",
            "Beside people, as distortions grow",
            "Sets of model-vs-human. The red line is the mean of the people who saw the same images; its band goes "
            "from the lowest to the highest of them. Kappa is that of right and wrong with people, the mean over the "
            "conditions that count; people with people are the last row.",
            [(HumanAccuracyFigure(), "accuracy by condition"), (HumanKappaFigure(), "kappa with people")],
        ),
    ]
    return [section for section in sections if section.figures]


def _curves(results: CombinedResults) -> Iterator[tuple[_Drawing, str]]:
    for series in find_sweeps(results.answers()):
        yield CurvesFigure(of=series.step, dataset=series.dataset), f"{series.dataset}, {series.title}"


def _section(
    results: CombinedResults, identity: str, label: str, title: str, text: str, figures: Iterable[tuple[_Drawing, str]]
) -> Section:
    drawn = []
    for position, (figure, caption) in enumerate(figures):
        try:
            svg = to_svg(figure(results))
        except FigureError:  # this data set has nothing of the kind
            continue
        drawn.append(Chart(inline(svg, f"{identity}-{position}-", f"{title}: {caption}"), caption))
    return Section(identity, label, title, text, drawn)
