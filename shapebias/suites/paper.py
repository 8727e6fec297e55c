"""``paper``: the conditions of Zhang & Zhu 2019 on the user's own data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import attrs
import pandas as pd

from shapebias.plugins.study_results import StudyResults
from shapebias.published.references import Reference
from shapebias.spelling.grammar import spell_scalar
from shapebias.spelling.params import param
from shapebias.study import Study, as_conditions, as_datasets
from shapebias.suites._rows import accuracy_row, cells_of, headline_table

__all__ = ["Paper"]

_SATURATION = (1, 4, 8, 16, 64, 1024)  # p=2 is the identity: the clean images
_TILES = (2, 4, 8)


@attrs.frozen
class Paper:
    """Accuracy under saturation, style transfer and patch-shuffle, and SmoothGrad maps.

    Zhang & Zhu 2019, "Interpreting adversarially trained convolutional neural networks": saturation p = 1, 4, 8, 16,
    64, 1024 (p = 2 changes nothing: the row ``clean``), patch-shuffle k = 2, 4, 8, stylised images where ``styles``
    or ``style_weights`` is given, and SmoothGrad as in section 3.  The sides of the images must be divisible by 8.

    Args:
        dataset: the data set as in a study, such as ``folder:photos/val``; quote a text with commas.
        styles: folder of style images; with it, images are stylised too.
        style_weights: folder with the weights of the style transfer; with it, images are stylised too, and nothing is
            downloaded.
        style_method: the network that transfers the style.
        maps: the number of images with SmoothGrad maps; 0 computes none.
        samples: noisy copies of each of these images.
    """

    dataset: str = param("data set as a study spells it; quote a text with commas")
    styles: Path | None = param("folder of style images; none takes synthetic textures", default=None)
    style_weights: Path | None = param("folder of the weights of style transfer", default=None)
    style_method: Literal["adain", "microast"] = param("network that transfers the style", default="adain")
    maps: int = param("images with SmoothGrad maps; 0 for none", default=32, ge=0)
    samples: int = param("noisy copies of each image in SmoothGrad", default=50, ge=1)

    human_answers: ClassVar[tuple[str, ...]] = ()
    published_models: ClassVar[tuple[str, ...]] = ()

    def study(self, models: Any, limit: int | None = None) -> Study:
        """Return the study: one data set under every condition, with maps for some images."""
        saliency = f"smoothgrad:samples={self.samples}" if self.maps else ()
        return Study(
            self.dataset, models, [*self._conditions()], saliency, limit=limit, saliency_limit=self.maps or None
        )

    def _conditions(self) -> Iterator[str]:
        yield "clean"
        yield from (f"saturate:p={p}" for p in _SATURATION)
        yield from (f"patch-shuffle:k={k}" for k in _TILES)
        if self.styles is not None or self.style_weights is not None:
            folders = {"styles": self.styles, "weights": self.style_weights}
            named = [f",{name}={spell_scalar(str(folder))}" for name, folder in folders.items() if folder is not None]
            yield f"stylize:method={self.style_method}{''.join(named)}"

    def headline(self, results: StudyResults) -> pd.DataFrame:
        """Return the accuracy under each condition."""
        return headline_table(self._rows(results))

    def _rows(self, results: StudyResults) -> Iterator[dict[str, Any]]:
        (dataset,) = as_datasets(self.dataset)
        for condition in as_conditions(self._conditions()):
            name = "stylize" if condition.text.startswith("stylize") else condition.title
            for answers in cells_of(results, dataset.canonical, condition.canonical):
                yield accuracy_row(answers, f"accuracy, {name}")

    def references(self) -> Mapping[str, tuple[Reference, ...]]:
        """Return nothing: the paper's values belong to its own networks and data sets."""
        return {}
