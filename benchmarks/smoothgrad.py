"""How much time does SmoothGrad take?  Ours against the bare passes, Captum's NoiseTunnel, and one image at a time.

MobileNetV2 at 224 pixels.  *bare passes* are forward and backward passes of noisy copies that are made beforehand, in
the chunks that ``smoothgrad`` takes by default on this device; *one at a time* has chunks of one copy.  Checked first:
the bare passes of the same chunks have the same map to the bit; in float64 (in float32 another order of the same sums
moves units across the kinks of their ReLUs), those of other chunks, and Captum without noise, since it draws its own,
have the same map to 1e-6 of its norm.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import captum.attr
import torch
from side_by_side import (
    MOBILENET,
    PHOTOS,
    arguments,
    as_batch,
    check_close,
    in_float64,
    load_model,
    load_samples,
    numbers,
    show,
    take_turns,
)
from torch import Tensor
from torch.nn import functional

from shapebias.engine.batch_size import usual_chunk
from shapebias.plugin import Classifier
from shapebias.saliency.smoothgrad import SmoothGrad


def passes(network: Classifier, copies: Tensor, labels: Tensor, chunk: int) -> Tensor:
    """Sum the gradients of copies (N, K, 3, H, W), a chunk of one image's copies after another."""
    total = torch.zeros_like(copies[:, 0])
    for row, image in enumerate(copies):
        for some in image.split(chunk):
            pixels = some.requires_grad_()
            loss = functional.cross_entropy(network(pixels), labels[row].expand(len(some)), reduction="sum")
            total[row] += torch.autograd.grad(loss, pixels)[0].sum(dim=0)
    return total.sum(dim=1) / copies.shape[1]


def of_captum(network: Classifier, images: Tensor, labels: Tensor, samples: int, spread: float) -> Tensor:
    """Return Captum's SmoothGrad of the cross-entropy, signed, with as many copies in a pass."""

    def loss(pixels: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(network(pixels), targets, reduction="none")

    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(loss))
    options = {"nt_samples": samples, "nt_samples_batch_size": max(network.chunk // len(images), 1), "stdevs": spread}
    maps: Tensor = tunnel.attribute(images, additional_forward_args=labels, abs=False, **options)
    return maps.detach().sum(dim=1)


def main() -> None:
    """Check that the maps are equal, then time them."""
    options = arguments(__doc__, images=16, samples=50, rounds=3)
    network = load_model(MOBILENET, options.device)
    images, labels, ids = as_batch(load_samples(PHOTOS, options.images), options.device)
    rng = numbers("smoothgrad", ids, options.device)
    network = attrs.evolve(network, chunk=usual_chunk(images[0, 0].numel(), options.device))
    method = SmoothGrad(samples=options.samples, reduce="signed-sum")
    noise = method.spread * rng.normal("noise", range(options.samples), images.shape[1:])
    noisy = images[:, None] + noise
    calls: dict[str, Callable[[], Tensor]] = {
        "shapebias smoothgrad": lambda: method(network, images, labels, rng),
        f"bare passes, chunks of {network.chunk}": lambda: passes(network, noisy, labels, network.chunk),
        "bare passes, chunks of 16": lambda: passes(network, noisy, labels, 16),
        "bare passes, one at a time": lambda: passes(network, noisy, labels, 1),
        "Captum NoiseTunnel": lambda: of_captum(network, images, labels, options.samples, method.spread),
    }
    with network.evaluating():
        ours, same = (calls[name]() for name in [*calls][:2])
        assert torch.equal(ours, same), "the same passes give another map"
        with in_float64(network):
            exact = images.double()
            ours = method(network, exact, labels, rng)
            for chunk in (16, 1):
                check_close(ours, passes(network, exact[:, None] + noise, labels, chunk), 1e-6)
            plain = attrs.evolve(method, samples=1, spread=0)(network, exact, labels, rng)
            check_close(plain, of_captum(network, exact, labels, 1, 0.0), 1e-6)
        show(f"{len(images)} images, {options.samples} samples", take_turns(calls, options.rounds, options.device))


if __name__ == "__main__":
    main()
