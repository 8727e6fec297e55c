"""The data sets of torchvision, by their class names."""

from __future__ import annotations

import functools
import hashlib
import inspect
import threading
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from shapebias.contracts import Sample
from shapebias.datasets._images import Interpolation, fit
from shapebias.errors import DataError, suggestion
from shapebias.params import Options, param

__all__ = ["TorchvisionDataset"]


@attrs.frozen
class TorchvisionDataset:
    """Any classification data set of torchvision: CIFAR10, Caltech256, Imagenette, STL10, Flowers102, ...

    Args:
        name: the class in ``torchvision.datasets``.

    Raises:
        DataError: there is no such data set, it is not at ``root``, or it does not yield (image, class).

    >>> TorchvisionDataset("CIFAR10", root="data", split="test").download
    False
    """

    name: str = param("class in torchvision.datasets")
    root: str = param("folder of the data", default="data")
    split: str | None = param(
        "part of the data, for example train, test or val; none is torchvision's own choice", default=None
    )
    download: bool = param("download what is missing", default=False)
    size: int | None = param("side of the square that is cut out; none takes images as they are", default=None, ge=1)
    crop: float = param("share of the resized short side that is kept", default=1.0, gt=0, le=1)
    interpolation: Interpolation = param("how images are resized", default="bilinear")
    arg: Options = param("further options of the constructor", default=Options())

    @functools.cached_property
    def _data(self) -> Any:
        import torchvision

        names = torchvision.datasets.__all__
        if self.name not in names:
            raise DataError(f"torchvision has no data set {self.name!r}{suggestion(self.name, names)}")
        make = getattr(torchvision.datasets, self.name)
        takes = inspect.signature(make).parameters
        options: dict[str, Any] = {"root": self.root, "download": self.download}
        options = {key: value for key, value in options.items() if key in takes}
        if self.split is not None:
            if "split" not in takes and "train" not in takes:
                raise DataError(f"torchvision's {self.name} has no splits; leave out split={self.split}")
            options |= {"split": self.split} if "split" in takes else {"train": self.split == "train"}
        try:
            return make(**options, **self.arg)
        except (RuntimeError, FileNotFoundError) as error:
            raise DataError(
                f"torchvision's {self.name} is not in {self.root!r} ({error}); add download=true, or give its root="
            ) from error
        except (TypeError, ValueError) as error:
            raise DataError(f"torchvision's {self.name} refuses its options: {error}") from error

    @functools.cached_property
    def _lock(self) -> threading.Lock:
        return threading.Lock()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes: WordNet ids where torchvision knows them, else its own names, else numbers."""
        for name in ("wnids", "classes", "categories"):
            found = getattr(self._data, name, None)
            if isinstance(found, Sequence) and found and isinstance(found[0], str):
                return tuple(found)
        labels = {int(self._data[index][1]) for index in range(len(self))}
        return tuple(str(label) for label in range(max(labels) + 1))

    @property
    def fingerprint(self) -> str:
        """What identifies the listing: the data's name, split and length; torchvision checks the files themselves."""
        return hashlib.sha256(f"{self.name} {self.split} {len(self)}".encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> Sample:
        with self._lock:  # torchvision does not promise that its data sets may be read by several threads
            image, label = self._data[index]
        if not hasattr(image, "convert") or not isinstance(label, int | np.integer):
            raise DataError(f"torchvision's {self.name} yields no (image, class) pairs; it is not for classification")
        return Sample(fit(image.convert("RGB"), self.size, self.crop, self.interpolation), str(index), int(label))
