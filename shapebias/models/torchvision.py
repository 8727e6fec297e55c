"""``torchvision:ARCHITECTURE``: any image classifier of torchvision, with the normalisation of its weights."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from shapebias.errors import SpellingError, UnknownNameError, WeightsError, suggestion
from shapebias.models.per_channel import per_channel
from shapebias.paths import as_path
from shapebias.spelling.params import Options, param

if TYPE_CHECKING:
    import torch
    from torch import nn

    from shapebias.networks.classifier import Classifier
    from shapebias.plugins.protocols import EvalCrop

__all__ = ["Torchvision"]

# Layers with the last grid of torchvision's networks; the first of these that a network has is used.
_LAST_LAYERS = ("layer4", "features", "trunk_output", "conv5", "layers", "inception5b", "Mixed_7c")

# Heads that are used only in training, in the two networks that have them.
_AUXILIARY_HEADS = {"googlenet": r"(^|\.)aux[12]\.", "inception_v3": r"(^|\.)AuxLogits\."}
# DenseNets were published with dots in the names of layers, norm.1, which PyTorch no longer allows.
_DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(?=[12]\.)")
_log = logging.getLogger(__name__)


def _name_or_file(value: str | Path | None) -> str | Path | None:
    """Distinguish the name of torchvision's weights, in capitals, from a file."""
    return as_path(value) if isinstance(value, str) and not re.fullmatch("[A-Z0-9_]+", value) else value


@attrs.frozen
class Torchvision:
    """An image classifier of torchvision: ``resnet50``, ``squeezenet1_1``, ``vit_b_16``.

    Normalisation, input size and interpolation are those that torchvision states for the weights, or for its default
    weights if a file or nothing is loaded.  Classes are those in a shapebias checkpoint; torchvision's own weights with
    1,000 outputs have the classes of ImageNet-1k in their usual order.  If nothing names the classes of a weight file,
    their order is assumed, and the caption of the results says so.

    Raises:
        UnknownNameError: torchvision has no such architecture or weights.
        SpellingError: the architecture refuses an option.
        WeightsError: weights cannot be downloaded or do not fit.

    Source: TorchVision maintainers 2016, TorchVision.

    >>> import torch
    >>> model = Torchvision("squeezenet1_1", weights=None).load(torch.device("cpu"))
    >>> model.input_size, len(model.classes), model.features.layout
    ((224, 224), 1000, 'NCHW')
    """

    architecture: str = param("name in torchvision.models")
    weights: str | Path | None = param(
        "weight file, or name of torchvision's weights (downloaded); none is random weights",
        default="DEFAULT",
        converter=_name_or_file,
    )
    prefix: str | None = param("prefix of the network's keys in the weight file; none finds it", default=None)
    seed: int = param("seed of random weights", default=0, ge=0, lt=2**63)
    mean: tuple[float, ...] = param(
        "mean of the pixels, one or three; empty is torchvision's", default=(), converter=per_channel
    )
    std: tuple[float, ...] = param(
        "standard deviation of the pixels, one or three; empty is torchvision's",
        default=(),
        gt=0,
        converter=per_channel,
    )
    input_size: int | None = param(
        "side that images are resized to; none is torchvision's", default=None, ge=1, unit="pixels"
    )
    arg: Options = param("option of the architecture, such as arg.num_classes=10", default=Options())

    @staticmethod
    def knows(architecture: str) -> bool:
        """Whether torchvision has a classifier of this name."""
        import torchvision.models

        return architecture in torchvision.models.list_models(module=torchvision.models)

    @property
    def eval_crop(self) -> EvalCrop | None:
        """How torchvision evaluates the weights, or its default weights where a file or nothing is loaded."""
        from shapebias.plugins.protocols import EvalCrop

        try:
            stated = self._weights().transforms()
        except UnknownNameError:
            return None  # loading says why
        side, short = self._side(stated), stated.resize_size[0]
        resize = short if side == stated.crop_size[0] else int(short * side / stated.crop_size[0])
        return EvalCrop(side, resize, stated.interpolation.value)

    def _side(self, stated: Any) -> int:
        """Return the side of the network's input."""
        side: Any = self.input_size or self.arg.get("image_size") or stated.crop_size[0]
        return int(side)

    def untrained(self) -> Torchvision:
        """Return the same architecture with random weights, as a shapebias checkpoint names it."""
        options = self.arg
        if self.architecture in _AUXILIARY_HEADS and self.weights is not None:
            by_name = isinstance(self.weights, str) and self.architecture == "inception_v3"
            options = Options({"transform_input": True, "aux_logits": by_name, **self.arg})
        return attrs.evolve(self, weights=None, prefix=None, arg=options)

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        import torch

        from shapebias.models.features import as_features
        from shapebias.networks.classifier import Classifier
        from shapebias.networks.weights import seeded_weights

        weights = self._weights()
        with seeded_weights(self.seed):
            network = self._create(weights)
        own = self._load_file(network, self.weights) if isinstance(self.weights, Path) else None
        mean, std = own or ((), ())
        stated = weights.transforms()
        size = (self._side(stated), self._side(stated))
        return Classifier(
            network.eval().to(device).to(memory_format=torch.channels_last),
            mean=self.mean or mean or tuple(stated.mean),
            std=self.std or std or tuple(stated.std),
            input_size=size,
            interpolation=stated.interpolation.value,
            classes=self._classes(),
            features=as_features(network, _last_layer(network), size, prefix_tokens=1),
        )

    def _classes(self) -> tuple[str, ...] | None:
        """Return the names of the outputs, if the weights state them."""
        from shapebias.networks.checkpoints import stated_classes
        from shapebias.networks.labels import imagenet_wnids

        if isinstance(self.weights, Path):
            return stated_classes(self.weights)
        return imagenet_wnids() if self.arg.get("num_classes", 1000) == len(imagenet_wnids()) else None

    def _weights(self) -> Any:
        """Return the named weights, or the default weights, which state the normalisation."""
        import torchvision.models

        known = torchvision.models.list_models(module=torchvision.models)
        if self.architecture not in known:
            near = suggestion(self.architecture, known)
            raise UnknownNameError(f"torchvision.models has no image classifier {self.architecture!r}{near}")
        weights = torchvision.models.get_model_weights(self.architecture)
        name = self.weights if isinstance(self.weights, str) else "DEFAULT"
        if name not in weights.__members__:
            raise UnknownNameError(
                f"torchvision:{self.architecture} has no weights {name!r}; it has {', '.join(weights.__members__)}, "
                "or give a file, or none for random weights"
            )
        return weights[name]

    def _create(self, stated: Any) -> nn.Module:
        """Make the network, with the named weights or for the image size of the default weights."""
        import torchvision.models

        weights = stated if isinstance(self.weights, str) else None
        options = {**self.arg}
        if self.architecture.startswith("vit_") and weights is None:
            options = {"image_size": stated.meta["min_size"][0], **options}
        if self.architecture in _AUXILIARY_HEADS and weights is None:
            options = {"init_weights": False, **options}  # without this they warn about their initialisation
            if self.weights is not None:
                options = {"transform_input": True, "aux_logits": False, **options}
        try:
            network: nn.Module = torchvision.models.get_model(self.architecture, weights=weights, **options)
        except (TypeError, ValueError) as error:
            raise SpellingError(f"torchvision:{self.architecture} refuses an option: {error}; leave it out") from error
        except OSError as error:  # offline, disk full, no permission
            raise WeightsError(
                f"weights {weights} cannot be downloaded: {error}\n"
                "offline, give weights=FILE, or weights=none for random weights"
            ) from error
        return network

    def _load_file(self, network: nn.Module, path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Load a file of torchvision, or of training its network; return the normalisation in it."""
        from shapebias.networks.stated_normalisation import stated_normalisation
        from shapebias.networks.weight_files import read_state_dict
        from shapebias.networks.weights import put_weights, rename_keys, with_prefix

        weights = read_state_dict(path, prefix=self.prefix)
        normalisation = None if self.mean and self.std else stated_normalisation(weights)
        if self.prefix is not None:
            weights = with_prefix(weights, self.prefix, path)
        heads = _AUXILIARY_HEADS.get(self.architecture)
        if heads is not None:
            if "transform_input" not in self.arg:
                _log.warning(
                    "%s: read as torchvision's weights of %s, with their second normalisation (transform_input); "
                    "give arg.transform_input=false if it was trained without",
                    path,
                    self.architecture,
                )
            if not self.arg.get("aux_logits", False):
                for key in [key for key in weights if re.search(heads, key)]:
                    del weights[key]
        put_weights(network, rename_keys(weights, lambda key: _DENSE_LAYER.sub(r"\1", key)), path)
        return normalisation


def _last_layer(network: Any) -> nn.Module | None:
    """Return the layer with the last grid that every part of the answer depends on."""
    if hasattr(network, "encoder"):  # a vision transformer: patch tokens after the last attention have no gradient
        return network.encoder.layers[-1].ln_1  # type: ignore[no-any-return]
    if hasattr(network, "blocks"):  # MaxViT
        return network.blocks[-1]  # type: ignore[no-any-return]
    return next((getattr(network, name) for name in _LAST_LAYERS if hasattr(network, name)), None)
