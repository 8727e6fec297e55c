"""Accuracy: the share of images whose label is the answer, or among the k best answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import pandas as pd

from shapebias.metrics.frames import cell_name, not_searched, record, table, unsearched_note
from shapebias.metrics.intervals import wilson
from shapebias.plugins.study_results import Answers, StudyResults
from shapebias.spelling.params import param

__all__ = ["Accuracy"]


def _whole_numbers(value: int | Iterable[int]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


@attrs.frozen
class Accuracy:
    """Correct answers / images with a known label, in every cell.

    Images without an answer (prediction -1) count as wrong, whatever k.  A correctly answered image is left out if a
    gradient of the attack was NaN or infinite, since the attack has not searched.  The column ``top`` is a row's k.
    A k > 1 has no row if there are not more than k classes, or if the store has kept fewer than k.

    Args:
        top: the values of k; ``(1, 5)`` gives top-1 and top-5 accuracy.
    """

    top: tuple[int, ...] = param("k of top-k accuracy", default=(1, 5), ge=1, converter=_whole_numbers)

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each cell and k, with Wilson's interval."""
        every = results.answers()
        rows = [row for answers in every for row in self._rows(answers)]
        left_out = {cell_name(answers): int(not_searched(answers).sum()) for answers in every}
        return table(rows, "top", note=unsearched_note(left_out) if rows else "no finished predictions with labels")

    def _rows(self, answers: Answers) -> Iterator[dict[str, Any]]:
        known = answers.labels >= 0
        answered = answers.prediction >= 0
        for k in self.top if known.any() else ():
            if 1 < k >= len(answers.classes):
                continue
            best = answers.prediction[:, None] if k == 1 else answers.top(k)
            if best.shape[1] == k:
                right = (best == answers.labels[:, None]).any(axis=1) & answered
                counted = known & ~(right & answers.gradient_failed)
                yield record(answers, "accuracy", wilson(int((right & counted).sum()), int(counted.sum())), top=k)
