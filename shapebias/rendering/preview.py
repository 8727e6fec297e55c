"""Show what conditions do to a few images, before a study is run on all."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import torch
from torch import Tensor

from shapebias.engine.evaluation import attack_batch, eps_values
from shapebias.engine.model_loading import load_model
from shapebias.engine.plan import check_needs, evenly_spaced
from shapebias.engine.session import Session
from shapebias.errors import DataError, StudyError
from shapebias.files import new_file
from shapebias.images.decoded import DecodedImages, batched
from shapebias.images.first import FirstImages
from shapebias.images.transformed import TransformedImages
from shapebias.networks.labels import imagenet_names, imagenet_wnids
from shapebias.paths import as_path
from shapebias.rendering.contact_sheet import contact_sheet
from shapebias.rendering.naming import naming
from shapebias.runtime.device import choose_device
from shapebias.runtime.memory import Memory
from shapebias.spelling.grammar import spell_scalar
from shapebias.study import CLEAN, Condition, Study, as_conditions, as_datasets, as_models

if TYPE_CHECKING:
    from PIL import Image

    from shapebias.networks.classifier import Classifier

__all__ = ["Preview", "preview"]

_BATCH_SIZE = 8


@attrs.frozen(eq=False)
class Preview:
    """Some images of a data set under some conditions.

    Args:
        images: (N, K, 3, H, W) in [0, 1], on the CPU.
        titles: the titles of K conditions; an attack with a list of eps has one for each eps.
        labels: the classes of the N images, empty where the label is unknown.
        ids: the ids of the N images.
    """

    images: Tensor = attrs.field(repr=False)
    titles: tuple[str, ...]
    labels: tuple[str, ...]
    ids: tuple[str, ...]

    def picture(self, *, rows: Literal["images", "conditions"] = "images", size: int = 256) -> Image.Image:
        """Return the images as one contact sheet; ``rows`` and ``size`` as in :meth:`save`."""
        if rows == "images":
            notes = list(zip(self.labels, self.ids, strict=True))
            return contact_sheet(self.images, self.titles, notes, size)
        notes = [(title, "") for title in self.titles]
        return contact_sheet(self.images.transpose(0, 1), self.labels, notes, size)

    def _repr_png_(self) -> bytes:
        """Return the contact sheet for a notebook."""
        buffer = io.BytesIO()
        self.picture().save(buffer, format="PNG")
        return buffer.getvalue()

    def save(self, path: str | Path, *, rows: Literal["images", "conditions"] = "images", size: int = 256) -> None:
        """Write the images as one contact sheet.

        Args:
            path: the file, ``.png``, ``.jpg`` or another format of Pillow.
            rows: whether the rows of the sheet are images or conditions; the columns are the other.
            size: the longest side of an image on the sheet, in pixels; larger images are scaled down.

        Raises:
            DataError: the format is unknown, or the file cannot be written.
        """
        from PIL import Image

        path = as_path(path)
        file_format = Image.registered_extensions().get(path.suffix.lower())
        if file_format not in Image.SAVE:
            raise DataError(f"{path} has no suffix of an image format that can be written; use .png or .jpg")
        sheet = self.picture(rows=rows, size=size)
        try:
            with new_file(path) as temporary:
                sheet.save(temporary, format=file_format, quality=85)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}; choose another path") from error


def preview(
    dataset: Any,
    conditions: Any,
    model: Any = None,
    *,
    images: int = 6,
    seed: int = 0,
    device: str = "auto",
) -> Preview:
    """Show a few images, spread evenly over a data set, unchanged and under conditions.

    The images are those that the models of a study with this seed get.

    Args:
        dataset: text or settings, as in :class:`shapebias.Study`.
        conditions: one or several, as in :class:`shapebias.Study`.
        model: the model to attack, if a condition has an attack, or several models; each has its own columns.
        images: the most images.
        seed: seed of the random numbers.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        StudyError: there is an attack and no model, more than one data set, or ``images`` is less than 1.
        DataError: the data set has no image, or lacks what a transform needs.
        PluginError: a transform or an attack fails.

    >>> shown = preview("stimuli:size=32", ["grayscale", "patch-shuffle:k=2"], images=3)
    >>> shown.titles, shown.images.shape
    (('clean', 'grayscale', 'patch-shuffle:k=2'), torch.Size([3, 3, 3, 32, 32]))
    """
    if images < 1:
        raise StudyError(f"images is {images}; show at least 1")
    source, *more = as_datasets(dataset)
    if more:
        raise StudyError(f"a preview shows one data set, not {1 + len(more)}; call it for each")
    wanted = list(dict.fromkeys([CLEAN, *as_conditions(conditions)]))
    attacks = [condition for condition in wanted if condition.attack]
    if attacks and model is None:
        raise StudyError(f"{attacks[0].title} attacks a model, but none is given; add -m MODEL, or model= in Python")
    torch_device, first_images = choose_device(device), FirstImages()
    check_needs(source, wanted, first_images)
    if not len(source.settings):
        raise DataError(f"data set {source.text} has no images")
    rows = evenly_spaced(len(source.settings), images)
    decoded = DecodedImages(source.settings, rows, first=first_images.of(source))
    with contextlib.closing(decoded), torch.inference_mode(mode=False):
        models = as_models(model) if attacks else ()
        columns = []
        for condition in wanted:
            for one in models if condition.attack else (None,):
                study = None if one is None else Study(source, one, attacks, seed=seed)
                renderer = _Renderer.of(decoded, seed, torch_device, study)
                prefix = f"{one.title}: " if one is not None and len(models) > 1 else ""
                columns += [(f"{prefix}{title}", shown) for title, shown in renderer.columns(condition)]
        samples = decoded.samples(range(len(rows)))
    titles, images_of_columns = zip(*columns, strict=True)
    names = imagenet_names() if tuple(source.settings.classes) == imagenet_wnids() else source.settings.classes
    labels = ("" if sample.label < 0 else names[sample.label] for sample in samples)
    return Preview(torch.stack(images_of_columns, dim=1), titles, tuple(labels), tuple(sample.id for sample in samples))


@attrs.frozen(eq=False)
class _Renderer:
    """Make the images of conditions.

    Args:
        decoded: the images.
        seed: seed of the random numbers.
        device: where transforms and attacks run.
        attacked: the model of the attacks, and the session that loaded it; None if there is no attack.
    """

    decoded: DecodedImages
    seed: int
    device: torch.device
    attacked: tuple[Session, Classifier] | None = None

    @classmethod
    def of(cls, decoded: DecodedImages, seed: int, device: torch.device, study: Study | None) -> _Renderer:
        """Load the model of a study with attacks."""
        if study is None:
            return cls(decoded, seed, device)
        session = Session(study, device, Memory(_BATCH_SIZE, _BATCH_SIZE))
        return cls(decoded, seed, device, (session, load_model(session, study.models[0], decoded)))

    def columns(self, condition: Condition) -> Iterator[tuple[str, Tensor]]:
        """Yield the title and the (N, 3, H, W) images of a condition, once for each eps of a list.

        Raises:
            PluginError: a transform or an attack fails.
        """
        with naming(condition):
            batches = list(self._batches(condition))
        eps = eps_values(condition)
        titles = [f"{condition.title} at {spell_scalar(one)}" for one in eps] if len(eps) > 1 else [condition.title]
        for title, images in zip(titles, zip(*batches, strict=True), strict=True):
            yield title, torch.cat(images)

    def _batches(self, condition: Condition) -> Iterator[list[Tensor]]:
        """Yield the images of each batch, one tensor for each eps."""
        transforms = [(step, step.load(self.device)) for step in condition.before]
        stimuli = TransformedImages(self.decoded, transforms, self.seed, self.device, keep=False)
        for positions in batched(range(len(self.decoded.rows)), _BATCH_SIZE):
            if self.attacked is None or condition.attack is None:
                inputs = [stimuli.take(positions)]
            else:
                session, network = self.attacked
                with network.evaluating():
                    inputs = attack_batch(session, network, condition, stimuli, positions).inputs
            yield [one.images.cpu() for one in inputs]
