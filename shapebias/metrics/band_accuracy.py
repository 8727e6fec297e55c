"""Band accuracy: accuracy when a band of spatial frequencies is removed or covered by noise."""

from __future__ import annotations

import math

import attrs
import pandas as pd

from shapebias.metrics._texts import steps
from shapebias.metrics.frames import correctness, record, table
from shapebias.metrics.intervals import wilson
from shapebias.plugins.study_results import Answers, StudyResults
from shapebias.spelling.grammar import parse_number

__all__ = ["BandAccuracy"]


@attrs.frozen
class BandAccuracy:
    """Correct / n under ``low-pass``, ``high-pass`` and ``band-noise``, with the band that each of them removes.

    Columns ``from_cycles`` and ``to_cycles`` are the band in cycles per image: above the radius of a low-pass filter,
    up to that of a high-pass filter, or the band of the noise.  ``clean`` is the accuracy on clean images.

    Subramanian et al. 2023, "Spatial-frequency channels, shape bias, and adversarial robustness".
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each such cell, in the order of the bands, with Wilson's interval."""
        answers = results.answers()
        clean = {(one.dataset, one.model): correctness(one) for one in answers if one.texts["condition"] == "clean"}
        rows = []
        for one in answers:
            band = _band(one)
            right = correctness(one)
            if band is None or not len(right):
                continue
            before = clean.get((one.dataset, one.model))
            facts = {"filter": band[0], "from_cycles": band[1], "to_cycles": band[2]}
            facts["clean"] = math.nan if before is None else float(before.mean())
            rows.append(record(one, "band-accuracy", wilson(int(right.sum()), len(right)), **facts))
        rows.sort(key=lambda row: (row["dataset"], row["model"], row["filter"], row["from_cycles"], row["to_cycles"]))
        note = "" if rows else "no finished predictions under low-pass, high-pass or band-noise alone"
        return table(rows, "filter", "from_cycles", "to_cycles", "clean", note=note)


def _band(answers: Answers) -> tuple[str, float, float] | None:
    found = steps(answers.texts["condition"])
    if len(found) != 1:
        return None
    (step,) = found
    given = {argument.key: argument.text for argument in step.arguments}
    match step.name:
        case "low-pass":
            return step.name, parse_number(given["radius"]), math.inf
        case "high-pass":
            return step.name, 0.0, parse_number(given["radius"])
        case "band-noise":
            centre, half = parse_number(given["centre"]), 2 ** (parse_number(given["octaves"]) / 2)
            return step.name, centre / half, centre * half
        case _:
            return None
