"""What each model associates with a class: images that an attack has changed towards it, model by model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from shapebias.errors import FigureError
from shapebias.reporting.class_images import clean_view, is_class_image
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.mpl_style import COLUMN, PAGE, new_figure, short, style
from shapebias.reporting.pictures import Block, block_title, common_ids, spread_over_classes, stimuli
from shapebias.spelling.params import param

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shapebias.reporting.combined import CombinedResults
    from shapebias.store.views import StoredAnswers

__all__ = ["ClassImagesFigure"]

_NARROW = 5  # image columns that fit a paper's column; more need its whole width


@attrs.frozen
class ClassImagesFigure:
    """One row per image: clean, and changed towards each class by an attack on each model.

    The figure shows conditions whose attack runs to its last step (``keep=last``), towards a class (``target``) or away
    from the label, in a study that kept its images.

    Zhang & Zhu 2019, "Interpreting adversarially trained convolutional neural networks"; Tsipras et al. 2019,
    "Robustness may be at odds with accuracy", section 3.
    """

    images: int = param("rows", default=3, ge=1)
    dataset: str | None = param("the data set; none shows the first with such images", default=None)

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw it."""
        found = [view for view in results.answers() if is_class_image(view)]
        if not found:
            raise FigureError(
                "class-images: the results have no images changed towards a class; make some with "
                "shapebias run --towards CLASS, or with --keep-images and an attack that has keep=last"
            )
        dataset = choose("dataset", self.dataset, (view.dataset for view in found))
        found = [view for view in found if view.dataset == dataset]
        plain = clean_view(results, dataset)
        with style(**{"axes.grid": False}):
            return _draw(found, [] if plain is None else [plain], self.images)


def _draw(found: list[StoredAnswers], plain: list[StoredAnswers], most: int) -> Figure:
    ids = common_ids([*found, *plain])
    labels = dict(zip(found[0].ids, found[0].labels.tolist(), strict=True))
    ids = spread_over_classes(ids, [labels[one] for one in ids], most)
    blocks: list[Block] = list(dict.fromkeys((view.condition, view.eps) for view in found))
    columns = [(view.condition, view) for view in plain]
    columns += [
        (f"{view.model}: {block_title(*block)}", view)
        for block in blocks
        for view in found
        if (view.condition, view.eps) == block
    ]
    width = COLUMN if len(columns) <= _NARROW else PAGE
    side = width / len(columns)
    figure = new_figure(0.3 + side * len(ids), width=width)
    grid = figure.subplots(len(ids), len(columns), squeeze=False)
    for axes, (title, view) in zip(grid.T, columns, strict=True):
        axes[0].set_title(short(title.replace(": ", "\n"), int(side * 46)), fontsize=5.5)
        for cell, picture in zip(axes, stimuli(view, ids), strict=True):
            cell.set_axis_off()
            cell.imshow(picture)
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    return figure
