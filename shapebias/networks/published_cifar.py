"""The networks for images of 32 pixels that RobustBench publishes: their architectures, and how their files name them.

=====================  ================================================================================================
name                   network
=====================  ================================================================================================
wrn-28-10              Zagoruyko & Komodakis 2016, Wide residual networks: depth 28, width 10
wrn-28-10-spare        the same with a second first stage that is not used, as in the code of Zhang et al. 2019 (TRADES)
dm-wrn-28-10           the same with SiLU, and padding as in JAX (Gowal et al. 2020, Uncovering the limits)
preact-18              He et al. 2016, Identity mappings; shortcuts of the input, nothing between last stage and mean
preact-18-norm         the same with shortcuts of the activated input, and normalisation after the last stage
dm-preact-18           the same with SiLU, padding as in JAX, and shortcuts of 3 x 3 (Rebuffi et al. 2021)
resnet-18, resnet-50   He et al. 2016, Deep residual learning, with a first convolution of 3 x 3 and stride 1
resnext-29-4x32        Xie et al. 2017, Aggregated residual transformations, section 4.2
=====================  ================================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from shapebias.networks.preact_resnet import PreActResNet

__all__ = ["StandardisedImages", "last_stage", "make_network", "own_key"]

_STAGES_OF_18 = ((2, 2, 2, 2), (64, 64, 128, 256, 512))
_PREACT = re.compile(r"(?P<dm>dm-)?(?:wrn-(?P<depth>\d+)-(?P<width>\d+)|preact-18)(?P<extra>-spare|-norm)?")


def make_network(architecture: str, classes: int) -> nn.Module:
    """Make a network with random weights.

    Args:
        architecture: a name of the table above; depth and width of ``wrn`` are free.
        classes: the number of outputs.

    Raises:
        ValueError: there is no such architecture.
    """
    if architecture in _RESNETS:
        return _resnet(architecture, classes)
    match = _PREACT.fullmatch(architecture)
    if match is None:
        raise ValueError(f"there is no architecture {architecture!r}")
    deepmind = match["dm"] is not None
    activation = functional.silu if deepmind else functional.relu
    if match["depth"]:
        blocks, width = (int(match["depth"]) - 4) // 6, int(match["width"])
        widths = (16, 16 * width, 32 * width, 64 * width)
        spare = match["extra"] == "-spare"
        return PreActResNet(
            (blocks,) * 3, widths, classes, activation, same_padding=deepmind, spare_stage=spare
        )  # fmt: skip
    normalised = match["extra"] == "-norm"
    return PreActResNet(
        *_STAGES_OF_18,
        classes,
        activation,
        final_norm=deepmind or normalised,
        same_padding=deepmind,
        shortcut=(3, False) if deepmind else (1, normalised),
    )


# Blocks, channels, groups and width of a group, in timm's words.
_RESNETS: Mapping[str, dict[str, Any]] = {
    "resnet-18": {"layers": (2, 2, 2, 2)},
    "resnet-50": {"layers": (3, 4, 6, 3)},
    "resnext-29-4x32": {"layers": (3, 3, 3), "channels": (64, 128, 256), "cardinality": 4, "base_width": 32},
}


def _resnet(architecture: str, classes: int) -> nn.Module:
    """Make timm's network with the first layers of a network for small images."""
    from timm.models.resnet import BasicBlock, Bottleneck, ResNet

    block: Any = BasicBlock if architecture == "resnet-18" else Bottleneck
    network: Any = ResNet(block, num_classes=classes, **_RESNETS[architecture])
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    if not hasattr(network, "layer4"):  # timm calls it
        network.layer4 = nn.Identity()
    made: nn.Module = network
    return made


def last_stage(network: Any) -> nn.Module:
    """Return the layer with the last grid of a network that :func:`make_network` made."""
    if isinstance(network, PreActResNet):
        return network.stages
    found: nn.Module = network.layer3 if isinstance(network.layer4, nn.Identity) else network.layer4
    return found


# What published files call the parts, and what they are called here.
_WIDE = (
    (r"^conv1\.", "stem."),
    (r"^sub_block1\.layer\.", "spare_stage."),
    (r"^block(\d)\.layer\.", r"stages.\1."),
    (r"\.bn([12])\.", r".norm\1."),
    (r"\.convShortcut\.", ".shortcut."),
    (r"^bn1\.", "norm."),
    (r"^fc\.", "classifier."),
)
_PREACT_18 = (
    (r"^conv1\.", "stem."),
    (r"^layer(\d)\.", r"stages.\1."),
    (r"\.bn([12])\.", r".norm\1."),
    (r"\.shortcut\.0\.", ".shortcut."),
    (r"^bn\.", "norm."),
    (r"^linear\.", "classifier."),
)
_DEEPMIND = (
    (r"^(init_conv|conv_2d)\.", "stem."),
    (r"\.conv_2d_1\.", ".conv_0."),
    (r"\.conv_2d_2\.", ".conv_1."),
    (r"\.conv_(?=\d)", ".conv"),
    (r"\.batchnorm_(?=\d)", ".norm"),
    (r"^layer\.(\d)\.block\.|^layer_(\d)\.", r"stages.\1\2."),
    (r"^batchnorm\.", "norm."),
    (r"^logits\.", "classifier."),
)
_RESNET = ((r"\.shortcut\.", ".downsample."), (r"^linear\.", "fc."))
_RESNEXT = (
    (r"^conv_1_3x3\.", "conv1."),
    (r"^bn_1\.", "bn1."),
    (r"^stage_(\d)\.", r"layer\1."),
    (r"\.conv_reduce\.", ".conv1."),
    (r"\.bn_reduce\.", ".bn1."),
    (r"\.conv_conv\.", ".conv2."),
    (r"\.bn\.", ".bn2."),
    (r"\.conv_expand\.", ".conv3."),
    (r"\.bn_expand\.", ".bn3."),
    (r"^classifier\.", "fc."),
)


def own_key(architecture: str, key: str) -> str:
    """Return what a key of a published file is called in the network of that architecture.

    >>> own_key("wrn-28-10", "block1.layer.0.convShortcut.weight")
    'stages.0.0.shortcut.weight'
    """
    for pattern, replacement in _layout(architecture):
        key = re.sub(pattern, replacement, key)
    if architecture.startswith("dm-"):  # their first layers have the number 0
        return re.sub(r"\.(conv|norm)(\d)\.", lambda match: f".{match[1]}{int(match[2]) + 1}.", key)
    if not architecture.startswith("res"):  # their first stage has the number 1
        return re.sub(r"^stages\.(\d)", lambda match: f"stages.{int(match[1]) - 1}", key)
    return key


def _layout(architecture: str) -> tuple[tuple[str, str], ...]:
    if architecture.startswith("dm-"):
        return _DEEPMIND
    layouts = {"wrn": _WIDE, "preact": _PREACT_18, "resnet": _RESNET, "resnext": _RESNEXT}
    return layouts[architecture.partition("-")[0]]


class StandardisedImages(nn.Module):
    """A network whose images are each brought to mean 0 and standard deviation 1.

    Source: Ding et al. 2020, MMA training; the deviation is at least one over the root of the number of values.

    Args:
        network: takes such images.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return the network's logits of (N, 3, H, W) pixels."""
        least = images[0].numel() ** -0.5
        deviation = images.std(dim=(1, 2, 3), keepdim=True).clamp(min=least)
        logits: Tensor = self.network((images - images.mean(dim=(1, 2, 3), keepdim=True)) / deviation)
        return logits
