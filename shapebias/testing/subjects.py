"""The inputs with which the rules try plugins: a small network, five small images that are not square, and an rng."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor, nn

from shapebias.networks.classifier import Classifier
from shapebias.networks.features import Features
from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import Attributed, Transformed
from shapebias.rng import ImageRandom
from shapebias.testing.rules import BrokenRuleError, require

__all__ = [
    "CLASSES",
    "CLASS_NAMES",
    "IDS",
    "Subject",
    "arrays",
    "close",
    "nothing_left_behind",
    "same_alone",
    "same_twice",
    "sample_images",
    "sample_model",
]

CLASSES = 4
CLASS_NAMES = ("ant", "bee", "cat", "dog")
IDS = ("ant.png", "bee.png", "cat.png", "dog.png", "eel.png")
HEIGHT, WIDTH = 32, 40
_TOLERANCE = 1e-4  # float32, and sums whose order depends on the batch


def sample_images(device: str = "cpu") -> Tensor:
    """Return five smooth random images, (5, 3, 32, 40) in [0, 1], some pixels black or white."""
    coarse = torch.rand(len(IDS), 3, HEIGHT // 4, WIDTH // 4, generator=torch.Generator().manual_seed(2))
    fine = torch.rand(len(IDS), 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(3))
    images = nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bilinear") + 0.4 * (fine - 0.5)
    return images.clamp(0, 1).to(device)


def sample_model(seed: int = 1, device: str = "cpu") -> Classifier:
    """Return a network of four classes whose ReLUs work in place and whose features are declared; chunks of three."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 8, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, CLASSES),
        )
    features = Features(network[3])
    return Classifier(network.to(device), (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), features=features, chunk=3)


@attrs.frozen
class Subject:
    """A component under test, and the inputs to try it with.

    Args:
        component: the plugin's spec and the settings to try.
        device: the device on which to try it.
    """

    component: Component
    device: str = "cpu"

    @cached_property
    def images(self) -> Tensor:
        """The images, (5, 3, 32, 40) in [0, 1]."""
        return sample_images(self.device)

    @cached_property
    def model(self) -> Classifier:
        """The network."""
        return sample_model(device=self.device)

    @cached_property
    def labels(self) -> Tensor:
        """The network's predictions, except for the last image, whose label is another class."""
        with self.model.evaluating(), torch.no_grad():
            answers = self.model(self.images).argmax(dim=1)
        answers[-1] = (answers[-1] + 1) % CLASSES
        return answers

    @cached_property
    def loaded(self) -> Any:
        """The callable: the settings, or the result of their ``load``."""
        return self.load()

    def load(self) -> Any:
        """Load it again; a model that needs classes gets the names of four animals."""
        return self.component.load(torch.device(self.device), CLASS_NAMES)

    def random(self, ids: tuple[str, ...] = IDS, seed: int = 0) -> ImageRandom:
        """Return random numbers as the engine makes them."""
        return ImageRandom.for_images(seed, self.component.name, 0, ids, self.device)

    def needs(self, images: Tensor) -> dict[str, Tensor]:
        """Return the keyword arguments that the spec of a transform declares, for all five images."""
        mask = torch.zeros(images.shape[0], *images.shape[2:], dtype=torch.bool, device=images.device)
        mask[:, 8:24, 10:30] = True
        given = {"mask": mask, "partner": images.flip(0)}
        return {need: given[need] for need in self.component.spec.needs}


def arrays(result: object) -> dict[str, Tensor]:
    """Return the tensors in the result of a plugin, by name."""
    match result:
        case Tensor():
            return {"result": result}
        case Transformed():
            labels = {"shape": result.shape, "texture": result.texture}
            return {"images": result.images} | {name: each for name, each in labels.items() if each is not None}
        case Attributed():
            return {"maps": result.maps, **result.extras}
        case Mapping():
            return {str(name): each for name, each in result.items()}
    raise BrokenRuleError(f"returned a {type(result).__name__}")


def close(found: object, wanted: object, rows: Any = slice(None), axis: int = 0) -> str | None:
    """Compare two results to float tolerance.

    Args:
        found: a result.
        wanted: another one.
        rows: the images of ``wanted`` that ``found`` has.
        axis: the axis of the images.

    Returns:
        What differs, or None.
    """
    here, there = arrays(found), arrays(wanted)
    if here.keys() != there.keys():
        return f"{sorted(here)} against {sorted(there)}"
    for name, array in here.items():
        other = there[name].movedim(axis, 0)[rows].movedim(0, axis)
        if array.shape != other.shape:
            return f"{name}: shapes {tuple(array.shape)} and {tuple(other.shape)}"
        difference = (array.double() - other.double()).abs()
        scale = max(1.0, float(other.double().abs().max()) if other.numel() else 1.0)
        if not (difference <= _TOLERANCE * scale).all():
            return f"{name} differs by up to {float(difference.max()):.3g}"
    return None


def same_twice(call: Callable[[], object]) -> None:
    """Check that two calls give the same result.

    Raises:
        BrokenRuleError: they differ.
    """
    difference = close(call(), call())
    require(difference is None, f"two calls: {difference}")


def same_alone(call: Callable[[Any], object], axis: int = 0) -> None:
    """Check that the result for each image is the same alone and in a batch.

    Args:
        call: returns the result for some of the five images.
        axis: the axis of the images in the result.

    Raises:
        BrokenRuleError: the result for an image depends on the other images.
    """
    together = call(slice(None))
    for row, name in enumerate(IDS):
        difference = close(call([row]), together, [row], axis)
        require(difference is None, f"{name} alone: {difference}")


@contextlib.contextmanager
def nothing_left_behind(subject: Subject, *inputs: Tensor) -> Iterator[None]:
    """Check that a call changes neither its inputs, nor the network, nor the global random state.

    Raises:
        BrokenRuleError: something was changed.
    """
    module = subject.model.module
    tensors = [*inputs, *module.state_dict().values()]
    before = [tensor.clone() for tensor in tensors]
    flags, state = _flags(module), _random_state()
    yield
    for tensor, was in zip(tensors, before, strict=True):
        if not torch.equal(tensor, was):
            what = "an argument" if any(tensor is each for each in inputs) else "a parameter or buffer of the model"
            raise BrokenRuleError(f"{what} of shape {tuple(tensor.shape)} was changed in place")
    if any(tensor.requires_grad for tensor in inputs):
        raise BrokenRuleError("an argument requires gradients afterwards")
    now = _flags(module)
    if now != flags:
        changed = sorted({name for name, flag in (now ^ flags)})
        raise BrokenRuleError(f"left behind in the model: {', '.join(changed)}")
    if _random_state() != state:
        raise BrokenRuleError("the global random state of torch, numpy or Python has moved")


def _flags(module: nn.Module) -> frozenset[tuple[str, object]]:
    modules = {
        (f"{name or 'the network'}: {what}", value)
        for name, each in module.named_modules()
        for what, value in {
            "training mode": each.training,
            "forward hooks": (*each._forward_hooks, *each._forward_pre_hooks),  # noqa: SLF001 - torch has no public way
            "backward hooks": (*each._backward_hooks, *each._backward_pre_hooks),  # noqa: SLF001
            "its class": type(each),
        }.items()
    }
    parameters = {
        (f"{name}: {what}", value)
        for name, each in module.named_parameters()
        for what, value in {"requires_grad": each.requires_grad, "grad": each.grad is None}.items()
    }
    return frozenset(modules | parameters)


def _random_state() -> tuple[object, ...]:
    legacy: Any = np.random.get_state()  # noqa: NPY002 - the shared generator is what must not move
    return torch.random.get_rng_state().numpy().tobytes(), legacy[1].tobytes(), legacy[2], random.getstate()
