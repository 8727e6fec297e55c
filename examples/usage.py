"""The Python API: a study, its numbers and maps, and a network in memory.

    python examples/usage.py

It takes a few seconds and leaves no files.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import shapebias as sb
from shapebias import plugin


def follow(progress: sb.Progress) -> None:
    """Show the progress of the run."""
    print(f"\r{progress.done}/{progress.total} {progress.cell:60}", end="", flush=True)


def make_network() -> nn.Module:
    """Make a network in place of a trained one: eight classes, inputs normalised by mean 0.5 and std 0.25."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 8)
    )


def main() -> None:
    """Run a study, read its results, open it again."""
    network = sb.Classifier(make_network(), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    study = sb.Study(
        datasets={"conflict": "stimuli:cue=conflict,images=56,size=32", "match": "stimuli:images=56,size=32"},
        models={"mine": network, "small": "cnn:num_classes=8"},
        conditions=["clean", "saturate:p=8", "patch-shuffle:k=4+pgd:eps=2/255,4/255,steps=3"],
        saliency="smoothgrad:samples=5",
        saliency_limit=8,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        with sb.run(study, path, device="cpu", progress=follow) as results:
            print()
            print(
                results.metric("shape-bias").query("averaging == 'micro'")[["model", "condition", "eps", "value", "n"]]
            )
        with sb.open(path) as results:
            logits: NDArray[np.float32] = results.logits(dataset="match", model="mine", condition="clean")
            maps: NDArray[np.float32] = results.saliency(dataset="match", model="mine", condition="clean")
            print(f"logits {logits.shape}, maps {maps.shape}, failures {len(results.failures)}")

    # In a training loop: no file remains, and the network is not changed.
    table = sb.evaluate(make_network(), "stimuli:images=16,size=32", ["clean", "saturate:p=64"]).metric(
        "accuracy:top=1"
    )
    print(table[["condition", "value", "low", "high", "n"]])

    # One transform by hand: the random numbers belong to the image.
    images = torch.rand(2, 3, 32, 32)
    rng = plugin.ImageRandom.for_images(0, "patch-shuffle", 0, ["first", "second"])
    shuffle = sb.default_catalog().component("transform", "patch-shuffle:k=2").settings
    print(f"shuffled {tuple(shuffle(images, rng).shape)}")


if __name__ == "__main__":
    main()
