"""Charts beside people: the numbers in them, and results that have none of it."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from shapebias.errors import FigureError
from shapebias.metrics.human_consistency import protocol_kappa
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.in_memory import InMemoryAnswers, InMemoryResults
from shapebias.reporting.figures.human_accuracy import HumanAccuracyFigure
from shapebias.reporting.figures.human_kappa import HumanKappaFigure
from shapebias.reporting.palette import assign_styles

CONDITIONS = ("c01", "c100", "c30", "c05")
MODELS = ("net", "subject-01", "subject-02")


@attrs.frozen
class Results:
    """What a figure reads of results."""

    cells: list
    models: tuple = MODELS

    @property
    def people(self):
        return {name for name in self.models if name.startswith("subject")}

    @property
    def model_styles(self):
        return assign_styles(self.models, self.people)

    def answers(self):
        return self.cells

    def metric(self, text):
        return default_catalog().component("metric", text).settings(InMemoryResults(self.cells))


def cells(dataset="model-vs-human:contrast"):
    random = np.random.default_rng(0)
    return [
        InMemoryAnswers(random.integers(2, size=20), [0] * 20, condition=name, dataset=dataset, model=model)
        for model in MODELS
        for name in CONDITIONS
    ]


def test_the_band_of_people_goes_from_the_lowest_to_the_highest():
    found = cells()
    figure = HumanAccuracyFigure()(Results(found))
    (axes,) = figure.axes
    right = {(cell.model, cell.condition): (cell.prediction == 0).mean() for cell in found}
    order = ["c100", "c30", "c05", "c01"]
    people = np.array([[right[model, name] for name in order] for model in MODELS[1:]])
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert {*np.round(band, 6)} >= {*np.round(people.min(axis=0), 6), *np.round(people.max(axis=0), 6)}
    np.testing.assert_allclose(axes.lines[0].get_ydata(), people.mean(axis=0))
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [right["net", name] for name in order])
    assert [label.get_text() for label in axes.get_xticklabels()] == order


@pytest.mark.parametrize("dataset", [None, "model-vs-human:contrast"])
def test_kappa_is_the_mean_over_the_conditions_that_count(dataset):
    found = cells()
    figure = HumanKappaFigure(dataset)(Results(found))
    texts = [text.get_text() for text in figure.axes[0].texts]
    right = {(cell.model, cell.condition): (cell.prediction == 0).astype(int) for cell in found}

    def kappa(first, second):  # c100 and c01 are left out, as published
        counts = [np.bincount(2 * right[first, name] + right[second, name], minlength=4) for name in ("c30", "c05")]
        return protocol_kappa(np.stack(counts)).mean()

    of_net, people = [kappa("net", person) for person in MODELS[1:]], kappa(*MODELS[1:])
    assert texts == [f"{np.mean(of_net):.2f}", f"{people:.2f}"]


@pytest.mark.parametrize("figure", [HumanAccuracyFigure(), HumanKappaFigure()])
def test_results_without_people_have_no_such_chart(figure):
    with pytest.raises(FigureError, match="people"):
        figure(Results(cells()[: len(CONDITIONS)], MODELS[:1]))
