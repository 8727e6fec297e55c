"""The caption of a table of results: which images, which classes, and what was assumed about the models."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from shapebias.networks.labels import LabelMapping, imagenet_names, imagenet_wnids

if TYPE_CHECKING:
    from shapebias.reporting.combined import CombinedResults
    from shapebias.store import Results
    from shapebias.store.stored import StoredDataset

__all__ = ["caption", "grouped", "partial_sets"]

_SHOWN = 4

_Key = TypeVar("_Key")


def caption(results: Results | CombinedResults) -> list[str]:
    """Describe in sentences what the numbers of some results are based on.

    For each data set: how many images and classes it has, and what was skipped and why.  For each model: whether its
    outputs were matched to the classes by position, or assumed to be those of ImageNet-1k, and whether it chose among
    fewer classes than it knows.

    Args:
        results: one results file, or several.

    Returns:
        One line each.
    """
    datasets = {view.dataset: view.images for view in results.answers()}
    alike = grouped((_images(dataset), name) for name, dataset in datasets.items())
    lines = [f"{_each(names)}: {text}" for text, names in alike.items()]
    lines += _crops(results)
    models: dict[tuple[str, str], dict[str, None]] = {}
    for view in results.answers():
        text = view.cell.attributes.get("mapping")
        for remark in _remarks(view.images, LabelMapping.from_json(text)) if isinstance(text, str) and text else ():
            models.setdefault((remark, view.dataset), {})[view.model] = None
    said = grouped(((remark, tuple(named)), dataset) for (remark, dataset), named in models.items())
    for (remark, names), where in said.items():
        on = f" on {', '.join(where)}" if len(where) < len(datasets) else ""
        lines.append(f"{', '.join(names)}{on}: {remark}")
    return lines


def partial_sets(results: Results | CombinedResults) -> list[str]:
    """Name the published sets of which only a part was on disk, one line for those with the same number of images."""
    stores = [each.store for each in getattr(results, "files", [results])]
    used = {view.dataset for view in results.answers()}
    notes = {one.name: one.note for store in stores for one in store.datasets() if one.note and one.name in used}
    alike = grouped((note, name) for name, note in notes.items())
    return [f"{_each(names)} has {note} of the published set" for note, names in alike.items()]


def _each(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"each of {', '.join(names)}"


def grouped(pairs: Iterable[tuple[_Key, str]]) -> dict[_Key, list[str]]:
    """Collect the names that have the same key, in order.

    >>> grouped([("80 images", "edges"), ("1,280 images", "cue-conflict"), ("80 images", "silhouettes")])
    {'80 images': ['edges', 'silhouettes'], '1,280 images': ['cue-conflict']}
    """
    groups: dict[_Key, list[str]] = {}
    for key, name in pairs:
        groups.setdefault(key, []).append(name)
    return groups


def _crops(results: Results | CombinedResults) -> Iterator[str]:
    """Say how the images were cropped for each model, where that is the model's own."""
    crops: dict[str, dict[str, dict[str, None]]] = {}
    for view in results.answers():
        if crop := view.cell.record.settings.get("crop"):
            crops.setdefault(view.dataset, {}).setdefault(str(crop), {})[view.model] = None
    for dataset, models in crops.items():
        yield f"{dataset} is cropped for each model: " + "; ".join(
            f"{_some([*names])} {crop}" for crop, names in models.items()
        )


def _images(dataset: StoredDataset) -> str:
    """Count images and classes, and what was skipped, by its reason."""
    used, whole, classes = len(dataset.rows), dataset.attributes.get("images", 0), len(dataset.classes)
    labels = np.concatenate([dataset.labels, dataset.shape_labels, dataset.texture_labels])
    present = len(np.unique(labels[labels >= 0]))
    images = f"{used:,} images" if used == whole else f"{used:,} of {whole:,} images"
    text = f"{images}, {classes:,} classes" if present == classes else f"{images}, {present:,} of {classes:,} classes"
    skipped = json.loads(str(dataset.attributes.get("skipped", "[]")))
    reasons = [f"{count} {reason} ({first}{', ...' if count > 1 else ''})" for reason, count, first in skipped]
    return f"{text}; skipped {sum(count for _, count, _ in skipped):,}: {'; '.join(reasons)}" if reasons else text


def _remarks(dataset: StoredDataset, mapping: LabelMapping) -> Iterator[str]:
    """Describe what was assumed about a model's outputs, and which of them were not used."""
    classes = mapping.classes
    if mapping.name == "by position":
        yield f"the outputs have no names and are matched to the classes by position: {_some(classes)}"
    outputs = sum(map(len, mapping.groups or ()))
    is_limited = mapping.name.startswith(("imagenet-1k", "file:")) and outputs != len(imagenet_wnids())
    if "assumed" in mapping.source and not is_limited:
        yield "the 1,000 outputs have no names and are assumed to be the classes of ImageNet-1k in their usual order"
    if is_limited:
        yield (
            f"the choice is among the data set's {len(classes):,} classes ({_meaning(mapping)}), "
            f"{outputs:,} outputs of {mapping.source}{_advice(dataset, mapping)}"
        )
    if mapping.aggregate != "mean" and outputs > len(classes):
        of = {"sum": "sum", "max": "largest"}[mapping.aggregate]
        yield f"the score of a class is the {of} of the softmax probabilities of its outputs"


def _meaning(mapping: LabelMapping) -> str:
    """Name the first classes, with their meanings if they are ids or indices of ImageNet-1k."""
    if mapping.name != "imagenet-1k -> subset":
        return _some(mapping.classes)
    meant = zip(mapping.classes, mapping.groups or (), strict=True)
    names = [(name, imagenet_names()[group[0]]) for name, group in meant]
    return _some([name if name == meaning else f"{name} = {meaning}" for name, meaning in names])


def _advice(dataset: StoredDataset, mapping: LabelMapping) -> str:
    """Say how a folder can have all classes of ImageNet-1k, if its labels are indices or WordNet ids."""
    known = {*imagenet_wnids(), *map(str, range(len(imagenet_wnids())))}
    if mapping.name != "imagenet-1k -> subset" or not known.issuperset(mapping.classes):
        return ""
    if not dataset.record.canonical.startswith("folder:"):
        return ""
    return "; for a choice among all 1,000 add label_space=imagenet-1k to the data set"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
