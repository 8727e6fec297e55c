"""Critical band: which octaves of spatial frequencies a classifier needs, measured by how much noise it tolerates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics._channel import BANDS, STRENGTHS, channel, thresholds
from shapebias.metrics._texts import steps
from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import BOOTSTRAP, Estimate, wilson
from shapebias.plugins.study_results import Answers, StudyResults
from shapebias.spelling.grammar import parse_number, split

__all__ = ["CriticalBand"]

_NAMED = re.compile(r"noise([\d.]+)_?freq(\d)")
_RESAMPLES = 9_999
_MEASURES = ("bandwidth", "centre", "sensitivity")


@attrs.frozen
class CriticalBand:
    """Bandwidth, centre and sensitivity of the channel of spatial frequencies that a model relies on.

    Noise of five strengths in seven octave bands comes from the stimuli (data set ``critical-band``: file names say
    strength and band), or from conditions that end in ``critical-band-noise``.  The threshold of a band is the number
    of steps of strength down from 0.16 until accuracy exceeds 1/2.  A exp(-(k - mu)^2 / 2 sigma^2) with 0 <= A <= 4 is
    fitted to the thresholds of the bands k = 0 ... 6; the bandwidth is 2 sqrt(ln 4) sigma octaves, the centre 1.75 2^mu
    cycles per image of 224 pixels, and the sensitivity 2^(A - 4).  All three are NaN, and ``reason`` says why, if
    the model answers at most half of the images correctly without noise, if a strength is missing in a band, or if the
    fit has no peak.

    Subramanian et al. 2023, "Spatial-frequency channels, shape bias, and adversarial robustness", section 3.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return ten rows for each model: bandwidth, centre, sensitivity, and the threshold of each band."""
        cells: dict[tuple[str, str, str], tuple[Answers, NDArray[np.int64]]] = {}
        for answers in results.answers():
            named = _counted(answers)
            if named is None:
                continue
            condition, counts = named
            key = (answers.dataset, answers.model, condition)
            first, before = cells.get(key, (answers, np.zeros_like(counts)))
            cells[key] = first, before + counts
        rows = [
            row for (_, _, condition), (answers, counts) in cells.items()
            for row in _rows(answers, condition, counts, results.seed)
        ]  # fmt: skip
        note = "" if rows else "no finished predictions of critical-band stimuli or under critical-band-noise"
        return table(rows, "band", "without_noise", "reason", note=note)


def _counted(answers: Answers) -> tuple[str, NDArray[np.int64]] | None:
    """Count correct answers and images by strength and band, (2, 5, 7); also return the condition without its noise."""
    found = steps(answers.texts["condition"])
    if answers.eps is None and found and found[-1].name == "critical-band-noise":
        given = {argument.key: argument.text for argument in found[-1].arguments}
        factors = [(parse_number(given["sigma"]), int(parse_number(given["band"])))] * len(answers.ids)
        # Cells that differ only in strength and band belong together.
        *earlier, last = split(answers.texts["condition"], "+")
        condition = "+".join([*earlier, re.sub(r"(?<=[:,])(band|sigma)=[^,]*", r"\1=*", last)])
    else:
        names = [_NAMED.search(image) for image in answers.ids]
        if not all(names) or not names:
            return None
        factors = [(float(name[1]), int(name[2])) for name in names if name]
        condition = answers.condition if answers.eps is None else f"{answers.condition} at {answers.eps:.6g}"
    counts = np.zeros((2, len(STRENGTHS), BANDS), dtype=np.int64)
    for (strength, band), label, prediction in zip(factors, answers.labels, answers.prediction, strict=True):
        if label >= 0 and strength in STRENGTHS and band < BANDS:
            counts[:, STRENGTHS.index(strength), band] += (prediction == label, 1)
    return condition, counts


def _rows(answers: Answers, condition: str, counts: NDArray[np.int64], seed: int) -> Iterator[dict[str, Any]]:
    correct, shown = counts
    n = int(shown.sum())
    plain = wilson(int(correct[-1].sum()), int(shown[-1].sum()))
    reason, values = _measured(correct, shown)
    drawn = None if reason else _resampled(correct, shown, seed)
    bands = thresholds(correct, shown)
    position = {"condition": condition, "without_noise": plain.value, "reason": reason}
    for column, name in enumerate(_MEASURES):
        low, high = (math.nan, math.nan) if drawn is None else np.nanquantile(drawn[:, column], [0.025, 0.975])
        estimate = Estimate(values[column], float(low), float(high), n, BOOTSTRAP)
        yield {**record(answers, f"critical-band-{name}", estimate, band=math.nan), **position}
    for band in range(BANDS):
        whole = shown[:, band].all()
        value = float(bands[band]) if whole else math.nan
        estimate = Estimate(value, math.nan, math.nan, int(shown[:, band].sum()), "none")
        lacking = "" if 2 * correct[-1, band] > shown[-1, band] else "no more than half right without noise"
        lacking = lacking if whole else "a strength of the noise is missing"
        yield {**record(answers, "critical-band-threshold", estimate, band=band), **position, "reason": lacking}


def _measured(correct: NDArray[np.int64], shown: NDArray[np.int64]) -> tuple[str, tuple[float, ...]]:
    """Return bandwidth, centre and sensitivity, or why there are none."""
    unknown = (math.nan,) * len(_MEASURES)
    if not shown.all():
        return "a strength of the noise is missing in a band", unknown
    if 2 * correct[-1].sum() <= shown[-1].sum():
        return "no more than half right without noise", unknown
    values = tuple(channel(thresholds(correct, shown)[None])[0].tolist())
    return ("the thresholds have no peak that a Gaussian fits", unknown) if math.isnan(values[0]) else ("", values)


def _resampled(correct: NDArray[np.int64], shown: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Draw the images of each strength and band with replacement, and measure again; (resamples, 3), NaN left out."""
    drawn = np.random.default_rng(seed).binomial(shown, correct / shown, (_RESAMPLES, *shown.shape))
    measured = channel(thresholds(drawn, shown))
    measured[2 * drawn[:, -1].sum(axis=-1) <= shown[-1].sum()] = np.nan
    return measured
