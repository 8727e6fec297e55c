"""Evaluate one model on one batch under one condition: attack, predict, explain, probe.

:func:`attack_batch` makes the images that the model gets; :func:`evaluate_cell` computes the arrays of one cell from
them.  Cells of the same batch share the attacked images, the scores and the maps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from shapebias.engine.evaluation.attack import attack_batch, eps_values
from shapebias.engine.evaluation.batch import ModelBatch
from shapebias.engine.evaluation.explain import explain_cell
from shapebias.engine.evaluation.predict import predict_cell
from shapebias.engine.evaluation.probe import probe_cell

if TYPE_CHECKING:
    from shapebias.study import Cell

__all__ = ["ModelBatch", "attack_batch", "eps_values", "evaluate_cell"]


def evaluate_cell(batch: ModelBatch, cell: Cell) -> dict[str, NDArray[Any]]:
    """Compute the per-image arrays of a cell for one batch, by the names of :class:`shapebias.store.Part`."""
    if cell.probe is not None:
        return probe_cell(batch, cell.probe, cell.saliency)
    if cell.saliency is not None:
        return explain_cell(batch, cell.saliency)
    return predict_cell(batch)
