"""``silhouette``: the object's outline, filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from shapebias.spelling.params import param

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.rng import ImageRandom

__all__ = ["Silhouette"]


@attrs.frozen
class Silhouette:
    """Fill the object with black on a white background: the outline stays, everything else goes.

    It needs a data set that has masks of the objects.

    Source: Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 2; before, Baker et al. 2018,
    Deep convolutional networks do not classify based on global object shape, experiment 3.

    >>> import torch
    >>> mask = torch.tensor([[[True, False]]])
    >>> Silhouette()(torch.rand(1, 3, 1, 2), None, mask=mask)[0, :, 0]
    tensor([[0., 1.],
            [0., 1.],
            [0., 1.]])
    """

    fill: Literal["black", "white"] = param("colour of the object; the background has the other", default="black")

    def __call__(self, images: Tensor, rng: ImageRandom, *, mask: Tensor) -> Tensor:
        """Draw (N, 3, H, W) silhouettes of (N, H, W) bool masks."""
        white = mask if self.fill == "white" else ~mask
        return white[:, None].to(images.dtype).expand_as(images).contiguous()
