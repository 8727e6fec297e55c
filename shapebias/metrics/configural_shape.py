"""Configural shape score: whether a model tells two arrangements of the same pieces apart."""

from __future__ import annotations

import re
from typing import Any

import attrs
import numpy as np
import pandas as pd

from shapebias.metrics.frames import cell_name, correctness, record, table
from shapebias.metrics.intervals import wilson
from shapebias.plugins.study_results import Answers, StudyResults

__all__ = ["ConfiguralShape"]

_PAIR = re.compile(r"(?:.*/)?(\d+(?:_\d+)?)_transform_[^/]*")


@attrs.frozen
class ConfiguralShape:
    """Configural Shape Score: the share of pairs of images that are both answered correctly.

    The two images of a pair have the same pieces, so that only their arrangement tells the classes apart.  The ids of
    the images of a pair begin with the same number, as in the data set ``visual-anagrams``:
    ``000_transform_bear_bunny_object0_bear.png``.  A pair does not count if only one of its images was answered; the
    table's note says how many of these there are.

    Doshi et al. 2025, "Visual anagrams reveal hidden differences in holistic shape processing across vision models".
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each cell whose images are pairs, with Wilson's interval over pairs."""
        rows: list[dict[str, Any]] = []
        single: dict[str, int] = {}
        for answers in results.answers():
            pairs = _pairs(answers)
            if pairs is None:
                continue
            whole = pairs[pairs["size"] == 2]
            single[cell_name(answers)] = int((pairs["size"] == 1).sum())
            accuracy = float(correctness(answers).mean()) if len(answers.ids) else np.nan
            facts = {"accuracy": accuracy, "chance": 1 / len(answers.classes) ** 2}
            rows.append(
                record(answers, "configural-shape", wilson(int((whole["sum"] == 2).sum()), len(whole)), **facts)
            )
        found = ", ".join(f"{count} ({name})" for name, count in single.items() if count)
        note = "" if rows else "no finished predictions of pairs of images, as visual-anagrams has them"
        note = f"pairs of which only one image was answered do not count: {found}" if found else note
        return table(rows, "accuracy", "chance", note=note)


def _pairs(answers: Answers) -> pd.DataFrame | None:
    """Count the images of each pair, and the correct ones among them; None if an id names no pair."""
    right = correctness(answers)
    named = [_PAIR.fullmatch(str(image)) for image in right.index]
    if not named or not all(named):
        return None
    return right.astype(int).groupby([name[1] for name in named if name]).agg(["size", "sum"])
