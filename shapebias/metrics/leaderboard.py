"""Leaderboard: models sorted by accuracy or shape bias, and which of their differences are beyond chance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pandas as pd

from shapebias.metrics._cues import conflict, shape_bias
from shapebias.metrics._paired import (
    MCNEMAR,
    PERMUTATION,
    SMALLEST_P,
    Correction,
    Difference,
    Measure,
    accuracy_difference,
    adjusted,
    shape_bias_difference,
)
from shapebias.metrics.frames import correctness, record, table
from shapebias.metrics.intervals import Estimate, wilson
from shapebias.plugins.study_results import Answers, StudyResults
from shapebias.spelling.params import param

__all__ = ["Leaderboard"]

_COLUMNS = ("rank", "above", "not_told_apart", "not_compared", "pairs", "test")


@attrs.frozen
class Leaderboard:
    """Models sorted by accuracy or shape bias, largest first, and the pairs of them that differ beyond chance.

    Each pair of models is compared on the images that both have answered: McNemar's exact test for accuracy, a paired
    permutation test for shape bias, as in ``paired-difference``.  The p-values of all pairs under one condition are
    corrected for their number.  For each model, ``above`` lists the ranks of lower-ranked models that differ from it,
    ``not_told_apart`` those of models, above or below, that do not differ from it, and ``not_compared`` those of models
    with which it has no images in common.

    Args:
        of: what the models are sorted by.
        level: a difference is beyond chance if the corrected p-value is below this.
        correction: the correction of the p-values for their number.
    """

    of: Measure = param("what the models are sorted by", default="shape-bias")
    level: float = param("largest p-value of a difference beyond chance", default=0.05, gt=0, lt=1)
    correction: Correction = param("correction of the p-values for their number", default="holm")

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each model under each condition, largest value first."""
        rows: list[dict[str, Any]] = []
        for group in _groups(results.answers()):
            rows += self._rows(group, results.seed)
        return table(rows, *_COLUMNS, note=self._note(rows)).astype({"rank": int, "pairs": int})

    def _note(self, rows: Sequence[Mapping[str, Any]]) -> str:
        if not rows:
            no_conflict = "no image has a shape label and a different texture label; use a data set with cue conflict"
            return no_conflict if self.of == "shape-bias" else "no finished predictions with labels"
        pairs = max(row["pairs"] for row in rows)
        if self.of == "shape-bias" and self.correction == "holm" and pairs * SMALLEST_P >= self.level:
            return (
                f"with {pairs} pairs no permutation test can be significant after Holm's correction; compare fewer "
                "models, or take correction=benjamini-hochberg"
            )
        return ""

    def _rows(self, group: Sequence[Answers], seed: int) -> Iterator[dict[str, Any]]:
        estimates = [(answers, self._estimate(answers)) for answers in group]
        known = [(answers, each) for answers, each in estimates if each.n]
        known.sort(key=lambda one: (-one[1].value, one[0].model))
        compared = self._compared([answers for answers, _ in known], seed)
        for position, (answers, estimate) in enumerate(known):
            others = {
                other: compared[min(position, other), max(position, other)]
                for other in range(len(known))
                if other != position
            }
            facts = {
                "above": _ranks(other for other, p in others.items() if other > position and p < self.level),
                "not_told_apart": _ranks(other for other, p in others.items() if p >= self.level),
                "not_compared": _ranks(other for other, p in others.items() if np.isnan(p)),
            }
            pairs, test = len(compared), _TESTS[self.of]
            yield record(answers, self.of, estimate, rank=position + 1, **facts, pairs=pairs, test=test)

    def _estimate(self, answers: Answers) -> Estimate:
        if self.of == "shape-bias":
            return shape_bias(answers) if conflict(answers).any() else Estimate(np.nan, np.nan, np.nan, 0, "")
        right = correctness(answers)
        return wilson(int(right.sum()), len(right))

    def _compared(self, answers: Sequence[Answers], seed: int) -> Mapping[tuple[int, int], float]:
        """Return the corrected p-value of each pair, by their positions; NaN if they share no images."""
        measures: dict[Measure, Callable[[Answers, Answers], Difference]] = {
            "accuracy": accuracy_difference,
            "shape-bias": lambda first, second: shape_bias_difference(first, second, seed),
        }
        pairs = list(itertools.combinations(range(len(answers)), 2))
        differences = [measures[self.of](answers[one], answers[other]) for one, other in pairs]
        raw = np.array([each.p if each.estimate.n else np.nan for each in differences], dtype=np.float64)
        return dict(zip(pairs, adjusted(raw, self.correction).tolist(), strict=True))


_TESTS: dict[Measure, str] = {"accuracy": MCNEMAR, "shape-bias": PERMUTATION}


def _groups(listed: Iterable[Answers]) -> Iterator[list[Answers]]:
    groups: dict[tuple[object, ...], list[Answers]] = {}
    for answers in listed:
        groups.setdefault((answers.dataset, answers.condition, answers.eps), []).append(answers)
    yield from groups.values()


def _ranks(positions: Iterable[int]) -> str:
    return ", ".join(str(position + 1) for position in positions)
