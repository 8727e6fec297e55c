"""Classify images by the texts that describe the classes: a network of images, and one vector for each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from shapebias.networks.classifier import logits_of

__all__ = ["ZeroShot", "class_embeddings"]


class ZeroShot(nn.Module):
    """Score classes by the cosine of an image's embedding and that of the texts of the class.

    The scores are ``scale * cosine + bias``: the logits of CLIP, whose bias is 0, and those of SigLIP's sigmoid.

    Source: Radford et al. 2021, Learning transferable visual models from natural language supervision, section 3.1.2;
    Zhai et al. 2023, Sigmoid loss for language image pre-training, section 3.2.

    Args:
        image_encoder: normalised (N, 3, H, W) pixels in, (N, D) embeddings out; of a tuple the first tensor.
        embeddings: (C, D), one of length 1 for each class.
        scale: the factor of the cosine, already out of its logarithm.
        bias: added to each score.

    >>> network = ZeroShot(nn.Flatten(), torch.eye(3), scale=2.0)
    >>> network(torch.tensor([0.0, 3.0, 4.0]).view(1, 3, 1, 1))
    tensor([[0.0000, 1.2000, 1.6000]])
    """

    embeddings: Tensor

    def __init__(self, image_encoder: nn.Module, embeddings: Tensor, scale: float, bias: float = 0.0) -> None:
        super().__init__()
        self.image_encoder, self.scale, self.bias = image_encoder, scale, bias
        self.register_buffer("embeddings", embeddings)

    def get_extra_state(self) -> tuple[float, float]:
        """Return the scale and the bias, which belong to the state."""
        return self.scale, self.bias

    def set_extra_state(self, state: tuple[float, float]) -> None:
        """Take the scale and the bias."""
        self.scale, self.bias = state

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (N, C) scores."""
        images = logits_of(self.image_encoder(pixels))
        if images is None:
            raise TypeError(f"{type(self.image_encoder).__name__} returns no embeddings of images")
        return self.scale * functional.normalize(images, dim=-1) @ self.embeddings.T + self.bias


def class_embeddings(
    encode: Callable[[Sequence[str]], Tensor], texts: Sequence[Sequence[str]], batch_size: int = 256
) -> Tensor:
    """Return one vector for each class: the embeddings of its texts, normalised, averaged, and normalised again.

    Source: Radford et al. 2021, section 3.1.4.

    Args:
        encode: texts in, (N, D) embeddings out; in the network's own state, without gradients.
        texts: the texts of each class.
        batch_size: the most texts in one call.
    """
    flat = [text for of_class in texts for text in of_class]
    with torch.no_grad():
        batches = [encode(flat[start : start + batch_size]) for start in range(0, len(flat), batch_size)]
        embeddings = functional.normalize(torch.cat(batches).float(), dim=-1)
        means = [of_class.mean(dim=0) for of_class in embeddings.split([len(of_class) for of_class in texts])]
        return functional.normalize(torch.stack(means), dim=-1)
