"""The arguments and results of the targets of specs; what metrics and suites read is in ``study_results.py``.

No class here needs to be inherited: they are protocols for readers and type checkers, and small values that plugins
return.  A target is a frozen attrs class whose fields are its parameters
(:func:`shapebias.spelling.params.param`).  A target with weights or other state has ``load(device)``, which returns
the callable; a target without ``load`` is itself the callable.

Shapes: N images, H rows, W columns, C classes.  Pixels are float in [0, 1] everywhere outside a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    from shapebias.plugins.study_results import StudyResults
    from shapebias.published.references import Reference
    from shapebias.rng import ImageRandom

__all__ = [
    "Attack",
    "AttackedImages",
    "Attributed",
    "Dataset",
    "EvalCrop",
    "Metric",
    "Model",
    "Probe",
    "Saliency",
    "Sample",
    "Suite",
    "Transform",
    "Transformed",
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
