"""How much time does the engine take?  ``run`` against a bare loop of the same transforms and forward passes.

MobileNetV2, cue-conflict images, clean and under six transforms.  ``run`` loads the weights, decodes the files, writes
every part and packs the store; the loop works on tensors that are in memory already and keeps only the predictions.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from side_by_side import CUE_CONFLICT, MOBILENET, arguments, as_batch, numbers, show, take_turns
from torch import Tensor

import shapebias as sb
from shapebias.engine.plan import evenly_spaced
from shapebias.networks.label_matching import match_labels
from shapebias.plugin import Classifier, default_catalog

CONDITIONS = ("clean", "saturate:p=8", "patch-shuffle:k=4", "grayscale", "blur", "low-pass", "noise")


def by_engine(study: sb.Study, device: torch.device) -> list[list[int]]:
    """Run the study into a fresh store."""
    with tempfile.TemporaryDirectory() as folder, sb.run(study, Path(folder) / "run.h5", device=str(device)) as results:
        return [results.prediction(condition=condition).tolist() for condition in CONDITIONS]


def prepared(study: sb.Study, device: torch.device) -> tuple[Classifier, Tensor, list[str]]:
    """Return what the loop works on: network, pixels, ids."""
    dataset = study.datasets[0].settings
    network = study.models[0].load(device)
    samples = [dataset[index] for index in evenly_spaced(len(dataset), study.limit)]
    groups = match_labels(network.classes, 1000, dataset.classes)
    network = Classifier(network.module, network.mean, network.std, network.input_size, mapping=groups)
    pixels, _, ids = as_batch(samples, device)
    return network, pixels, ids


def by_hand(network: Classifier, pixels: Tensor, ids: list[str], batch: int) -> list[list[int]]:
    """Do the same with nothing around it."""
    answers: list[list[int]] = [[] for _ in CONDITIONS]
    with torch.no_grad(), network.evaluating():
        for start in range(0, len(pixels), batch):
            images = pixels[start : start + batch]
            for position, condition in enumerate(CONDITIONS):
                changed = images
                if condition != "clean":
                    step = default_catalog().component("transform", condition)
                    changed = step.settings(images, numbers(step.name, ids[start : start + batch], pixels.device))
                answers[position] += network(changed).argmax(dim=1).tolist()
    return answers


def main() -> None:
    """Check that both predict the same, then time them."""
    options = arguments(__doc__, images=160, rounds=3)
    batch = 16 if options.device.type == "cpu" else 256
    study = sb.Study(CUE_CONFLICT, {"mobilenet": MOBILENET}, CONDITIONS, limit=options.images)
    network, pixels, ids = prepared(study, options.device)
    assert by_engine(study, options.device) == by_hand(network, pixels, ids, batch), "the predictions differ"
    calls = {
        "shapebias run": lambda: by_engine(study, options.device),
        "bare loop": lambda: by_hand(network, pixels, ids, batch),
    }
    show(f"{options.images} images, clean and 6 transforms", take_turns(calls, options.rounds, options.device))


if __name__ == "__main__":
    main()
