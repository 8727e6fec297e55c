"""Files on disk to shape bias: a user's whole analysis beside model-vs-human's way of doing it.

SqueezeNet on the cue-conflict images.  model-vs-human cannot be installed beside a recent PyTorch, so its flow is
written down here from its description: a DataLoader that decodes one image after another, a pass in batches of 16,
softmax in numpy, the mean probability of each of the 16 categories, a line of a CSV file for each image, and a table of
that file from which the shape bias is counted.  Loading the network is left out on its side only.  Checked first: both
count the same shape bias.
"""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torchvision
from side_by_side import CUE_CONFLICT, DATA, SQUEEZENET, arguments, load_model, show, take_turns

import shapebias as sb
from shapebias.plugin import IMAGENET_MEAN, IMAGENET_STD


def by_shapebias(images: int, device: torch.device) -> float:
    """Run, open, count."""
    with tempfile.TemporaryDirectory() as folder:
        study = sb.Study(CUE_CONFLICT, {"squeezenet": SQUEEZENET}, limit=images)
        with sb.run(study, Path(folder) / "run.h5", device=str(device)) as results:
            return float(results.metric("shape-bias").value.iloc[0])


def by_model_vs_human(
    network: torch.nn.Module, categories: dict[str, list[int]], count: int, device: torch.device
) -> float:
    """Do it in the steps of model-vs-human."""
    steps = [torchvision.transforms.ToTensor(), torchvision.transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    images = torchvision.datasets.ImageFolder(DATA / "cue-conflict", torchvision.transforms.Compose(steps))
    rows = [number * len(images) // count for number in range(count)]  # evenly spaced, as ``limit`` takes them
    samples = [images.samples[row] for row in rows]
    loader = torch.utils.data.DataLoader(torch.utils.data.Subset(images, rows), batch_size=16)
    names, done = np.array([*categories]), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.csv"
        with torch.no_grad():
            for batch, _ in loader:
                probabilities = network(batch.to(device)).softmax(dim=1).cpu().numpy()
                means = np.stack([probabilities[:, members].mean(axis=1) for members in categories.values()], axis=1)
                with path.open("a", newline="") as file:
                    writer = csv.writer(file)
                    for answer, (image, _) in zip(names[means.argmax(axis=1)], samples[done:], strict=False):
                        writer.writerow([answer, Path(image).parent.name, Path(image).name])
                done += len(batch)
        table = pd.read_csv(path, names=["response", "category", "image"])
    table["texture"] = table.image.str.extract(r"-([a-z]+)\d+\.png", expand=False)
    table = table[table.category != table.texture]
    shape, texture = (table.response == table.category).sum(), (table.response == table.texture).sum()
    return float(shape / (shape + texture))


def main() -> None:
    """Check that both find the same shape bias, then time them."""
    options = arguments(__doc__, images=320, rounds=3)
    model = load_model(SQUEEZENET, options.device)
    network = model.module.to(memory_format=torch.contiguous_format).eval()
    categories = json.loads((DATA / "imagenet_to_16_classes.json").read_text(encoding="utf-8"))
    calls = {
        "shapebias run and results": lambda: by_shapebias(options.images, options.device),
        "as in model-vs-human": lambda: by_model_vs_human(network, categories, options.images, options.device),
    }
    found = {name: call() for name, call in calls.items()}
    ours, theirs = found.values()
    assert abs(ours - theirs) < 1e-9, f"the shape biases differ: {found}"
    notes = {name: f"shape bias {value:.4f}" for name, value in found.items()}
    show(f"{options.images} cue-conflict images", take_turns(calls, options.rounds, options.device), notes)


if __name__ == "__main__":
    main()
