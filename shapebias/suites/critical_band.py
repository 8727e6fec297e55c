"""``critical-band``: which spatial frequencies a model uses, measured by noise in octave bands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pandas as pd

from shapebias.metrics.critical_band import CriticalBand as Channel
from shapebias.plugins.study_results import StudyResults
from shapebias.published.references import Reference, references
from shapebias.spelling.grammar import spell_scalar
from shapebias.spelling.params import param
from shapebias.study import Study, as_datasets
from shapebias.suites._rows import Selection, renamed

__all__ = ["CriticalBand"]

_MEASURES = {
    "critical-band-bandwidth": "bandwidth, octaves",
    "critical-band-centre": "centre, cycles per image",
    "critical-band-sensitivity": "sensitivity",
}


@attrs.frozen
class CriticalBand:
    """Bandwidth, centre and sensitivity of the spatial-frequency channel of a model.

    The stimuli are 1,050 grey photographs of low contrast with noise of five strengths in seven octave bands, for
    networks whose outputs can be mapped to the 16 entry-level classes.  The numbers are those of the metric
    ``critical-band``; they need all images, since a limit leaves too few of each strength and band.

    Subramanian et al. 2023, "Spatial-frequency channels, shape bias, and adversarial robustness", section 3.

    Args:
        path: the folder of the stimuli; none takes the published ones.
    """

    path: Path | None = param("folder of the stimuli; none takes the published ones", default=None)

    human_answers: ClassVar[tuple[str, ...]] = ()
    published_models: ClassVar[tuple[str, ...]] = ("resnet50", "vit_base_patch16_224", "resnet50_trained_on_SIN")

    def study(self, models: Any, limit: int | None = None) -> Study:
        """Return the study: the unchanged stimuli."""
        return Study(self._dataset, models, limit=limit)

    @property
    def _dataset(self) -> str:
        return "critical-band" if self.path is None else f"critical-band:{spell_scalar(str(self.path))}"

    def headline(self, results: StudyResults) -> pd.DataFrame:
        """Return the three numbers of the channel; NaN if no channel fits, in which case ``counts`` says why."""
        (dataset,) = as_datasets(self._dataset)
        found = renamed(
            Channel()(Selection(results, {dataset.canonical})), _MEASURES, "{without_noise:.3f} right without noise"
        )
        reasons = [
            f"{counts}: {reason}" if reason else counts
            for counts, reason in zip(found["counts"], found["reason"], strict=True)
        ]
        return found.assign(counts=reasons)

    def references(self) -> Mapping[str, tuple[Reference, ...]]:
        """Return the values from the published trials of 85 networks."""
        return {
            measure: tuple(
                one
                for one in references(name.replace("critical-band-", "critical-band:"))
                if one.paper == "Subramanian et al. 2023" and one.value == one.value  # NaN: no channel fits
            )
            for name, measure in _MEASURES.items()
        }
