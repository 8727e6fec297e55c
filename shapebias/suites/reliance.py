"""``reliance``: the accuracy that a model keeps when shape, texture or colour is suppressed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics.frames import record
from shapebias.metrics.intervals import bootstrap
from shapebias.metrics.relative_accuracy import outcomes
from shapebias.plugins.study_results import Answers, StudyResults
from shapebias.published.references import Reference, references
from shapebias.spelling.params import param
from shapebias.study import Condition, Study, as_conditions, as_datasets
from shapebias.suites._rows import Selection, headline_table

__all__ = ["Reliance"]

_GRIDS = tuple(range(2, 17, 2))
_BILATERAL = tuple(
    f"bilateral:d={d},sigma_colour={colour}/255,sigma_space=75"
    for d, colour in zip(range(4, 15, 2), range(50, 201, 30), strict=True)
)
_SWEEP: Mapping[str, tuple[str, ...]] = {
    "patch-shuffle": tuple(f"patch-shuffle:k={k}" for k in _GRIDS),
    "patch-rotate": tuple(f"patch-rotate:k={k}" for k in _GRIDS),
    "bilateral": _BILATERAL,
    "blur": tuple(
        f"blur:sigma={sigma},k={k}"
        for k, sigma in zip(range(3, 16, 2), (0.33, 0.66, 1, 1.33, 1.66, 2, 2.33), strict=True)
    ),
    "non-local-means": tuple(f"non-local-means:h={h}/255,template=14,window=21" for h in range(5, 26, 5)),
    "grayscale": tuple(f"grayscale:alpha={alpha}" for alpha in (0.2, 0.4, 0.6, 0.8, 1)),
    "channel-shuffle": ("channel-shuffle",),
    "patch-shuffle and grayscale": tuple(f"patch-shuffle:k={k}+grayscale" for k in _GRIDS),
    "bilateral and patch-shuffle": tuple(
        f"{smooth}+patch-shuffle:k={k}" for smooth, k in zip(_BILATERAL, _GRIDS, strict=False)
    ),
    "bilateral and grayscale": tuple(f"{smooth}+grayscale" for smooth in _BILATERAL),
}
_TEST: Mapping[str, str] = {
    "global shape (patch-shuffle 3)": "patch-shuffle:k=3",
    "local shape (patch-shuffle 6)": "patch-shuffle:k=6",
    "texture (bilateral)": "bilateral:d=12,sigma_colour=170/255,sigma_space=75",
    "colour (grayscale)": "grayscale",
}
_PUBLISHED = dict(zip(_TEST, ("global-shape", "local-shape", "texture", "colour"), strict=True))
_THRESHOLD = 0.5


@attrs.frozen
class Reliance:
    """Relative accuracy, suppressed / original, when shape, texture, colour or two of them are suppressed.

    The sweep has ten kinds of suppression, each at up to eight strengths.  Shape is suppressed by patch-shuffle and
    patch-rotate with 2 to 16 tiles a side; texture by the bilateral filter, Gaussian blur and non-local means; colour
    by grayscale and channel-shuffle; and there are three pairs of these.  The value of each kind is the mean over its
    strengths; the metric ``relative-accuracy`` has the curves.  The test that people took has four conditions, and an
    image counts as right only if its class has a probability above 0.5.  The score of a class with several outputs is
    the sum of their probabilities (``aggregate=sum``).

    Burgert et al. 2025, "ImageNet-trained CNNs are not biased towards texture", sections 3 and 4.

    Args:
        dataset: the data set as in a study, such as ``folder:photos/val``; quote a text with commas.
        part: the sweep of 60 conditions, the four conditions of the test with people, or both.
    """

    dataset: str = param("data set as a study spells it; quote a text with commas")
    part: Literal["both", "sweep", "test"] = param("sweep of strengths, test that people took, or both", default="both")

    human_answers: ClassVar[tuple[str, ...]] = ()

    @property
    def published_models(self) -> tuple[str, ...]:
        """Three networks whose numbers in the test that people took are published, on the images of that test."""
        return () if self.part == "sweep" else ("resnet50 (standard)", "ConvNeXtV2", "CLIP ViT")

    def study(self, models: Any, limit: int | None = None) -> Study:
        """Return the study: one data set, clean and under every condition."""
        return Study(self.dataset, models, [*self._conditions()], limit=limit, aggregate="sum")

    def _conditions(self) -> dict[Condition, None]:
        sweep = [text for texts in _SWEEP.values() for text in texts] if self.part != "test" else []
        test = [*_TEST.values()] if self.part != "sweep" else []
        return dict.fromkeys(as_conditions(["clean", *sweep, *test]))

    def headline(self, results: StudyResults) -> pd.DataFrame:
        """Return the mean relative accuracy of each kind of suppression, and that of each condition of the test."""
        return headline_table(self._rows(results))

    def _rows(self, results: StudyResults) -> Iterator[dict[str, Any]]:
        (dataset,) = as_datasets(self.dataset)
        known = {condition.canonical for condition in self._conditions()}
        cells: dict[str, dict[str, Answers]] = {}
        for answers in Selection(results, {dataset.canonical}).answers():
            if (condition := answers.texts["condition"]) in known and answers.eps is None:
                cells.setdefault(answers.model, {})[condition] = answers
        for found in cells.values():
            if self.part != "test":
                for name, texts in _SWEEP.items():
                    yield from _row(found, texts, f"relative accuracy, {name}", None, results.seed)
            if self.part != "sweep":
                for name, text in _TEST.items():
                    yield from _row(found, [text], _in_test(name), _THRESHOLD, results.seed)

    def references(self) -> Mapping[str, tuple[Reference, ...]]:
        """Return the published values of the test; those of the sweep are published in figures alone."""
        if self.part == "sweep":
            return {}
        return {_in_test(name): references(f"relative-accuracy:{what}") for name, what in _PUBLISHED.items()}


def _in_test(name: str) -> str:
    return f"relative accuracy, p > 0.5, {name}"


def _row(
    cells: Mapping[str, Answers], texts: Sequence[str], measure: str, threshold: float | None, seed: int
) -> Iterator[dict[str, Any]]:
    """Compute the mean accuracy under some conditions / the clean accuracy, on the images that all of them have."""
    wanted = [condition.canonical for condition in as_conditions(["clean", *texts])]
    if not all(text in cells for text in wanted):
        return
    right = [outcomes(cells[text], threshold) for text in wanted]
    if any(one is None for one in right):
        return
    table = pd.concat(right, axis=1, join="inner").to_numpy(dtype=np.int64)
    if not len(table):
        return
    pairs = np.stack([table[:, 0], table[:, 1:].sum(axis=1)], axis=1)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    estimate = bootstrap(counts, partial(_relative, kinds=kinds, strengths=len(texts)), seed)
    clean, changed = table[:, 0].mean(), table[:, 1:].mean()
    said = f"{clean:.3f} clean, {changed:.3f} suppressed" + (f", mean of {len(texts)}" if len(texts) > 1 else "")
    facts = {"measure": measure, "counts": f"{said}, {len(table):,} images"}
    yield {**record(cells[wanted[1]], "relative-accuracy", estimate, **facts), "condition": " ".join(texts)}


def _relative(counts: NDArray[np.int64], kinds: NDArray[np.int64], strengths: int) -> NDArray[np.float64]:
    """Divide the mean accuracy under the conditions by the clean one, for counts (..., K) of the kinds of images."""
    clean, changed = counts @ kinds[:, 0], counts @ kinds[:, 1] / strengths
    undefined = np.full(np.shape(clean), np.nan)
    ratio: NDArray[np.float64] = np.divide(changed, clean, out=undefined, where=clean > 0)
    return ratio
