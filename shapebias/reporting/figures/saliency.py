"""The paper's figure: images beside the maps of each model, clean and transformed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from shapebias.errors import FigureError
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.mpl_style import COLUMN, PAGE, new_figure, short, style
from shapebias.reporting.pictures import (
    Block,
    block_title,
    common_ids,
    has_pictures,
    maps_of,
    one_of_each,
    rows_of,
    spread_over_classes,
    stimuli,
)
from shapebias.spelling.params import param
from shapebias.store.views import StoredAnswers, StoredMaps

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from shapebias.reporting.combined import CombinedResults

__all__ = ["SaliencyFigure"]

_CellKey: TypeAlias = tuple[str, str, float | None]
_NARROW = 4  # image columns that fit a paper's column; more need its whole width


@attrs.frozen
class SaliencyFigure:
    """One row per image; for each condition a column with the image and one with the map of each model.

    Zhang & Zhu 2019, figure 2.  Each map has its own scale, see :func:`shapebias.reporting.pictures.map_picture`.  The
    image under a condition is shown if the study kept images, otherwise the clean thumbnail.
    """

    images: int = param("rows", default=3, ge=1)
    dataset: str | None = param("the data set; none shows the first with maps", default=None)
    method: str | None = param("the saliency method; none shows the first", default=None)
    conditions: int = param("the most conditions: clean, then one of each step", default=3, ge=1)

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw it."""
        maps = results.maps()
        if not maps:
            raise FigureError(
                "saliency: the results have no maps; run the study with a saliency method, such as -s smoothgrad"
            )
        dataset = choose("dataset", self.dataset, (view.dataset for view in maps))
        maps = [view for view in maps if view.dataset == dataset]
        method = choose("method", self.method, (view.saliency for view in maps))
        maps = [view for view in maps if view.saliency == method]
        answers = {_cell_key(view): view for view in results.answers() if view.dataset == dataset}
        with style(**{"axes.grid": False}):
            return _draw({_cell_key(view): view for view in maps}, answers, self.images, self.conditions)


def _cell_key(view: StoredAnswers | StoredMaps) -> _CellKey:
    return view.model, view.condition, view.eps


def _draw(maps: dict[_CellKey, StoredMaps], answers: dict[_CellKey, StoredAnswers], images: int, most: int) -> Figure:
    models = list(dict.fromkeys(model for model, _, _ in maps))
    blocks = one_of_each([(condition, eps) for _, condition, eps in maps], most)
    ids = _chosen([view for (_, *block), view in maps.items() if tuple(block) in blocks], images)
    columns = [(block, model) for block in blocks for model in (None, *models)]
    width = COLUMN if len(columns) <= _NARROW else PAGE
    side = width / len(columns)
    figure = new_figure(0.18 + side * len(ids), width=width)
    grid = figure.subplots(len(ids), len(columns), squeeze=False)
    for axes, (block, model) in zip(grid.T, columns, strict=True):
        axes[0].set_title(short(model or block_title(*block), int(side * 23)), fontsize=5.8)
        for cell in axes:
            cell.set_axis_off()
        for cell, picture in zip(axes, _column(maps, answers, model, block, ids), strict=False):
            cell.imshow(picture)
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    return figure


def _chosen(maps: list[StoredMaps], most: int) -> list[str]:
    ids = common_ids(maps)
    return spread_over_classes(
        ids, maps[0].images.labels[maps[0].images.positions(rows_of(maps[0], ids))].tolist(), most
    )


def _column(
    maps: dict[_CellKey, StoredMaps],
    answers: dict[_CellKey, StoredAnswers],
    model: str | None,
    block: Block,
    ids: list[str],
) -> list[NDArray[np.uint8]]:
    """Return the maps of one model or, without a model, the images as the first model that answered them saw them."""
    if model is not None:
        return maps_of(maps[model, *block], ids) if (model, *block) in maps else []
    seen = [view for (_, *where), view in answers.items() if tuple(where) == block and has_pictures(view)]
    return stimuli(seen[0], ids) if seen else []
