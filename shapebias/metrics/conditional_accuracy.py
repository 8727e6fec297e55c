"""Conditional accuracy: the share of images answered correctly when clean that stay correct under the condition."""

from __future__ import annotations

import attrs
import pandas as pd

from shapebias.metrics.frames import cell_name, correctness, not_searched, record, table, unsearched_note
from shapebias.metrics.intervals import wilson
from shapebias.plugins.study_results import StudyResults

__all__ = ["ConditionalAccuracy"]


@attrs.frozen
class ConditionalAccuracy:
    """Correct both clean and under the condition / correct clean, for each condition except ``clean``.

    Zhang & Zhu 2019, "Interpreting adversarially trained convolutional neural networks", section 4: models of different
    accuracy are compared on the images that each of them classifies correctly.  A correctly answered image is left out
    if a gradient of the attack was NaN or infinite, since the attack has not searched.  A model without a finished
    ``clean`` cell on the same data set has no rows, and the table's note says so.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each cell that is not clean, with Wilson's interval."""
        answers = results.answers()
        clean = {(cell.dataset, cell.model): correctness(cell) for cell in answers if cell.condition == "clean"}
        changed = [cell for cell in answers if cell.condition != "clean"]
        rows, lacking, left_out = [], set(), {}
        for cell in changed:
            if (cell.dataset, cell.model) not in clean:
                lacking.add(f"{cell.model} on {cell.dataset}")
                continue
            right = correctness(cell)
            right_when_clean = clean[cell.dataset, cell.model].reindex(right.index, fill_value=False)
            unknown = right_when_clean & not_searched(cell)
            left_out[cell_name(cell)] = int(unknown.sum())
            known = right[right_when_clean & ~unknown]
            rows.append(record(cell, "conditional-accuracy", wilson(int(known.sum()), len(known))))
        if lacking:
            return table(rows, note=f"add the condition 'clean'; it is missing for {', '.join(sorted(lacking))}")
        note = unsearched_note(left_out) if rows else "no finished predictions under a condition other than 'clean'"
        return table(rows, note=note)
