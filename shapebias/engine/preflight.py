"""Check a study before anything is stored: data sets, models, weights, classes and targets."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

import attrs

from shapebias.engine.model_loading import load_model
from shapebias.engine.session import Session
from shapebias.errors import DataError, PluginError, ShapebiasError, StudyError, listed
from shapebias.images.decoded import DecodedImages
from shapebias.images.first import FirstImages
from shapebias.plugins.catalog import Component
from shapebias.runtime import guard
from shapebias.study import Cell, Study

__all__ = ["Pair", "check_apart", "check_datasets", "check_models", "check_targets", "misfits", "raise_misfits"]

_MOST_IMAGES = 10**9
_SIZE = ("size", "crop", "interpolation")

_log = logging.getLogger(__name__)

Pair: TypeAlias = tuple[Component, Component]
"""A data set, and a model that is run on it."""


def check_datasets(study: Study) -> None:
    """Fetch missing data sets, and check that none is empty.

    Raises:
        DataError: a data set is missing and cannot be fetched, or is empty.
    """
    for dataset in study.datasets:
        images = _counted(dataset)
        if images == 0:
            raise DataError(f"data set {dataset.text} has no images")
        skipped = getattr(dataset.settings, "skipped", None) or {}
        _log.info("%s: %d images, %d entries skipped", dataset.title, images, len(skipped))
        for path, why in skipped.items():
            _log.info("%s: skipped %s: %s", dataset.title, path, why)


def _counted(dataset: Component) -> int:
    """Count the images of a data set, which must know its classes too.

    Raises:
        PluginError: it does not know them, or has more images than any data set.
    """
    try:
        with guard.contained_and_restored(f"data set {dataset.text}"):
            _ = len(dataset.settings.classes)
            images = len(dataset.settings)
    except (ShapebiasError, OSError):
        raise
    except Exception as error:
        raise PluginError(
            f"data set {dataset.text} cannot count its images and classes: {type(error).__name__}: {error}"
        ) from error
    if images > _MOST_IMAGES:
        raise PluginError(
            f"data set {dataset.text} says that it has {images} images; at most {_MOST_IMAGES} can be read"
        )
    return images


def check_apart(study: Study) -> None:
    """Refuse to test a model on its training data, as its settings state them in ``trained_on``.

    Raises:
        StudyError: the images are the same, perhaps at another size.
    """
    for model in study.models:
        trained = getattr(model.settings, "trained_on", None)
        for dataset in study.datasets:
            if isinstance(trained, Component) and _same_images(trained, dataset):
                raise StudyError(
                    f"{model.title} was trained on the images of {dataset.text}, so its answers to them mean nothing; "
                    "train and test on different images"
                )


def _same_images(one: Component, other: Component) -> bool:
    """Compare all settings except those that resize images."""

    def which(component: Component) -> dict[str, object]:
        fields = attrs.fields(type(component.settings))
        return {each.name: getattr(component.settings, each.name) for each in fields if each.name not in _SIZE}

    return one.name == other.name and which(one) == which(other)


def check_targets(study: Study) -> None:
    """Refuse attacks and saliency methods whose target is not a class of a data set.

    Raises:
        StudyError: there are some; the message names each.
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


def check_models(session: Session, first_images: FirstImages, pairs: Iterable[Pair]) -> None:
    """Load models, and map their outputs to the classes of the data sets that they are run on.

    An error of a plugin, or of the machine, is not raised here: it fails the cells when they are computed, and is
    stored with its traceback.

    Args:
        session: the session, which keeps the models.
        first_images: the first image of each data set; a data set without a readable image is not checked.
        pairs: every pair of a data set and a model that are computed together.

    Raises:
        ShapebiasError: a model is unknown, its weights cannot be read or do not fit, or its outputs do not match the
            classes; if there are several errors, a StudyError lists them.
    """
    raise_misfits(misfits(session, first_images, pairs))


def raise_misfits(problems: Mapping[str, ShapebiasError]) -> None:
    """Raise a single problem unchanged, and several as one StudyError.

    Args:
        problems: the problems, by their texts.
    """
    if len(problems) == 1:
        (error,) = problems.values()
        raise error
    if problems:
        raise StudyError(listed("the study cannot run:", [*problems]))


def misfits(session: Session, first_images: FirstImages, pairs: Iterable[Pair]) -> dict[str, ShapebiasError]:
    """Return the errors of :func:`check_models`, by their texts."""
    problems: dict[str, ShapebiasError] = {}
    by_dataset: dict[int, tuple[Component, list[Component]]] = {}
    for dataset, model in pairs:
        by_dataset.setdefault(id(dataset), (dataset, []))[1].append(model)
    for dataset, models in by_dataset.values():
        for model, error in _misfits(session, first_images, dataset, models):
            problems[f"{model.title}: {error}"] = error  # once, if the reason is the same for two data sets
    return problems


def _misfits(
    session: Session, first_images: FirstImages, dataset: Component, models: Collection[Component]
) -> Iterator[tuple[Component, ShapebiasError]]:
    first = first_images.of(dataset)
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
