"""The data of the page's image browser: for each image the answers of each model under each condition, and the maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy import special

from shapebias.networks.labels import imagenet_names, imagenet_wnids
from shapebias.reporting.pictures import (
    Block,
    block_title,
    common_ids,
    data_uri,
    has_pictures,
    maps_of,
    rows_of,
    spread_over_classes,
    stimuli,
)
from shapebias.store.views import StoredAnswers, StoredMaps

if TYPE_CHECKING:
    from shapebias.reporting.combined import CombinedResults

__all__ = ["BrowserImages", "browse"]

_Json: TypeAlias = dict[str, Any]
_BEST = 3  # classes whose probability is shown
# Pixels of a picture's longer side, its quality, and how many characters one of a photograph or a map then takes.
_DETAILS = ((112, 80, 5_200), (96, 70, 3_200), (72, 60, 1_700), (72, 40, 1_300))
_CHARACTERS = 1_600_000  # of all pictures: a page of 3 MB can be sent by mail, and opens at once


@attrs.frozen(eq=False)
class BrowserImages:
    """The images of one data set, ready for JSON.

    Args:
        dataset: the name of the data set in tables.
        total: the number of its images.
        conditions, models, methods: their names, in the order of the study.
        kept: the study kept the images under its conditions; otherwise only the clean ones are shown.
        images: for each its ``id``; ``truth``, the names of its class, shape and texture; ``seen``, its picture under
            each condition, or None; and ``answers``, under each condition, by model.  An attack makes another picture
            for each model, which is the ``seen`` of that answer.
    """

    dataset: str
    total: int
    conditions: list[str]
    models: list[str]
    methods: list[str]
    kept: bool
    images: list[_Json]


def browse(results: CombinedResults, images: int) -> list[BrowserImages]:
    """Collect what the browser shows, one entry per data set that has pictures; those that have maps come first.

    Args:
        results: the results.
        images: the most images of each data set, spread over the classes; those that have maps come first.
    """
    mapped = {view.dataset for view in results.maps()}
    pictured = {view.dataset for view in results.answers() if has_pictures(view)}
    names = [name for name in dict.fromkeys(view.dataset for view in results.answers()) if name in pictured]
    names.sort(key=lambda name: name not in mapped)
    found = [
        (
            name,
            # Those with pictures first: the first one's images are shown.
            sorted((v for v in results.answers() if v.dataset == name), key=lambda view: not has_pictures(view)),
            [view for view in results.maps() if view.dataset == name],
        )
        for name in names
    ]
    detail = _detail(sum(_count(answers, maps, images) for _, answers, maps in found))
    return [_dataset(name, answers, maps, images, detail) for name, answers, maps in found]


def _count(answers: list[StoredAnswers], maps: list[StoredMaps], most: int) -> int:
    """Count the pictures of a data set, at most."""
    shown = min(most, max(len(view.ids) for view in answers))
    mapped = sum(min(most, len(view.rows)) for view in maps)
    return shown * len(_pictured(answers)) + mapped


def _detail(pictures: int) -> tuple[int, int]:
    """Choose the side and the quality of so many pictures, the best with which they take no more than they may.

    >>> _detail(100), _detail(1000)
    ((112, 80), (72, 40))
    """
    fitting = [(side, quality) for side, quality, each in _DETAILS if pictures * each <= _CHARACTERS]
    return fitting[0] if fitting else _DETAILS[-1][:2]


def _dataset(
    name: str, answers: list[StoredAnswers], maps: list[StoredMaps], most: int, detail: tuple[int, int]
) -> BrowserImages:
    models = list(dict.fromkeys(view.model for view in answers))
    blocks = list(dict.fromkeys((view.condition, view.eps) for view in answers))
    images = {identity: _image(answers[0], identity, len(blocks)) for identity in _chosen(answers, maps, most)}
    for view in answers:
        cells = [images[identity]["answers"][blocks.index(_block(view))] for identity in _of(view, images)]
        for cell, answer in zip(cells, _said(view, _of(view, images)), strict=True):
            cell[view.model] = answer
    for view in _pictured(answers):
        for identity, picture in zip(_of(view, images), stimuli(view, _of(view, images)), strict=True):
            uri, block = data_uri(picture, *detail), blocks.index(_block(view))
            if _is_attacked(view):
                images[identity]["answers"][block][view.model]["seen"] = uri
            else:
                images[identity]["seen"][block] = uri
    for found in maps:
        for identity, picture in zip(_of(found, images), maps_of(found, _of(found, images)), strict=True):
            answer = images[identity]["answers"][blocks.index(_block(found))].setdefault(found.model, {})
            answer.setdefault("maps", {})[found.saliency] = data_uri(picture, *detail)
    return BrowserImages(
        dataset=name,
        total=max(len(view.ids) for view in answers),
        conditions=[block_title(*block) for block in blocks],
        models=models,
        methods=list(dict.fromkeys(view.saliency for view in maps)),
        kept=all("images" in view.cell.names for view in answers if view.condition != "clean"),
        images=[*images.values()],
    )


def _chosen(answers: list[StoredAnswers], maps: list[StoredMaps], most: int) -> list[str]:
    """Choose images of the first view: those with the maps of every model, then those with any, then the others."""
    first = answers[0]
    label = dict(zip(first.ids, first.labels.tolist(), strict=True))
    mapped = [{*common_ids(maps)}, {identity for view in maps for identity in view.ids}] if maps else []
    chosen: set[str] = set()
    for group in (*mapped, {*first.ids}):
        ids = [identity for identity in first.ids if identity in group and identity not in chosen]
        chosen |= {*spread_over_classes(ids, [label[identity] for identity in ids], most - len(chosen))}
    return [identity for identity in first.ids if identity in chosen]


def _image(view: StoredAnswers, identity: str, blocks: int) -> _Json:
    position = view.ids.index(identity)
    names = {"class": view.labels, "shape": view.shape_labels, "texture": view.texture_labels}
    truth = {what: _readable(view.classes[labels[position]]) for what, labels in names.items() if labels[position] >= 0}
    return {"id": identity, "truth": truth, "seen": [None] * blocks, "answers": [{} for _ in range(blocks)]}


def _block(view: StoredAnswers | StoredMaps) -> Block:
    return view.condition, view.eps


def _of(view: StoredAnswers | StoredMaps, images: Iterable[str]) -> list[str]:
    """Keep the images that a view has."""
    known = set(view.ids)
    return [identity for identity in images if identity in known]


def _pictured(answers: list[StoredAnswers]) -> list[StoredAnswers]:
    """Choose for each condition that has images the first view that has them; after an attack, that of each model."""
    views: dict[tuple[Block, str], StoredAnswers] = {}
    for view in answers:
        if has_pictures(view) and (view.condition == "clean" or "images" in view.cell.names):
            views.setdefault((_block(view), view.model if _is_attacked(view) else ""), view)
    return [*views.values()]


def _is_attacked(view: StoredAnswers) -> bool:
    """Return whether the condition's images differ between models; assumed where its plugins are not installed."""
    return view.steps is None or any(step.kind == "attack" for step in view.steps)


def _said(view: StoredAnswers, ids: Sequence[str]) -> list[_Json]:
    """Describe a model's answers: the class, the kind of answer, and the best classes with their probability."""
    at = {identity: position for position, identity in enumerate(view.ids)}
    positions = [at[identity] for identity in ids]
    best = _probabilities(view, ids) if "logits" in view.cell.names else [None] * len(ids)
    said = []
    for position, probabilities in zip(positions, best, strict=True):
        prediction = int(view.prediction[position])
        answer: _Json = {"kind": _kind(view, position)}
        if prediction >= 0:
            answer["class"] = _readable(view.classes[prediction])
        if probabilities is not None:
            order = np.argsort(-probabilities, kind="stable")[:_BEST]
            answer["best"] = [
                [_readable(view.classes[index]), round(float(probabilities[index]), 3)] for index in order
            ]
        said.append(answer)
    return said


def _readable(name: str) -> str:
    """Name an ImageNet class in words if a data set gives its WordNet id.

    >>> _readable("n02172182"), _readable("cat")
    ('dung beetle', 'cat')
    """
    return _wordnet().get(name, name)


@cache
def _wordnet() -> dict[str, str]:
    return dict(zip(imagenet_wnids(), imagenet_names(), strict=True))


def _kind(view: StoredAnswers, position: int) -> str:
    """Return what an answer follows: the shape, the texture, neither; or whether it is right, if nothing conflicts."""
    prediction, label = view.prediction[position], view.labels[position]
    shape, texture = view.shape_labels[position], view.texture_labels[position]
    if prediction < 0:
        return "no answer"
    if min(shape, texture) >= 0 and shape != texture:
        return "shape" if prediction == shape else "texture" if prediction == texture else "neither"
    return "" if label < 0 else "right" if prediction == label else "wrong"


def _probabilities(view: StoredAnswers, ids: Sequence[str]) -> list[NDArray[np.float64]]:
    """Return the softmax of the scores over the data set's classes."""
    scores = view.cell.array("logits", rows_of(view, ids), view.eps_index).astype(np.float64)
    return list(special.softmax(scores, axis=1))
