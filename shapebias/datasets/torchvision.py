"""``torchvision:NAME``: the image classification data sets of torchvision, downloaded on request."""

from __future__ import annotations

import hashlib
import inspect
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torchvision
from numpy.typing import NDArray
from PIL import Image

from shapebias.datasets._images import same_size
from shapebias.errors import DataError, SpellingError, UnknownNameError, suggestion
from shapebias.images.reading import GIVE_SIZE, Interpolation, check_crop, fit
from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import Options, param

__all__ = ["Torchvision"]

# VisionDataset is abstract; FakeData draws from torch's global generator, which the decoding threads share.
_LEFT_OUT = {"FakeData", "VisionDataset"}

# Parameters of torchvision's classes that are fields here, or do what a transform of the study does.
_NO_OPTIONS = {"root", "train", "split", "download", "transform", "target_transform", "transforms", "loader"}


@attrs.frozen
class Torchvision:
    """A data set of torchvision with items of an image and a class index: ``CIFAR10``, ``Caltech256``, ...

    Images are resized and cropped as in ``folder``, and their ids are their positions.  Classes are the names that
    torchvision gives; for ImageNet and Imagenette they are the WordNet ids, which a model of ImageNet knows.

    Args:
        name: the class in ``torchvision.datasets``.
        root: where the files are, in torchvision's own layout.
        split: ``train`` or ``test`` for a class with ``train=``, one of the class's own names for a class with
            ``split=``.  It is required for both, since torchvision's default is the training images.
        download: whether to download missing files.
        size, crop, interpolation: see ``folder``.
        arg: further options of the class, spelled ``arg.NAME=value``.

    Raises:
        UnknownNameError: torchvision has no such data set.
        SpellingError: a split or an option that the class does not take.
        DataError: at the first use: files are missing or damaged, or items are not an image and the index of its class.

    Source: TorchVision maintainers and contributors 2016, "TorchVision: PyTorch's computer vision library".

    >>> from shapebias.spelling.params import spell
    >>> spell("torchvision", Torchvision("Imagenette", split="val", size=224, arg=Options(size="320px")), full=False)
    'torchvision:Imagenette,split=val,size=224,arg.size=320px'
    """

    name: str = param("class in torchvision.datasets")
    root: Path = param("folder of the files", default=Path("data"))
    split: str | None = param("train, test or another split of the class; none if it has no splits", default=None)
    download: bool = param("whether to download missing files", default=False)
    size: int | None = param("side of the images; none takes the files' own", default=None, ge=1, unit="pixels")
    crop: float = param("share of the short side that stays, 0.875 for photos", default=1.0, gt=0, le=1)
    interpolation: Interpolation = param("filter for resizing", default="bilinear")
    arg: Options = param("option of the class, such as arg.size=160px", default=Options())

    def __attrs_post_init__(self) -> None:
        check_crop(self.size, self.crop)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; digits if torchvision has no names."""
        for attribute in ("wnids", "classes", "categories"):
            if names := getattr(self._data, attribute, None):
                return tuple(str(name) for name in names)
        for attribute in ("targets", "labels"):
            labels = np.asarray(getattr(self._data, attribute, ()))
            if labels.size and np.issubdtype(labels.dtype, np.integer):
                return tuple(str(number) for number in range(labels.max() + 1))
        raise DataError(f"torchvision:{self.name} does not state its classes and cannot be used")

    @property
    def fingerprint(self) -> str:
        """Hash of the number of images and the classes; a hash of ``root`` would change with other data sets in it."""
        return hashlib.sha256(json.dumps([len(self), self.classes]).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]
        image, label = self._item(index)
        if self.size is None:
            same_size(image, self._first, f"torchvision:{self.name} image {index}", GIVE_SIZE)
        return Sample(image, f"{index:06d}", label)

    def _item(self, index: int) -> tuple[NDArray[np.uint8], int]:
        name = f"torchvision:{self.name} image {index}"
        try:
            image, label = self._data[index]
            if not isinstance(image, Image.Image) or not isinstance(label, int | np.integer):
                kinds = f"{type(image).__name__} and {type(label).__name__}"
                raise DataError(f"{name} is {kinds}, not an image and the index of its class, and cannot be used")
            image = image.convert("RGB")
        except (OSError, SyntaxError, ValueError) as error:
            raise DataError(f"{name} cannot be decoded: {error}; remove the files and add download=true") from error
        return fit(image, self.size, self.crop, self.interpolation), int(label)

    @cached_property
    def _first(self) -> NDArray[np.uint8]:
        return self._item(0)[0]

    @cached_property
    def _data(self) -> Any:
        """Make torchvision's own data set."""
        constructor = _find(self.name)
        options = _options(constructor, self)
        try:
            return constructor(self.root, **options)
        except (TypeError, ValueError) as error:
            raise SpellingError(f"torchvision:{self.name} refuses its parameters: {error}") from error
        except (RuntimeError, OSError, EOFError, ImportError) as error:
            advice = "put the files there yourself" if self.download else "add download=true, or give root="
            raise DataError(f"torchvision:{self.name} cannot be read from {self.root}: {error}; {advice}") from error


def _find(name: str) -> Any:
    """Find one of torchvision's classes by name."""
    known = [word for word in torchvision.datasets.__all__ if word[0].isupper() and word not in _LEFT_OUT]
    if name not in known:
        raise UnknownNameError(
            f"torchvision {torchvision.__version__} has no data set {name!r}{suggestion(name, known)}; names are those "
            "of torchvision.datasets, with their capitals"
        )
    return getattr(torchvision.datasets, name)


def _options(constructor: Any, settings: Torchvision) -> dict[str, Any]:
    """Translate split, download and further options to the parameters of the class."""
    parameters, name, split = inspect.signature(constructor).parameters, f"torchvision:{settings.name}", settings.split
    options: dict[str, Any] = {**settings.arg}
    known = parameters.keys() - _NO_OPTIONS
    if unknown := [f"arg.{option}{suggestion(option, known)}" for option in options if option not in known]:
        raise SpellingError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(sorted(known)) or 'none'}")
    if "train" in parameters:
        if split not in ("train", "test"):
            raise SpellingError(f"{name}: split is {split}; give split=train or split=test")
        options["train"] = split == "train"
    elif "split" in parameters:
        if split is None:
            raise SpellingError(f"{name} has several splits; choose one, for example split=test")
        options["split"] = split
    elif split is not None:
        raise SpellingError(f"{name} has no splits; leave split={split} out")
    if "download" in parameters:
        options["download"] = settings.download
    elif settings.download:
        raise SpellingError(f"{name} cannot be downloaded; put its files into root= and leave download=true out")
    return options
