"""Classify images by texts that describe the classes: an image encoder, and one vector for each class."""

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
        image_encoder: takes normalised (N, 3, H, W) pixels, returns (N, D) embeddings; of a tuple, the first tensor.
        embeddings: (C, D), a unit vector for each class.
        scale: the factor of the cosine, not its logarithm.
        bias: added to each score; 0 by default.

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
        """Restore the scale and the bias."""
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
    """Return one unit vector for each class, (C, D): the mean of the normalised embeddings of its texts, normalised.

    Source: Radford et al. 2021, section 3.1.4.

    Args:
        encode: takes N texts, returns (N, D) embeddings; it is called without gradients.
        texts: the texts of each class.
        batch_size: the most texts in one call.

    >>> vectors = {"a cat": [2.0, 0.0], "a dog": [0.0, 3.0]}
    >>> class_embeddings(lambda texts: torch.tensor([vectors[text] for text in texts]), [["a cat"], ["a dog"]])
    tensor([[1., 0.],
            [0., 1.]])
    """
    flat = [text for of_class in texts for text in of_class]
    with torch.no_grad():
        batches = [encode(flat[start : start + batch_size]) for start in range(0, len(flat), batch_size)]
        embeddings = functional.normalize(torch.cat(batches).float(), dim=-1)
        means = [of_class.mean(dim=0) for of_class in embeddings.split([len(of_class) for of_class in texts])]
        return functional.normalize(torch.stack(means), dim=-1)
