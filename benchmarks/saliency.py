"""What does SmoothGrad cost?  Ours against the bare passes that it needs, and against Captum's NoiseTunnel.

    python benchmarks/saliency.py [--images 2] [--samples 16] [--rounds 5] [--device cpu]

MobileNetV2 at 224 pixels.  *passes* is the lower bound: only forward and backward passes, in chunks of the same size,
of noisy copies that are made beforehand.  First the script checks that all three give the same maps: ours and the
passes with the same noise, ours and Captum without noise, because Captum draws its own.  Then it times them in turn,
and prints the medians and the ratios of each round.  On a CPU the seconds are CPU seconds of the process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import captum.attr
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.plugin import Classifier, ImageRandom, default_catalog
from shapebias.saliency.smoothgrad import SmoothGrad

DATA = Path(os.environ.get("SHAPEBIAS_TEST_DATA", "../shared/data"))


def load(device: torch.device, images: int) -> tuple[Classifier, Tensor, Tensor, ImageRandom]:
    """Return MobileNetV2, photographs, their classes and random numbers."""
    weights = DATA / "weights/imagenet/mobilenetv2_100.safetensors"
    text = f'timm:mobilenetv2_100,checkpoint="{weights}",mean=0.5,std=0.5,arg.pad_type=same'
    network = default_catalog().component("model", text).settings.load(device)
    text = f'folder:"{DATA}/photos-imagenet",labels=labels.csv,label_column=imagenet_index,label_space=imagenet-1k'
    dataset = default_catalog().component("dataset", f"{text},size=224,crop=0.875").settings
    samples = [dataset[index] for index in range(images)]
    pixels = torch.stack([torch.from_numpy(sample.image) for sample in samples]).permute(0, 3, 1, 2) / 255
    labels = torch.tensor([sample.label for sample in samples], device=device)
    rng = ImageRandom.for_images(0, "smoothgrad", 0, [sample.id for sample in samples], device)
    return network, pixels.to(device), labels, rng


def passes(network: Classifier, copies: Tensor, labels: Tensor) -> Tensor:
    """Sum the gradients of copies (N, K, 3, H, W), a chunk of one image's copies after another."""
    total = torch.zeros_like(copies[:, 0])
    for row, image in enumerate(copies):
        for chunk in image.split(network.chunk):
            pixels = chunk.requires_grad_()
            loss = functional.cross_entropy(network(pixels), labels[row].expand(len(chunk)), reduction="sum")
            total[row] += torch.autograd.grad(loss, pixels)[0].sum(dim=0)
    return total


def of_captum(network: Classifier, images: Tensor, labels: Tensor, samples: int, spread: float) -> Tensor:
    """Return Captum's SmoothGrad of the cross-entropy, signed, with as many copies in a pass."""

    def loss(pixels: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(network(pixels), targets, reduction="none")

    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(loss))
    options = {"nt_samples": samples, "nt_samples_batch_size": max(network.chunk // len(images), 1), "stdevs": spread}
    maps: Tensor = tunnel.attribute(images, additional_forward_args=labels, abs=False, **options)
    return maps.detach()


def main() -> None:
    """Check that the maps are equal, time all three in turn, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    network, images, labels, rng = load(device, options.images)
    network = attrs.evolve(network, chunk=min(16, options.samples))
    method = SmoothGrad(samples=options.samples, reduce="signed-sum")
    noisy = images[:, None] + method.spread * rng.normal("noise", range(options.samples), images.shape[1:])
    calls: dict[str, Callable[[], Tensor]] = {
        "shapebias": lambda: method(network, images, labels, rng),
        "passes": lambda: passes(network, noisy, labels).sum(dim=1) / options.samples,
        "captum": lambda: of_captum(network, images, labels, options.samples, method.spread).sum(dim=1),
    }
    with network.evaluating():
        ours, floor = calls["shapebias"](), calls["passes"]()
        torch.testing.assert_close(ours, floor, rtol=1e-3, atol=1e-4 * float(floor.abs().max()))
        plain = attrs.evolve(method, samples=1, spread=0)(network, images, labels, rng)
        theirs = of_captum(network, images, labels, 1, 0.0).sum(dim=1)
        torch.testing.assert_close(plain, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))
        clock = time.process_time if device.type == "cpu" else time.perf_counter
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(options.rounds):
            for name, call in calls.items():
                began = clock()
                call().sum().item()
                seconds[name].append(clock() - began)
    for name, values in seconds.items():
        ratios = [value / floor for value, floor in zip(values, seconds["passes"], strict=True)]
        rounds = [round(ratio, 2) for ratio in ratios]
        print(
            f"{name:9}  {statistics.median(values):6.2f} s  {statistics.median(ratios):5.2f} times the passes  {rounds}"
        )


if __name__ == "__main__":
    main()
