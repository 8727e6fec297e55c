"""Live objects, which exist only in this process: data, transforms, attacks and saliency methods without a plugin.

Each is named by the user and identified by its content, so that a results file can be continued with the same object; a
study file cannot name it.  If the content of an object cannot be hashed, its answers are computed in each run, so they
are never mixed up with those of another object.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from shapebias.errors import DataError, StudyError
from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import Attributed, Sample, Transformed
from shapebias.plugins.specs import AttackSpec, DatasetSpec, Kind, SaliencySpec, Spec, TransformSpec
from shapebias.study.live_identity import identify

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from shapebias.networks.classifier import Classifier
    from shapebias.rng import ImageRandom

__all__ = ["LiveAttack", "LiveData", "LiveSaliency", "LiveTransform", "is_live_data", "live_component"]

_HASHED = 256  # evenly spaced images that identify a data set; tensors are hashed completely
_NOT_SPELLED = {"spelled": False}


def is_live_data(given: object) -> bool:
    """Return whether an object is a data set of PyTorch or Hugging Face, a loader, or a pair of images and labels."""
    if _is_pair(given):
        return True
    if isinstance(given, (str, list, tuple, Mapping, Component)) or attrs.has(type(given)):
        return False
    return _is_loader(given) or (hasattr(given, "__getitem__") and hasattr(given, "__len__")) or _is_stream(given)


def _is_pair(given: object) -> bool:
    if not isinstance(given, tuple) or len(given) != len(("images", "labels")):
        return False
    images, labels = given
    return _is_array(images) and images.ndim == 4 and (_is_array(labels) or isinstance(labels, list))


def _is_array(given: object) -> bool:
    return hasattr(given, "shape") and hasattr(given, "ndim") and hasattr(given, "dtype")


def _is_loader(given: object) -> bool:
    return hasattr(given, "dataset") and hasattr(given, "__iter__")


def _is_stream(given: object) -> bool:
    """Return whether an object is an iterable data set of PyTorch, which has no length."""
    return any(each.__name__ == "IterableDataset" for each in type(given).__mro__)


def live_component(kinds: tuple[Kind, ...], given: Any, label: str | None) -> Component | None:
    """Make a component of a live object; return None if its kind is unknown.

    Args:
        kinds: the accepted kinds.
        given: the object.
        label: the user's name for it; None takes that of the function or class.

    Raises:
        StudyError: it has no name.
    """
    if kinds == ("dataset",):
        if not is_live_data(given):
            return None
        name = label or ("tensors" if _is_pair(given) else type(given).__name__)
        return _component(DatasetSpec("live", LiveData), LiveData.of(name, given), label)
    if not callable(given) or attrs.has(type(given)) or isinstance(given, type):
        return None
    name = label or str(getattr(given, "__name__", type(given).__name__))
    if name == "<lambda>":
        raise StudyError("a lambda has no name; give one: {'mine': lambda images: ...}")
    of_model = _takes(given) >= len(("model", "images", "labels"))
    for kind, fits, spec, target in (
        ("saliency", True, SaliencySpec, LiveSaliency),
        ("attack", of_model, AttackSpec, LiveAttack),
        ("transform", not of_model, TransformSpec, LiveTransform),
    ):
        if kind in kinds and fits:
            return _component(spec("live", target), target(name, given, identify(name, given)), label)
    return None


def _component(spec: Spec, settings: object, label: str | None) -> Component:
    return Component(spec, settings, "live", label or settings.name)  # type: ignore[attr-defined]


def _takes(function: Callable[..., object]) -> int:
    """Count the required positional arguments of a function."""
    try:
        parameters = inspect.signature(getattr(function, "forward", function)).parameters.values()
    except (TypeError, ValueError):
        return 1
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(each.kind in positional and each.default is inspect.Parameter.empty for each in parameters)


@attrs.frozen
class LiveTransform:
    """A function from images to images, or a transform of torchvision.

    A function of one argument gets one image at a time, (1, 3, H, W), with PyTorch's random numbers seeded by the
    image, so that the result depends only on the image.  A function of two arguments gets the batch and an
    ``ImageRandom``.
    """

    name: str
    function: Callable[..., Any] = attrs.field(eq=False, repr=False, metadata=_NOT_SPELLED)
    fingerprint: str = attrs.field(metadata=_NOT_SPELLED)

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor | Transformed:
        """Return (N, 3, H, W) images."""
        import torch

        if _takes(self.function) > 1:
            changed: Tensor | Transformed = self.function(images, rng)
            return changed
        seeds = _seeds(rng)
        with _forked(images):
            return torch.cat(
                [_seeded(seed, self.function, image[None]) for seed, image in zip(seeds, images, strict=True)]
            )


@attrs.frozen
class LiveAttack:
    """A function of a model, images and labels, and perhaps an ``ImageRandom``, that returns images.

    PyTorch's random numbers are seeded by the first image of the batch.
    """

    name: str
    function: Callable[..., Any] = attrs.field(eq=False, repr=False, metadata=_NOT_SPELLED)
    fingerprint: str = attrs.field(metadata=_NOT_SPELLED)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images."""
        arguments = (model, images, labels, rng)[: max(3, _takes(self.function))]
        with _forked(images):
            attacked: Tensor = _seeded(_seeds(rng)[0], self.function, *arguments)
        return attacked


@attrs.frozen
class LiveSaliency:
    """A function of a model, images and classes, and perhaps an ``ImageRandom``, that returns maps (N, H, W).

    PyTorch's random numbers are seeded by the first image of the batch.
    """

    name: str
    function: Callable[..., Any] = attrs.field(eq=False, repr=False, metadata=_NOT_SPELLED)
    fingerprint: str = attrs.field(metadata=_NOT_SPELLED)

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor | Attributed:
        """Return (N, H, W) maps."""
        arguments = (model, images, targets, rng)[: max(3, _takes(self.function))]
        with _forked(images):
            maps: Tensor | Attributed = _seeded(_seeds(rng)[0], self.function, *arguments)
        return maps


def _seeds(rng: ImageRandom) -> list[int]:
    seeds: list[int] = rng.integers("live", 0, (), high=2**31 - 1).tolist()
    return seeds


def _forked(images: Tensor) -> Any:
    import torch

    return torch.random.fork_rng(devices=[images.device] if images.device.type == "cuda" else [])


def _seeded(seed: int, function: Callable[..., Any], *arguments: object) -> Any:
    import torch

    torch.manual_seed(seed)
    return function(*arguments)


@attrs.frozen
class LiveData:
    """Images and labels of a data set that exists only in this process.

    Images are ``(3, H, W)`` tensors, ``(H, W, 3)`` arrays or images of Pillow, all of one size, with pixels in [0, 1]
    or of 8 bits, without normalisation.

    Args:
        name: the user's name for it.
        items: returns an image and a label by index.
        classes: the names of the classes.
        fingerprint: the hash of the content.
    """

    name: str
    items: Any = attrs.field(eq=False, repr=False, metadata=_NOT_SPELLED)
    classes: tuple[str, ...] = attrs.field(eq=False, repr=False, metadata=_NOT_SPELLED)
    fingerprint: str = attrs.field(metadata=_NOT_SPELLED)

    @classmethod
    def of(cls, name: str, given: Any) -> LiveData:
        """Wrap a data set of PyTorch or Hugging Face, a loader (its data set), or a pair of images and labels.

        Raises:
            DataError: it is empty, has more or fewer labels than images, or its items are neither pairs nor mappings
                of image and label.
        """
        items = given
        while _is_loader(items) and not hasattr(items, "__getitem__"):
            items = items.dataset
        if _is_pair(items):
            images, labels = map(_array, items)
            if len(images) != len(labels):
                raise DataError(f"the data set {name!r} has {len(images)} images and {len(labels)} labels")
            items = _Pair(images, labels.tolist())
        elif _is_stream(items):
            items = list(items)
        if len(items) == 0:
            raise DataError(f"the data set {name!r} has no images")
        return cls(name, items, _classes(name, items), _data_fingerprint(name, items))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        image, label = _item(self.name, self.items, index)
        if isinstance(image, Sample):
            return image
        return Sample(_pixels(image), f"{index:06d}", label)


@attrs.frozen(eq=False)
class _Pair:
    images: NDArray[Any]
    targets: list[int]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], int]:
        return self.images[index], self.targets[index]


def _item(name: str, items: Any, index: int) -> tuple[Any, int]:
    """Return the image and the label of an item: a pair, a mapping with these columns, or a sample."""
    item = items[index]
    if isinstance(item, Sample):
        return item, item.label
    if isinstance(item, Mapping):
        image_column, label_column = _columns(name, item)
        return item[image_column], int(item[label_column])
    if isinstance(item, Sequence) and len(item) >= len(("image", "label")):
        return item[0], int(item[1])
    raise DataError(
        f"item {index} of {name!r} is a {type(item).__name__}; give pairs (image, label), mappings with 'image' and "
        "'label', or two tensors (images, labels)"
    )


def _columns(name: str, item: Mapping[str, Any]) -> tuple[str, str]:
    found = [
        next((each for each in known if each in item), None)
        for known in (("image", "img", "pixel_values", "pixels"), ("label", "labels", "fine_label", "target"))
    ]
    if found[0] is None or found[1] is None:
        raise DataError(f"{name!r} has the columns {', '.join(map(str, item))}; rename two to 'image' and 'label'")
    return found[0], found[1]


def _pixels(image: Any) -> NDArray[Any]:
    """Return (H, W, 3) pixels; grey images get three equal channels."""
    import numpy as np

    if hasattr(image, "convert"):
        return np.asarray(image.convert("RGB"))
    pixels = _array(image)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[-1] != 3 and pixels.shape[0] in (1, 3):
        pixels = np.repeat(pixels, 3 // pixels.shape[0], axis=0).transpose(1, 2, 0)
    return np.ascontiguousarray(pixels)


def _array(values: Any) -> NDArray[Any]:
    """Return a tensor of any device, or a sequence, as an array."""
    import numpy as np

    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _classes(name: str, items: Any) -> tuple[str, ...]:
    """Return the class names that the data set states, or else the numbers of its labels."""
    features = getattr(items, "features", None)
    stated = getattr(items, "classes", None)
    if isinstance(features, Mapping):
        stated = next((each.names for each in features.values() if hasattr(each, "names")), stated)
    if isinstance(stated, Sequence) and not isinstance(stated, str) and stated:
        return tuple(map(str, stated))
    labels = getattr(items, "targets", None)
    if labels is None:
        labels = [_item(name, items, index)[1] for index in range(len(items))]
    return tuple(map(str, range(1 + max(int(label) for label in labels))))


def _data_fingerprint(name: str, items: Any) -> str:
    """Hash whole tensors, the fingerprint of Hugging Face, or evenly spaced images and the number of images."""
    import numpy as np

    digest = hashlib.sha256(f"{len(items)}".encode())
    if isinstance(items, _Pair):
        digest.update(np.ascontiguousarray(items.images).view(np.uint8).data)
        digest.update(repr(items.targets).encode())
        return digest.hexdigest()
    if isinstance(known := getattr(items, "_fingerprint", None), str):
        digest.update(known.encode())
        return digest.hexdigest()
    for position in range(min(_HASHED, len(items))):
        image, label = _item(name, items, position * len(items) // min(_HASHED, len(items)))
        pixels = image.image if isinstance(image, Sample) else _pixels(image)
        digest.update(f"{label} {pixels.shape} {pixels.dtype}".encode() + pixels.tobytes())
    return digest.hexdigest()
