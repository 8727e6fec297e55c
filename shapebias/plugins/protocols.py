"""The arguments and results of the targets of specs.

No class here needs to be inherited: they are protocols for readers and type checkers, and small values that plugins
return.  A target is a frozen attrs class whose fields are its parameters
(:func:`shapebias.spelling.params.param`).  A target with weights or other state has ``load(device)``, which returns
the callable; a target without ``load`` is itself the callable.

Shapes: N images, H rows, W columns, C classes.  Pixels are float in [0, 1] everywhere outside a model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    import shapebias as sb
    from shapebias.networks.classifier import Classifier
    from shapebias.networks.labels import LabelMapping
    from shapebias.published.references import Reference
    from shapebias.rng import ImageRandom

__all__ = [
    "Answers",
    "Attack",
    "AttackedImages",
    "Attributed",
    "CellNames",
    "CellSummary",
    "Dataset",
    "EvalCrop",
    "Maps",
    "Metric",
    "Model",
    "Probe",
    "ResultCell",
    "Saliency",
    "Sample",
    "StudyResults",
    "Suite",
    "Transform",
    "Transformed",
    "Values",
    "ZeroShotModel",
]


def _as_pixels(image: Any) -> Any:
    """Convert an image of Pillow, such as ``read_image`` returns, to an array."""
    if not hasattr(image, "convert"):
        return image
    import numpy as np

    return np.asarray(image.convert("RGB"))


@attrs.frozen(eq=False)
class Sample:
    """One image of a data set.

    Args:
        image: (H, W, 3), uint8, or float in [0, 1]; or an image of Pillow.
        id: unique in the data set and the same on every machine, such as a relative path or an index.
        label: index into the data set's ``classes``.
        shape, texture: index of the shape's and the texture's class where the two may differ.
        mask: (H, W) bool, true on the object.

    >>> import numpy as np
    >>> Sample(np.zeros((32, 32, 3), np.uint8), "cat/1.png", label=0).id
    'cat/1.png'
    """

    image: NDArray[Any] = attrs.field(converter=_as_pixels)
    id: str
    label: int
    shape: int | None = None
    texture: int | None = None
    mask: NDArray[np.bool_] | None = None


@attrs.frozen
class EvalCrop:
    """How photographs are resized and cropped for a model, as in its published evaluation.

    Args:
        size: side of the square that is cropped from the centre, in pixels.
        resize: the short side before the crop, in pixels.
        interpolation: Pillow's name of the resizing filter.
        squash: resize both sides to ``resize``, which changes only the aspect ratio; false by default.

    >>> print(EvalCrop(224, 256))
    224 of 256 pixels, bilinear
    """

    size: int
    resize: int
    interpolation: str = "bilinear"
    squash: bool = False

    def __str__(self) -> str:
        return f"{self.size} of {self.resize} pixels, {self.interpolation}{', squashed' if self.squash else ''}"


class Dataset(Protocol):
    """Images of one size, with labels; the labels come with the samples.

    A data set may list the files that it had to skip in ``skipped``, a mapping from paths to reasons; the caption of
    the results gives their number.  If taking an image raises, only that image fails.

    A data set of photographs may have ``cropped_for(crop)``, which takes an :class:`EvalCrop` and returns the settings
    of the same images in that crop; None where its images have one crop for all models.
    """

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes, in the order of the labels."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


class Model(Protocol):
    """An image classifier; models from timm, checkpoints and plugins are called in the same way.

    An optional property ``eval_crop``, an :class:`EvalCrop` or None, describes how its evaluation resizes and crops
    photographs; it is read without calling ``load``.
    """

    def load(self, device: torch.device) -> Classifier:
        """Make the network on the device, wrapped so that it takes pixels of any size and normalises inside itself."""


class ZeroShotModel(Protocol):
    """An image classifier that takes the classes of the data set, such as CLIP; its spec has ``needs_classes``."""

    def class_texts(self, classes: Sequence[str]) -> Sequence[str]:
        """Return every text that describes the classes; the texts are part of what identifies the answers."""

    def load(self, device: torch.device, *, classes: Sequence[str]) -> Classifier:
        """Make the network on the device; its ``classes`` are those of the data set, or others that map to them."""


@attrs.frozen(eq=False)
class Transformed:
    """The result of a transform that also changes labels.

    Args:
        images: (N, 3, H, W) in [0, 1].
        shape, texture: (N,) new labels of a transform that makes cue conflicts; None, the default, keeps the old ones.
    """

    images: Tensor
    shape: Tensor | None = None
    texture: Tensor | None = None


class Transform(Protocol):
    """Changes images without looking at the model."""

    def __call__(self, images: Tensor, rng: ImageRandom, **needs: Tensor) -> Tensor | Transformed:
        """Return (N, 3, H, W) images in [0, 1] on the same device; ``needs`` are those that the spec declares."""


@attrs.frozen(eq=False)
class AttackedImages:
    """The result of an attack whose gradients were not finite for some images.

    Args:
        images: in the ball and in [0, 1], (N, 3, H, W) or (E, N, 3, H, W).
        gradient_failed: bool, (N,) or (E, N): a gradient of the image was NaN or infinite, so a correct answer does not
            show that the model is robust.
    """

    images: Tensor
    gradient_failed: Tensor


class Attack(Protocol):
    """Changes images to fool the model.

    A parameter ``eps`` is its radius: several values are an axis of the results, and training can ramp up a single one.
    Training sets a parameter ``keep`` to ``last``, so that images that are already misclassified are attacked too.  A
    parameter ``target`` that is a number is the index of a class of the data set.
    """

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return images in the ball and in [0, 1], (N, 3, H, W); several eps give (E, N, 3, H, W).

        :class:`AttackedImages` also marks the images of which a gradient was not finite.
        """


@attrs.frozen(eq=False)
class Attributed:
    """The result of a saliency method that returns more than maps.

    Args:
        maps: (N, H, W), larger where the pixel mattered more.
        extras: per-image arrays by name, such as the completeness error of integrated gradients; empty by default.
    """

    maps: Tensor
    extras: Mapping[str, Tensor] = attrs.field(factory=dict)


class Saliency(Protocol):
    """Explains a model's output by pixels; a parameter ``target`` (label, prediction, INDEX) chooses the class."""

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor | Attributed:
        """Return maps (N, H, W); ``targets`` are (N,) class indices.

        A map with NaN or values beyond 1.7e38 is stored as missing; the maps of other images are kept.
        """


class Probe(Protocol):
    """Measures one value or vector for each image; ``maps`` is (N, H, W) for a probe of saliency methods, else None.

    A probe whose spec has ``needs_method`` also gets the keyword argument ``explain``: a function that takes a
    classifier and returns the maps of the same method, with the same random numbers.  ``explain(model)`` explains the
    images and targets of the call; ``explain(model, images=..., targets=...)`` explains others instead, such as
    changed pixels or another class.
    """

    def __call__(
        self, model: Classifier, images: Tensor, targets: Tensor, maps: Tensor | None, rng: ImageRandom
    ) -> Mapping[str, Tensor]:
        """Return named arrays whose first axis is the image."""


@attrs.frozen
class CellSummary:
    """The result of computing one cell.

    Args:
        images: images that were computed in this run.
        failed: images that failed, or were not tried because the cell had failed before them.
        seconds: time spent on the images that were computed.
        error: the traceback of the first failure; empty where nothing failed.
    """

    images: int = 0
    failed: int = 0
    seconds: float = 0.0
    error: str = ""


class CellNames(Protocol):
    """The names, as in tables, of the components that a result was computed with."""

    @property
    def dataset(self) -> str:
        """The name of the data set."""

    @property
    def model(self) -> str:
        """The name of the model."""

    @property
    def condition(self) -> str:
        """The name of the condition."""

    @property
    def eps(self) -> float | None:
        """The attack's budget, None without an attack that has one."""


class ResultCell(CellNames, Protocol):
    """The properties that answers, maps and values share."""

    @property
    def ids(self) -> Sequence[str]:
        """The images' ids, in the order of every array."""

    @property
    def texts(self) -> Mapping[str, str]:
        """The canonical texts of the components, by role."""


class Answers(ResultCell, Protocol):
    """The stored answers of one model to one data set under one condition, at one eps."""

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes, in the order of the labels."""

    @property
    def mapping(self) -> LabelMapping | None:
        """How the model's outputs became scores; None where that is not known, as for people."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) true classes, -1 where unknown."""

    @property
    def shape_labels(self) -> NDArray[np.int64]:
        """(n,) classes of the shape, -1 where unknown."""

    @property
    def texture_labels(self) -> NDArray[np.int64]:
        """(n,) classes of the texture, -1 where unknown."""

    @property
    def prediction(self) -> NDArray[np.int64]:
        """(n,) answered classes, -1 where there was no answer."""

    @property
    def logits(self) -> NDArray[np.floating[Any]] | None:
        """(n, C) scores in the data set's classes, None where they were not kept."""

    @property
    def gradient_failed(self) -> NDArray[np.bool_]:
        """(n,) whether the attack had a gradient of the image that was NaN or infinite."""

    @property
    def destroys(self) -> Collection[str]:
        """What the condition's transforms destroy; empty without transforms, or without their plugins."""

    def top(self, k: int) -> NDArray[np.int64]:
        """Return the k best classes of each image, (n, k), best first; ties go to the lower index.

        There are fewer columns where fewer classes were kept: the prediction alone where no scores were.
        """


class Maps(ResultCell, Protocol):
    """The stored maps of one saliency method for one model, data set and condition, at one eps.

    Images whose map was not finite are in none of the arrays; ``missing`` are their ids.
    """

    @property
    def saliency(self) -> str:
        """The name of the saliency method."""

    @property
    def missing(self) -> Sequence[str]:
        """The ids of the images whose map was not finite."""

    @property
    def maps(self) -> NDArray[np.float32]:
        """(n, H, W), larger where the pixel mattered more."""

    @property
    def extras(self) -> Mapping[str, NDArray[Any]]:
        """Further per-image arrays of the method, by name."""

    @property
    def masks(self) -> NDArray[np.bool_] | None:
        """(n, H, W) objects, None where they are unknown, or the condition moves them."""

    @property
    def moves_pixels(self) -> bool:
        """Whether the condition moves objects; also true where its plugin is not installed."""


class Values(ResultCell, Protocol):
    """The stored values of one probe for one model, data set and condition, and one saliency method if it has maps."""

    @property
    def saliency(self) -> str | None:
        """The name of the saliency method, None for a probe that needs no maps."""

    @property
    def probe(self) -> str:
        """The name of the probe."""

    @property
    def values(self) -> Mapping[str, NDArray[Any]]:
        """The per-image arrays, by name."""


class StudyResults(Protocol):
    """What a metric reads: every finished cell of a study."""

    @property
    def seed(self) -> int:
        """The study's seed, also for resampling."""

    def answers(self) -> Sequence[Answers]:
        """List the answers of every finished prediction cell, one entry an eps."""

    def maps(self) -> Sequence[Maps]:
        """List the maps of every finished saliency cell, one entry an eps."""

    def values(self) -> Sequence[Values]:
        """List the values of every finished probe cell, one entry an eps."""


class Metric(Protocol):
    """A pure function from stored answers to a tidy table."""

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return rows with at least: dataset, model, condition, metric, value, low, high, n, method."""


class Suite(Protocol):
    """A standard protocol: what to run for any model, which numbers to report, and published values to compare with.

    The settings of the suite are its parameters.  ``shapebias profile`` runs the study, adds people's answers where
    they are known, and prints the headline with people, published models and the rank among these.
    """

    @property
    def human_answers(self) -> Sequence[str]:
        """The sets of stimuli, such as ``cue-conflict``, for which people's answers are published; often none.

        Each is a folder of the source ``human-answers``.
        """

    @property
    def published_models(self) -> Sequence[str]:
        """The two or three published models that are shown by name, as ``model`` of :meth:`references` spells them."""

    def study(self, models: Any, limit: int | None = None) -> sb.Study:
        """Return what to run: ``models`` and ``limit`` are passed on to :class:`shapebias.Study`."""

    def headline(self, results: StudyResults) -> pd.DataFrame:
        """Return the numbers to report: the rows of metrics, and a column ``measure`` that names each in words.

        Each model has at most one row for each measure.  ``results`` have the cells of this suite's study, and people's
        answers to the same images where they are known.  An optional column ``counts`` says in words what was counted.
        """

    def references(self) -> Mapping[str, Sequence[Reference]]:
        """Return the published values by measure, of people and of models; measures without any are left out."""
