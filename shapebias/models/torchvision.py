"""``torchvision:ARCHITECTURE``: any image classifier of torchvision, with the normalisation of its weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from shapebias.errors import SpellingError, UnknownNameError, WeightsError, suggestion
from shapebias.models.channels import channels
from shapebias.params import Options, param
from shapebias.paths import as_path

if TYPE_CHECKING:
    import torch
    from torch import nn

    from shapebias.classifier import Classifier

__all__ = ["Torchvision"]

# Where torchvision's networks keep their last grid; the first of these that a network has.
_LAST_LAYERS = ("layer4", "features", "trunk_output", "conv5", "layers", "inception5b", "Mixed_7c")


def _name_or_file(value: str | Path | None) -> str | Path | None:
    """Tell the name of torchvision's weights, in capitals, from a file."""
    return as_path(value) if isinstance(value, str) and not re.fullmatch("[A-Z0-9_]+", value) else value


@attrs.frozen
class Torchvision:
    """An image classifier of torchvision: ``resnet50``, ``squeezenet1_1``, ``vit_b_16``.

    Normalisation, input size and interpolation are those that torchvision states for the weights, or for its default
    weights where a file or nothing is loaded.  Classes are those that a checkpoint of ours names; torchvision's own
    weights with 1,000 outputs have the classes of ImageNet-1k in their usual order.  Where nothing names the classes of
    a weight file, their order is assumed, and the caption of the results says so.

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
    seed: int = param("of random weights", default=0, ge=0)
    mean: tuple[float, ...] = param(
        "of the pixels, one or three; empty is torchvision's", default=(), converter=channels
    )
    std: tuple[float, ...] = param(
        "of the pixels, one or three; empty is torchvision's", default=(), gt=0, converter=channels
    )
    input_size: int | None = param(
        "side that images are resized to; none is torchvision's", default=None, ge=1, unit="pixels"
    )
    arg: Options = param("option of the architecture, such as arg.num_classes=10", default=Options())

    def untrained(self) -> Torchvision:
        """Return the same architecture with random weights: what a checkpoint of ours names."""
        return attrs.evolve(self, weights=None)

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        import torch

        from shapebias.classifier import Classifier
        from shapebias.models.features import as_features
        from shapebias.weights import load_weights, seeded

        weights = self._weights()
        with seeded(self.seed):
            network = self._create(weights if isinstance(self.weights, str) else None)
        if isinstance(self.weights, Path):
            load_weights(network, self.weights)
        stated = weights.transforms()
        size = (self.input_size or stated.crop_size[0],) * 2
        return Classifier(
            network.eval().to(device).to(memory_format=torch.channels_last),
            mean=self.mean or tuple(stated.mean),
            std=self.std or tuple(stated.std),
            input_size=size,
            interpolation=stated.interpolation.value,
            classes=self._classes(),
            features=as_features(network, _last_layer(network), size, prefix_tokens=1),
        )

    def _classes(self) -> tuple[str, ...] | None:
        """Return the names of the outputs, as far as the weights say them."""
        from shapebias.checkpoints import stated_classes
        from shapebias.labels import imagenet_wnids

        if isinstance(self.weights, Path):
            return stated_classes(self.weights)
        return imagenet_wnids() if self.arg.get("num_classes", 1000) == len(imagenet_wnids()) else None

    def _weights(self) -> Any:
        """Find the weights that are asked for, or the default ones, which state the normalisation."""
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

    def _create(self, weights: Any) -> nn.Module:
        import torchvision.models

        # These two families warn about their initialisation unless told how.
        slow_start = self.architecture in ("googlenet", "inception_v3") and weights is None
        options = {"init_weights": False, **self.arg} if slow_start else {**self.arg}
        try:
            network: nn.Module = torchvision.models.get_model(self.architecture, weights=weights, **options)
        except (TypeError, ValueError) as error:
            raise SpellingError(f"torchvision:{self.architecture} refuses an option: {error}; leave it out") from error
        except OSError as error:  # no network, no room, no permission
            raise WeightsError(
                f"weights {weights} cannot be downloaded: {error}\n"
                "without a network, give weights=FILE, or weights=none for random weights"
            ) from error
        return network


def _last_layer(network: Any) -> nn.Module | None:
    """Return the layer with the last grid that every part of the answer depends on."""
    if hasattr(network, "encoder"):  # a vision transformer: patch tokens after the last attention have no gradient
        return network.encoder.layers[-1].ln_1  # type: ignore[no-any-return]
    if hasattr(network, "blocks"):  # MaxViT
        return network.blocks[-1]  # type: ignore[no-any-return]
    return next((getattr(network, name) for name in _LAST_LAYERS if hasattr(network, name)), None)
