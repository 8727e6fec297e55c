"""Human consistency: how close accuracies and errors are to those of people, as model-vs-human measures it."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics.error_consistency import agreement
from shapebias.metrics.frames import correctness, table
from shapebias.metrics.intervals import BOOTSTRAP, Estimate, resamples
from shapebias.plugins.study_results import Answers, StudyResults
from shapebias.published.human_sets import CLEAN, condition_name, conditions_of_set
from shapebias.published.image_names import read_image_name
from shapebias.spelling.params import param

__all__ = ["ALL_SETS", "PEOPLE", "HumanConsistency", "protocol_kappa"]

MEASURES = ("accuracy-difference", "observed-consistency", "error-consistency", "ood-accuracy")
PEOPLE = "people"
ALL_SETS = "all sets"

Outcomes: TypeAlias = Mapping[str, pd.DataFrame]
"""For each condition, which images (rows) each model (columns) got right; NaN if it was not shown the image."""


@attrs.frozen
class _Draws:
    """The four measures of one model: their values, and their values in every resample of the images.

    Args:
        measured: (4,) values, in the order of ``MEASURES``.
        resampled: (4, R) values.
        n: number of images.
    """

    measured: NDArray[np.float64]
    resampled: NDArray[np.float64]
    n: int

    @classmethod
    def mean(cls, draws: Sequence[_Draws], weights: Sequence[Sequence[int]] | None = None) -> _Draws:
        """Average over conditions, or over sets; ``weights`` has one row for each measure."""
        each = None if weights is None else np.array(weights, dtype=float)
        measured = np.stack([one.measured for one in draws], axis=-1)
        resampled = np.stack([one.resampled for one in draws], axis=-1)
        spread = None if each is None else np.broadcast_to(each[:, None], resampled.shape)
        return cls(
            np.average(measured, axis=-1, weights=each),
            np.average(resampled, axis=-1, weights=spread),
            sum(one.n for one in draws),
        )

    def estimates(self) -> Iterator[tuple[str, Estimate]]:
        """Yield each measure with its interval, which needs at least two images."""
        for measure, value, resampled in zip(MEASURES, self.measured, self.resampled, strict=True):
            known = resampled[~np.isnan(resampled)]
            low, high = np.quantile(known, [0.025, 0.975]) if self.n > 1 and len(known) else (np.nan, np.nan)
            yield measure, Estimate(float(value), float(low), float(high), self.n, BOOTSTRAP)


@attrs.frozen
class HumanConsistency:
    """Accuracy and errors of each model compared with those of each person, averaged as in model-vs-human.

    Geirhos et al. 2021, "Partial success in closing the gap between human and machine vision", section 2 and appendix:
    under each condition, between a model and each observer, the squared difference of their accuracies, the share of
    images on which both are right or both are wrong, and Cohen's kappa of the two, which is 1 where they agree on every
    image.  Means are taken over conditions, then over observers, then over sets of stimuli.  The fourth measure is the
    accuracy over all images of a set.  Conditions that the paper leaves out are left out here too: see
    :func:`shapebias.published.human_sets.human_sets`.  ``people`` compares the observers with each other, each pair
    once.

    Intervals are bootstrapped over the images of each condition, drawn for the model and all observers together:
    Klein et al. 2025, "Quantifying uncertainty in error consistency".
    """

    observers: str = param("pattern of the names of the models that are people", default="subject-*")
    conditions: bool = param(
        "whether to add rows for each condition, including those left out, and for each person there", default=False
    )

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return rows for each set and model, and for all sets where there are several."""
        rows: list[dict[str, Any]] = []
        sets: dict[str, list[_Draws]] = {}
        unknown = []
        for dataset, cells in _by_dataset(results.answers()).items():
            people = sorted({one.model for one in cells if fnmatchcase(one.model, self.observers)})
            if not people:
                continue
            outcomes = _outcomes(cells)
            kept = conditions_of_set(dataset, cells[0].texts["dataset"])
            unknown += [] if kept is not None else [dataset]
            for model, comparison in _comparisons(dict.fromkeys(one.model for one in cells), people):
                each = _each(comparison, outcomes, dataset, results.seed)
                if self.conditions:
                    rows += _condition_rows(each, dataset, model)
                counted = [draws for condition, draws in each.items() if (kept or {}).get(condition, True)]
                if counted:
                    whole = _over_conditions(counted)
                    sets.setdefault(model, []).append(whole)
                    rows += _rows(whole, dataset=dataset, model=model, condition="", averaging="set")
            if self.conditions:
                for person, comparison in _among_people(people):
                    rows += _condition_rows(_each(comparison, outcomes, dataset, results.seed), dataset, person)
        for model, wholes in sets.items():
            if len(wholes) > 1:
                whole = _Draws.mean(wholes)
                rows += _rows(whole, dataset=ALL_SETS, model=model, condition="", averaging="all", sets=len(wholes))
        return table(rows, "measure", "averaging", "sets", note=self._note(rows, unknown))

    def _note(self, rows: Sequence[object], unknown: Sequence[str]) -> str:
        if not rows:
            return f"no model has answered the same images as people, which are the models named {self.observers!r}"
        if unknown:
            return f"{', '.join(unknown)}: not a set of model-vs-human, so no condition is left out"
        return ""


def _rows(draws: _Draws, *, averaging: str, sets: int = 1, **position: str) -> list[dict[str, Any]]:
    facts = {**position, "eps": None, "metric": "human-consistency", "averaging": averaging, "sets": sets}
    return [{**facts, "measure": measure, **attrs.asdict(one)} for measure, one in draws.estimates()]


def _condition_rows(each: Mapping[str, _Draws], dataset: str, model: str) -> Iterator[dict[str, Any]]:
    for condition, draws in each.items():
        yield from _rows(draws, dataset=dataset, model=model, condition=condition, averaging="condition")


def _each(comparison: _Comparison, outcomes: Outcomes, dataset: str, seed: int) -> dict[str, _Draws]:
    """Compute the measures under each condition that has common images."""
    found = {
        condition: comparison.draw(frame, [seed, zlib.crc32(f"{dataset}/{condition}".encode())])
        for condition, frame in outcomes.items()
    }
    return {condition: draws for condition, draws in found.items() if draws is not None}


def _by_dataset(listed: Iterable[Answers]) -> dict[str, list[Answers]]:
    groups: dict[str, list[Answers]] = {}
    for answers in listed:
        if answers.eps is None:  # no person was attacked
            groups.setdefault(answers.dataset, []).append(answers)
    return groups


def _outcomes(cells: Iterable[Answers]) -> Outcomes:
    """Group which images every model got right by condition: that of the cell, or the one in the image's name.

    Args:
        cells: answers to one data set, without attacks.
    """
    columns: dict[str, dict[str, list[pd.Series[bool]]]] = {}
    for answers in cells:
        right = correctness(answers)
        conditions = [_condition(answers, image) for image in right.index]
        for condition, some in right.groupby(np.array(conditions, dtype=object)):
            columns.setdefault(str(condition), {}).setdefault(answers.model, []).append(some)
    return {
        condition: pd.concat({model: pd.concat(some) for model, some in models.items()}, axis=1).astype(float)
        for condition, models in columns.items()
    }


def _condition(answers: Answers, image: str) -> str:
    named = condition_name(answers.condition)
    return read_image_name(image).condition or named if named == CLEAN else named


@attrs.frozen
class _Comparison:
    """Which models to compare.

    Args:
        scored: the models whose accuracy is measured.
        pairs: the pairs of models whose errors are compared.
    """

    scored: Sequence[str]
    pairs: Sequence[tuple[str, str]]

    def draw(self, frame: pd.DataFrame, seed: Sequence[int]) -> _Draws | None:
        """Compute the measures under one condition, and resample its images; None if no pair has common images."""
        pairs = [pair for pair in self.pairs if {*pair} <= {*frame.columns}]
        pairs = [pair for pair in pairs if frame[[*pair]].notna().all(axis=1).any()]
        if not pairs:
            return None
        models = list(dict.fromkeys(itertools.chain.from_iterable(pairs)))
        # Images with the same outcomes are interchangeable, so the number of images of each kind is drawn.
        outcomes = frame[models].dropna(how="all").fillna(-1).to_numpy(dtype=np.int8)
        kinds, counts = np.unique(outcomes, axis=0, return_counts=True)
        position = {model: column for column, model in enumerate(models)}
        first, second = (kinds[:, [position[pair[side]] for pair in pairs]] for side in (0, 1))
        scored = kinds[:, [position[model] for model in self.scored if model in position]]
        values = _measures(counts, first, second, scored)
        resampled = [_measures(drawn, first, second, scored) for drawn in resamples(counts, seed)]
        return _Draws(values, np.concatenate(resampled, axis=-1), int(counts.sum()))


def _comparisons(models: Iterable[str], people: Sequence[str]) -> Iterator[tuple[str, _Comparison]]:
    """Yield each model with its comparison, and the people with each other."""
    for model in models:
        if model not in people:
            yield model, _Comparison([model], [(model, person) for person in people])
    if len(people) > 1:
        yield PEOPLE, _Comparison(people, list(itertools.combinations(people, 2)))


def _among_people(people: Sequence[str]) -> Iterator[tuple[str, _Comparison]]:
    """Yield each person compared with the others, if there are any."""
    for person in people if len(people) > 1 else ():
        yield person, _Comparison([person], [(person, other) for other in people if other != person])


def _measures(
    counts: NDArray[Any], first: NDArray[np.int8], second: NDArray[np.int8], scored: NDArray[np.int8]
) -> NDArray[np.float64]:
    """Average the measures over pairs.

    Args:
        counts: (..., K) images of each kind.
        first, second: (K, P) whether the models of each pair are right, -1 if the image was not shown.
        scored: (K, M) the same for the models whose accuracy is measured.

    Returns:
        (4, ...) the measures, in the order of ``MEASURES``.
    """
    both = (first >= 0) & (second >= 0)
    cases = [both & (first == one) & (second == other) for one in (0, 1) for other in (0, 1)]
    images = counts.astype(np.float64)
    # (..., P, 4), with all pairs of a case side by side in memory: numpy is slow where the last axis has four entries
    pairs = np.moveaxis(np.stack([images @ case.astype(np.float64) for case in cases]), 0, -1)
    right, shown = images @ (scored == 1).sum(axis=1), images @ (scored >= 0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN: a resample without any image of a pair
        shares = pairs / pairs.sum(axis=-1, keepdims=True)
        difference = (shares[..., 2] - shares[..., 1]) ** 2
        observed, expected = agreement(pairs)
        means = [values.mean(axis=-1) for values in (difference, observed, _kappa(observed, expected))]
        return np.stack([*means, right / shown])


def _over_conditions(conditions: Sequence[_Draws]) -> _Draws:
    """Average over conditions: each counts once, but accuracy is that of all images."""
    equal, images = [1] * len(conditions), [draws.n for draws in conditions]
    return _Draws.mean(conditions, [equal, equal, equal, images])


def protocol_kappa(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return Cohen's kappa as model-vs-human defines it: 1 if the two agree on every image.

    :func:`shapebias.metrics.error_consistency.cohens_kappa` is not defined if agreement is certain.

    Args:
        counts: (..., 4) images: both wrong, second right, first right, both right.

    >>> protocol_kappa(np.array([[70, 10, 5, 15], [0, 0, 0, 8], [0, 2, 0, 6]])).round(2).tolist()
    [0.57, 1.0, 0.0]
    """
    return _kappa(*agreement(counts))


def _kappa(observed: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.where(observed == 1, 1.0, (observed - expected) / (1 - expected))
