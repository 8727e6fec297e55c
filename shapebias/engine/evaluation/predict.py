"""The model's scores and predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shapebias.engine.evaluation.batch import ModelBatch
from shapebias.runtime import guard
from shapebias.runtime.device import autocast
from shapebias.runtime.result_checks import check_scores

__all__ = ["compute_scores", "predict_cell"]


def predict_cell(batch: ModelBatch) -> dict[str, NDArray[Any]]:
    """Compute the arrays of a prediction cell."""
    study = batch.session.study
    arrays = _prediction(batch.to_numpy(compute_scores(batch)), study.logits)
    if batch.gradient_failed is not None:
        arrays["gradient_failed"] = batch.to_numpy(batch.gradient_failed)
    if study.keep_images:
        arrays["images"] = batch.to_numpy([one.images for one in batch.inputs])
    if batch.condition.steps:
        # A transform may change the shape and texture labels, so these belong to the cell.
        arrays["shape_labels"] = batch.inputs[0].shape_labels.cpu().numpy()
        arrays["texture_labels"] = batch.inputs[0].texture_labels.cpu().numpy()
    return arrays


def compute_scores(batch: ModelBatch) -> list[Tensor]:
    """Compute the scores (N, C) of each of the inputs, or return those that were already computed."""
    if not batch.scores:
        batch.scores = [_scores(batch, one.images) for one in batch.inputs]
    return batch.scores


def _scores(batch: ModelBatch, images: Tensor) -> Tensor:
    network, session = batch.network, batch.session

    def forward(size: int) -> Tensor:
        with torch.no_grad(), autocast(network.device, session.precision):
            return torch.cat([network(some) for some in torch.split(images, size)]).float()

    # The network may come from a plugin, so it must not change PyTorch's global modes either.
    name = f"the model {type(network.module).__name__}"
    scores = session.memory.fit("batch", lambda size: guard.call(name, forward, size))
    check_scores(scores, len(images))
    return scores


def _prediction(scores: NDArray[Any], logits: str) -> dict[str, NDArray[Any]]:
    """Return the prediction and the scores to store; of equal scores, the lower class index is predicted."""
    prediction = {"prediction": scores.argmax(axis=-1)}
    if logits == "full":
        return {**prediction, "logits": scores}
    best = np.argsort(-scores, axis=-1, kind="stable")[..., : int(logits.removeprefix("top-"))]
    return {**prediction, "top_classes": best, "top_scores": np.take_along_axis(scores, best, axis=-1)}
