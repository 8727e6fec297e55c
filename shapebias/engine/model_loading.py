"""Load a model for a data set."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs
import torch

from shapebias.errors import PluginError
from shapebias.images.decoded import DecodedImages
from shapebias.networks.classifier import Classifier
from shapebias.networks.label_matching import match_labels
from shapebias.runtime import guard
from shapebias.runtime.result_checks import check_scores

if TYPE_CHECKING:
    from shapebias.engine.session import Session
    from shapebias.plugins.catalog import Component

__all__ = ["load_model"]

_log = logging.getLogger(__name__)


def load_model(session: Session, model: Component, decoded: DecodedImages) -> Classifier:
    """Load a model, and map its outputs to the classes of a data set.

    Args:
        session: the session, which keeps the model.
        model: the model.
        decoded: images of the data set; one of them is used to count the model's outputs.

    Raises:
        PluginError: the model's ``load`` returns no classifier, or the classifier returns no scores.
        ShapebiasError: its outputs cannot be mapped to the classes.
    """
    loaded = session.load(model, classes=decoded.dataset.classes)
    if not isinstance(loaded, Classifier):
        raise PluginError(f"model {model.text} loads a {type(loaded).__name__}; load(device) must return a Classifier")
    known = session.mappings.setdefault((model.title, model.canonical), [])
    for dataset, mapping in known:
        if dataset is decoded.dataset:
            return attrs.evolve(loaded, mapping=mapping)
    with loaded.evaluating(), torch.no_grad():
        images = decoded.take([decoded.first_readable or 0], loaded.device).images
        scores = guard.call(f"model {model.text}", loaded.logits, images)
    check_scores(scores, 1)
    _log.info(
        "%s: %d outputs, %.3g million parameters, input %s, on %s",
        model.title,
        scores.shape[1],
        sum(parameter.numel() for parameter in loaded.module.parameters()) / 1e6,
        "x".join(map(str, loaded.input_size or ())) or "of any size",
        loaded.device,
    )
    mapping = match_labels(
        loaded.classes,
        scores.shape[1],
        decoded.dataset.classes,
        session.study.mapping,
        loaded.descriptions,
        session.study.aggregate,
    )
    known.append((decoded.dataset, mapping))
    return attrs.evolve(loaded, mapping=mapping)
