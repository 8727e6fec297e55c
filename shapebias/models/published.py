"""``robust:``, ``sin:`` and ``bagnet:``: published networks that rely on shape, or on patches, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs

from shapebias.errors import UnknownNameError, suggestion
from shapebias.models.published_file import PublishedFile
from shapebias.models.robustbench import is_listed
from shapebias.spelling.params import param

if TYPE_CHECKING:
    import torch
    from torch import nn

    from shapebias.networks.classifier import Classifier
    from shapebias.plugins.protocols import EvalCrop

__all__ = ["BagNetModel", "Robust", "Stylized"]

_ROBUST = "https://huggingface.co/madrylab/robust-imagenet-models/resolve/main"
_L2 = ("0", "0.01", "0.03", "0.05", "0.1", "0.25", "0.5", "1", "3", "5")
_LINF = ("0.5", "1.0", "2.0", "4.0", "8.0")
_WIDTHS = ("resnet18", "resnet50", "wide_resnet50_2")
_NORMS = [*(f"l2_eps{eps}" for eps in _L2), *(f"linf_eps{eps}" for eps in _LINF)]
_NAMES = tuple(f"{network}_{norm}" for network in _WIDTHS for norm in _NORMS)
_TEXTURE_VS_SHAPE = "https://bitbucket.org/robert_geirhos/texture-vs-shape-pretrained-models/raw"
# The last eight digits of each file name begin the SHA-256 of its content.
_SIN = {
    "resnet50": ("resnet50", "6f41d2e86fc60566f78de64ecff35cc61eb6436f/resnet50_train_60_epochs-c8e5653e.pth.tar"),
    "resnet50_sin_and_in": (
        "resnet50",
        "60b770e128fffcbd8562a3ab3546c1a735432d03/resnet50_train_45_epochs_combined_IN_SF-2a0d100e.pth.tar",
    ),
    "resnet50_sin_and_in_then_in": (
        "resnet50",
        (
            "60b770e128fffcbd8562a3ab3546c1a735432d03/resnet50_finetune_60_epochs_lr_decay_after_30_start_"
            "resnet50_train_45_epochs_combined_IN_SF-ca06340c.pth.tar"
        ),
    ),
    "alexnet": ("alexnet", "0008049cd10f74a944c6d5e90d4639927f8620ae/alexnet_train_60_epochs_lr0.001-b4aa5238.pth.tar"),
}
_BAGNETS = (
    "https://bitbucket.org/wielandbrendel/bag-of-feature-pretrained-models/raw/249e8fa82c0913623a807d9d35eeab9da7dcc2a8"
)
_BAGNET = {9: "bagnet8-34f4ccd2.pth.tar", 17: "bagnet16-105524de.pth.tar", 33: "bagnet32-2ddd53ed.pth.tar"}


def _robust_name(value: object) -> object:
    """Check a name; ``linf_eps4`` is the published ``linf_eps4.0``."""
    name = re.sub(r"(_linf_eps\d+)$", r"\1.0", value) if isinstance(value, str) else value
    if name not in _NAMES:
        elsewhere = f"; write robustbench:{value} for RobustBench's network of that name" if is_listed(value) else ""
        raise UnknownNameError(
            f"no robust network {value!r} is published{elsewhere or suggestion(str(value), _NAMES)}; there are "
            f"{', '.join(_WIDTHS)} with l2_eps{', '.join(_L2)} and linf_eps{', '.join(_LINF)}"
        )
    return name


@attrs.frozen
class Robust:
    """An adversarially trained network for ImageNet: ``resnet50_l2_eps3``, ``resnet18_linf_eps4.0``.

    The eps of l2 is for pixels in [0, 1] in 224 x 224 images, the eps of linf is in 255ths.  Mean and std are those in
    the file.  RobustBench has the linf networks of 4/255, too: ``robustbench:Salman2020Do_R50``.

    Raises:
        UnknownNameError: there is no such network.
        DataError: the file cannot be downloaded.
        WeightsError: the file cannot be read safely, or does not fit.

    Source: Salman et al. 2020, Do adversarially robust ImageNet models transfer better?
    """

    name: str = param("published name", converter=_robust_name)
    file: Path | None = param("the file, where it is here already; none downloads it", default=None)

    @staticmethod
    def knows(name: str) -> bool:
        """Whether a network of this name is published."""
        return name in _NAMES

    @property
    def published(self) -> PublishedFile:
        """The file of that name."""
        return PublishedFile(f"{_ROBUST}/{self.name}.ckpt", "MIT")

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the file."""
        return self.published.sha256(self.file)

    @property
    def eval_crop(self) -> EvalCrop:
        """The usual one, as its authors evaluate."""
        return _usual_crop()

    @staticmethod
    def published_names() -> dict[str, tuple[str, ...]]:
        """List the published names."""
        return {"names": _NAMES}

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        import torchvision.models

        architecture = self.name.rsplit("_", 2)[0]
        return _load(
            lambda: torchvision.models.get_model(architecture, weights=None), self.published.path(self.file), device
        )


@attrs.frozen
class Stylized:
    """A network trained on Stylized-ImageNet, in which texture is independent of the class.

    ``resnet50`` and ``alexnet`` were trained only on it, ``resnet50_sin_and_in`` on it and ImageNet, and
    ``resnet50_sin_and_in_then_in`` was fine-tuned on ImageNet after that.

    Raises:
        DataError: the file cannot be downloaded, or has another checksum than its name says.
        WeightsError: the file cannot be read safely, or does not fit.

    Source: Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, table 2.
    """

    name: Literal["resnet50", "resnet50_sin_and_in", "resnet50_sin_and_in_then_in", "alexnet"] = param(
        "the network and its training data"
    )
    file: Path | None = param("the file, where it is here already; none downloads it", default=None)

    @property
    def published(self) -> PublishedFile:
        """The file of that name."""
        return PublishedFile(f"{_TEXTURE_VS_SHAPE}/{_SIN[self.name][1]}", "none stated for the weights")

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the file."""
        return self.published.sha256(self.file)

    @property
    def eval_crop(self) -> EvalCrop:
        """The usual one, as its authors evaluate."""
        return _usual_crop()

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        import torchvision.models

        return _load(
            lambda: torchvision.models.get_model(_SIN[self.name][0], weights=None),
            self.published.path(self.file),
            device,
        )


@attrs.frozen
class BagNetModel:
    """A BagNet for ImageNet: its logits are the mean of its logits for all patches of 9, 17 or 33 pixels.

    Raises:
        DataError: the file cannot be downloaded, or has another checksum than its name says.
        WeightsError: the file cannot be read safely, or does not fit.

    Source: Brendel & Bethge 2019, Approximating CNNs with bag-of-local-features models works surprisingly well on
    ImageNet.
    """

    patch: Literal[9, 17, 33] = param("side of the patches", unit="pixels")
    file: Path | None = param("the file, where it is here already; none downloads it", default=None)

    @property
    def published(self) -> PublishedFile:
        """The file of that name."""
        return PublishedFile(f"{_BAGNETS}/{_BAGNET[self.patch]}", "MIT")

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the file."""
        return self.published.sha256(self.file)

    @property
    def eval_crop(self) -> EvalCrop:
        """The usual one, as its authors evaluate."""
        return _usual_crop()

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        from shapebias.networks.bagnet import BagNet

        return _load(lambda: BagNet(self.patch), self.published.path(self.file), device)


def _usual_crop() -> EvalCrop:
    from shapebias.plugins.protocols import EvalCrop

    return EvalCrop(224, 256)


def _load(make: Callable[[], nn.Module], path: Path, device: torch.device) -> Classifier:
    """Make a network for ImageNet and read a file into it, with the normalisation that the file states."""
    import torch

    from shapebias.networks.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier
    from shapebias.networks.features import Features
    from shapebias.networks.labels import imagenet_wnids
    from shapebias.networks.stated_normalisation import stated_normalisation
    from shapebias.networks.weight_files import read_state_dict
    from shapebias.networks.weights import put_weights, seeded_weights

    weights = read_state_dict(path)
    with seeded_weights(0):
        network: Any = make()
    put_weights(network, weights, path)
    mean, std = stated_normalisation(weights) or (IMAGENET_MEAN, IMAGENET_STD)
    return Classifier(
        network.eval().to(device).to(memory_format=torch.channels_last),
        mean=mean,
        std=std,
        input_size=(224, 224),
        classes=imagenet_wnids(),
        features=Features(network.layer4 if hasattr(network, "layer4") else network.features),
    )
