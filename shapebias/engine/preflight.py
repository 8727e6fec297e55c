"""Refuse a study that cannot be computed before anything is stored: models, weights, classes and targets."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeAlias

import attrs

from shapebias.engine.model_loading import load_model
from shapebias.engine.session import Session
from shapebias.errors import DataError, PluginError, ShapebiasError, StudyError, listed
from shapebias.images.decoded import DecodedImages
from shapebias.images.first import FirstImages
from shapebias.plugins.catalog import Component
from shapebias.store import Store
from shapebias.store.listing import part_files
from shapebias.study import Cell, Study

__all__ = ["Pair", "answered_pairs", "check_apart", "check_datasets", "check_models", "check_targets"]

_SIZE = ("size", "crop", "interpolation")

_log = logging.getLogger(__name__)

Pair: TypeAlias = tuple[str, str]
"""The canonical texts of a data set and a model."""


def answered_pairs(output: Path) -> set[Pair]:
    """Return the pairs of which a results file has answers: these models were loaded, and fit the data set."""
    if output.is_dir() or not (output.exists() or part_files(output)):  # a folder is refused by the writer
        return set()
    with Store(output) as store:
        records = [cell.record for cell in store.cells() if cell.status == "done"]
    return {(record.dataset.canonical, record.model.canonical) for record in records}


def check_datasets(study: Study) -> None:
    """Fetch what is missing of the data sets.

    Raises:
        DataError: a data set is not there and cannot be fetched, or is empty.
    """
    for dataset in study.datasets:
        images = len(dataset.settings)
        if images == 0:
            raise DataError(f"data set {dataset.text} has no images")
        skipped = getattr(dataset.settings, "skipped", None) or {}
        _log.info("%s: %d images, %d entries skipped", dataset.title, images, len(skipped))
        for path, why in skipped.items():
            _log.info("%s: skipped %s: %s", dataset.title, path, why)


def check_apart(study: Study) -> None:
    """Refuse to test a model on the data set that its settings say it was trained on (``trained_on``).

    Raises:
        StudyError: the images are the same, perhaps at another size.
    """
    for model in study.models:
        trained = getattr(model.settings, "trained_on", None)
        for dataset in study.datasets:
            if isinstance(trained, Component) and _same_images(trained, dataset):
                raise StudyError(
                    f"{model.title} was trained on the images of {dataset.text}, so its answers to them say nothing; "
                    "train and test on different images"
                )


def _same_images(one: Component, other: Component) -> bool:
    """Compare all settings but those that say how images are brought to one size."""

    def which(component: Component) -> dict[str, object]:
        fields = attrs.fields(type(component.settings))
        return {each.name: getattr(component.settings, each.name) for each in fields if each.name not in _SIZE}

    return one.name == other.name and which(one) == which(other)


def check_targets(study: Study) -> None:
    """Refuse attacks and saliency methods whose target is not a class of a data set.

    Raises:
        StudyError: names every such component.
    """
    problems = dict.fromkeys(problem for cell in study.cells() for problem in _wrong_targets(cell))
    if problems:
        raise StudyError("\n".join(problems))


def _wrong_targets(cell: Cell) -> Iterator[str]:
    classes = len(cell.dataset.settings.classes)
    attacks = [(step, "least-likely, random") for step in cell.condition.steps if step.kind == "attack"]
    methods = [(cell.saliency, "label, prediction")] if cell.saliency else []
    for component, words in [*attacks, *methods]:
        target = str(getattr(component.settings, "target", ""))
        if target.removeprefix("-").isdecimal() and int(target) not in range(classes):
            yield (
                f"{component.text}: target={target} is not a class of the data set; give {words}, or a number from 0 "
                f"to {classes - 1}"
            )


def check_models(session: Session, first_images: FirstImages, answered: Collection[Pair] = ()) -> None:
    """Load every model, and map its outputs to the classes of every data set that it is run on.

    A fault of a plugin, or of the machine, is left to the cells: it is stored with its traceback, and the others run.

    Args:
        session: where the models stay loaded.
        first_images: the first image of each data set; one without a readable image is left to its cells.
        answered: pairs that need no check.

    Raises:
        ShapebiasError: a model is unknown, its weights cannot be read or do not fit, or its outputs do not match the
            classes; where there are several, a StudyError names each of them.
    """
    problems: dict[str, ShapebiasError] = {}
    for dataset in session.study.datasets:
        models = [each for each in session.study.models if (dataset.canonical, each.canonical) not in answered]
        for model, error in _misfits(session, first_images, dataset, models):
            problems[f"{model.title}: {error}"] = error  # once, where the reason is the same for two data sets
    if len(problems) == 1:
        (error,) = problems.values()
        raise error
    if problems:
        raise StudyError(listed("the study cannot run:", [*problems]))


def _misfits(
    session: Session, first_images: FirstImages, dataset: Component, models: Collection[Component]
) -> Iterator[tuple[Component, ShapebiasError]]:
    first = first_images.of(dataset) if models else None
    if first is None:
        return
    with contextlib.closing(DecodedImages(dataset.settings, (first.row,), 1, first)) as decoded:
        for model in models:
            try:
                load_model(session, model, decoded)
            except PluginError:
                continue
            except ShapebiasError as error:
                yield model, error
            except Exception:  # noqa: BLE001, S112 - its cells will fail with the reason
                continue
