"""Networks without their classifier: pixels in, features out."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor, nn

from shapebias.errors import WeightsError
from shapebias.networks.classifier import Classifier

__all__ = ["without_classifier"]

_IMAGES = 8


def without_classifier(classifier: Classifier) -> Classifier:
    """Remove the last linear layer of a classifier, so that it returns the features that this layer takes.

    Args:
        classifier: its network ends in a linear layer; the network is modified.

    Raises:
        WeightsError: the network does not end in a linear layer that takes one vector for each image.

    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10))
    >>> without_classifier(Classifier(network))(torch.rand(2, 3, 8, 8)).shape
    torch.Size([2, 3])
    """
    network = classifier.module
    found = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    name, layer = found[-1] if found else ("", None)
    side = classifier.input_size or (224, 224)
    # Several: a network may treat some images in another way than others.
    images = torch.rand(_IMAGES, 3, *side, generator=torch.Generator().manual_seed(0)).to(classifier.device)
    seen: list[Tensor] = []
    outputs: Tensor | None = None
    if layer is not None and name:
        hook = layer.register_forward_hook(lambda _layer, _inputs, output: seen.append(output))
        try:
            with torch.no_grad(), classifier.evaluating():
                outputs = classifier.logits(images)
        finally:
            hook.remove()
    if len(seen) != 1 or outputs is None or seen[0].ndim != 2 or not torch.equal(seen[0].float(), outputs.float()):
        raise WeightsError(
            f"{type(network).__name__} does not end in a linear layer, so its features cannot be separated from its "
            "classifier; a probe needs a network of timm, or one whose last layer is torch.nn.Linear"
        )
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, nn.Identity())
    return attrs.evolve(classifier, classes=None, descriptions={})
