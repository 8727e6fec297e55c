"""``robustbench:NAME``: the networks of the RobustBench leaderboards, by their names there."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs

from shapebias.errors import UnknownNameError, listed, suggestion
from shapebias.models.published_file import PublishedFile
from shapebias.plugins.protocols import EvalCrop
from shapebias.spelling.params import param

if TYPE_CHECKING:
    import torch
    from torch import nn

    from shapebias.networks.classifier import Classifier

__all__ = ["RobustBench", "is_listed"]

_GOOGLE_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
_CLASSES = {"cifar10": 10, "cifar100": 100}
_EVALUATION = re.compile(r"(?P<bicubic>Bicubic)?Res(?P<resize>\d+)(?:Crop(?P<size>\d+))?")
_WRAPPERS = re.compile(r"^(?:(?:module|model)\.)+")
_BESIDE = "model_preact_hl1."  # a layer of the training of Augustin et al. that RobustBench leaves out


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split())


@attrs.frozen
class _Entry:
    """One row of ``resources/robustbench.csv``.

    Args:
        architecture: ``timm:...``, ``torchvision:...``, or one of :mod:`shapebias.networks.published_cifar`.
        mean, std: of the pixels; empty is none, and the mean ``per-image`` that of each image.
        evaluation: how RobustBench resizes and cuts ImageNet's photographs, in its words.
        stated: a mean and deviation in the file take precedence, as they do in RobustBench.
        entry: which of several networks in the file is meant.
        file: an address, or the name of a file on Google Drive.
    """

    dataset: str
    threat_model: str
    name: str
    architecture: str
    mean: str
    std: str
    evaluation: str
    stated: str
    entry: str
    file: str
    licence: str

    @property
    def published(self) -> PublishedFile:
        """The file, which is kept under a name that says what it is."""
        if self.file.startswith("https:"):
            return PublishedFile(self.file, self.licence)
        return PublishedFile(
            _GOOGLE_DRIVE + self.file, self.licence, f"{self.name}_{self.dataset}_{self.threat_model}.pt"
        )

    @property
    def crop(self) -> EvalCrop | None:
        """How photographs are resized and cut; None without a resizing, and for small images."""
        match = _EVALUATION.fullmatch(self.evaluation)
        if match is None:
            return None
        resize, size = int(match["resize"]), int(match["size"] or match["resize"])
        interpolation = "bicubic" if match["bicubic"] else "bilinear"
        return EvalCrop(size, resize, interpolation, squash=self.evaluation == "Res224")

    @property
    def side(self) -> int:
        """The side of the network's images."""
        if self.dataset in _CLASSES:
            return 32
        return self.crop.size if self.crop else int(self.evaluation.removeprefix("Crop"))

    @property
    def pixels(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation that are subtracted and divided by."""
        return (_numbers(self.mean), _numbers(self.std)) if self.std else ((0.0,) * 3, (1.0,) * 3)


@cache
def _entries() -> tuple[_Entry, ...]:
    text = files("shapebias").joinpath("resources/robustbench.csv").read_text(encoding="utf-8")
    return tuple(_Entry(**row) for row in csv.DictReader(text.splitlines()))


def is_listed(name: object) -> bool:
    """Tell whether a network of RobustBench has this name."""
    return any(each.name == name for each in _entries())


def _checked_name(name: object) -> object:
    if is_listed(name):
        return name
    near = suggestion(str(name), sorted({each.name for each in _entries()}))
    boards = [f"{board}: {', '.join(names)}" for board, names in RobustBench.published_names().items()]
    there_are = "'shapebias show robustbench' lists those that can" if near else listed("these can:", boards)
    raise UnknownNameError(f"RobustBench's network {name!r} cannot be made here{near}\n{there_are}")


@attrs.frozen
class RobustBench:
    """A network of the RobustBench leaderboards for CIFAR-10, CIFAR-100 and ImageNet, by its name there.

    Where several leaderboards have networks of one name, say which is meant: ``dataset=cifar10,threat_model=L2``.
    Images are resized to the size that the network was tested with.  ``shapebias show model robustbench:NAME`` has
    address, architecture and licence of a network.  Ensembles, and networks with layers of their own, are left out.

    Raises:
        UnknownNameError: there is no such network here, or it is not clear which is meant.
        DataError: the file cannot be downloaded.
        WeightsError: the file cannot be read safely, or does not fit.

    Source: Croce et al. 2021, RobustBench: a standardized adversarial robustness benchmark; names, files and
    normalisation are those of its version 1.1.1.
    """

    name: str = param("name in RobustBench", converter=_checked_name)
    dataset: Literal["cifar10", "cifar100", "imagenet"] | None = param(
        "what it was trained on; none where this is clear", default=None
    )
    threat_model: Literal["Linf", "L2", "corruptions"] | None = param(
        "its leaderboard; none where this is clear", default=None
    )
    file: Path | None = param("the file, where it is here already; none downloads it", default=None)

    def __attrs_post_init__(self) -> None:
        found = [
            each for each in _entries()
            if each.name == self.name
            and self.dataset in (None, each.dataset)
            and self.threat_model in (None, each.threat_model)
        ]  # fmt: skip
        if len({(each.dataset, each.file) for each in found}) != 1:
            boards = [each for each in _entries() if each.name == self.name]
            choices = " or ".join(f"dataset={each.dataset},threat_model={each.threat_model}" for each in boards)
            raise UnknownNameError(f"RobustBench has {self.name} for several leaderboards; give {choices}" if found else
                                   f"RobustBench has {self.name} only for {choices}")  # fmt: skip
        object.__setattr__(self, "dataset", found[0].dataset)
        object.__setattr__(self, "threat_model", found[0].threat_model)

    @staticmethod
    def published_names() -> dict[str, tuple[str, ...]]:
        """List the names, by data set and threat model."""
        found = defaultdict(list)
        for each in _entries():
            found[f"{each.dataset} {each.threat_model}"].append(each.name)
        return {board: tuple(sorted(names)) for board, names in found.items()}

    @property
    def _entry(self) -> _Entry:
        wanted = (self.name, self.dataset, self.threat_model)
        return next(each for each in _entries() if (each.name, each.dataset, each.threat_model) == wanted)

    @property
    def published(self) -> PublishedFile:
        """The file of that name."""
        return self._entry.published

    @property
    def eval_crop(self) -> EvalCrop | None:
        """How RobustBench resizes and cuts ImageNet's photographs; None where it only cuts."""
        return self._entry.crop

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the file."""
        return self.published.sha256(self.file)

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        path = self.published.path(self.file)
        if ":" in self._entry.architecture:
            return _from_a_library(self._entry, path, device)
        return _for_small_images(self._entry, path, device)


def _from_a_library(entry: _Entry, path: Path, device: torch.device) -> Classifier:
    """Make a network of timm or torchvision."""
    from shapebias.networks.labels import imagenet_wnids

    library, _, text = entry.architecture.partition(":")
    mean, std = entry.pixels
    settings: Any = _settings("torchvision" if library == "torchvision" else "timm", text)
    settings = attrs.evolve(settings, mean=mean, std=std, input_size=entry.side)
    if library == "torchvision":
        model: Classifier = attrs.evolve(settings, weights=path).load(device)
    else:
        model = attrs.evolve(settings, checkpoint=path, num_classes=_CLASSES.get(entry.dataset, 1000)).load(device)
    if library == "xcit-4":  # made for patches of 16 pixels, and trained with patches of 4
        embedding: Any = model.module.get_submodule("patch_embed.proj")
        embedding[0][0].stride = embedding[2][0].stride = (1, 1)
    classes = _cifar_classes(entry.dataset) if entry.dataset in _CLASSES else imagenet_wnids()
    return attrs.evolve(model, classes=classes)


def _settings(name: str, text: str) -> Any:
    from shapebias.plugins.catalog import default_catalog

    return default_catalog().component("model", f"shapebias/{name}:{text}").settings


def _for_small_images(entry: _Entry, path: Path, device: torch.device) -> Classifier:
    """Make one of the networks for images of 32 pixels."""
    import torch

    from shapebias.networks.classifier import Classifier
    from shapebias.networks.features import Features
    from shapebias.networks.published_cifar import StandardisedImages, last_stage, make_network, own_key
    from shapebias.networks.stated_normalisation import stated_normalisation
    from shapebias.networks.weight_files import read_state_dict
    from shapebias.networks.weights import put_weights, rename_keys, seeded_weights

    weights = rename_keys(read_state_dict(path, entry.entry or None), lambda key: _WRAPPERS.sub("", key))
    mean, std = (stated_normalisation(weights) if entry.stated else None) or entry.pixels
    with seeded_weights(0):
        network: nn.Module = make_network(entry.architecture, _CLASSES[entry.dataset])
    own = {key: value for key, value in weights.items() if not key.startswith(_BESIDE)}
    put_weights(network, _renamed(own, entry.architecture, own_key), path)
    layer = last_stage(network)
    module = StandardisedImages(network) if entry.mean == "per-image" else network
    return Classifier(
        module.eval().to(device).to(memory_format=torch.channels_last),
        mean=mean,
        std=std,
        input_size=(32, 32),
        classes=_cifar_classes(entry.dataset),
        features=Features(layer),
    )


def _renamed(weights: Mapping[str, Any], architecture: str, own_key: Any) -> Mapping[str, Any]:
    from shapebias.networks.weights import rename_keys

    return rename_keys(weights, lambda key: own_key(architecture, key))


def _cifar_classes(dataset: str) -> tuple[str, ...]:
    text = files("shapebias").joinpath(f"resources/{dataset}.txt").read_text(encoding="utf-8")
    return tuple(text.split())
