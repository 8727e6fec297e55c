"""What does the engine cost?  ``run`` against a hand-written loop of the same transforms and forwards.

    python benchmarks/engine.py [--images 320] [--rounds 5] [--device cpu]

``run`` decodes the files, writes every part and packs the store; the loop works on tensors that are already in memory
and keeps only the predictions.  The script checks that both predict the same, then times them in turn, and prints the
medians and the ratio of each pair.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import torch

import shapebias as sb
from shapebias.engine.plan import evenly_spaced
from shapebias.networks.labels import match_labels
from shapebias.plugin import ImageRandom, default_catalog

DATA = Path(os.environ.get("SHAPEBIAS_TEST_DATA", "../shared/data"))
CONDITIONS = ["clean", "saturate:p=8", "patch-shuffle:k=4", "grayscale"]
BATCH = 16


def make_study(images: int) -> sb.Study:
    """MobileNetV2 on the cue-conflict images, clean and under three transforms."""
    weights = DATA / "weights/imagenet/mobilenetv2_100.safetensors"
    model = f"timm:mobilenetv2_100,checkpoint={weights},mean=0.5,0.5,0.5,std=0.5,0.5,0.5,arg.pad_type=same"
    return sb.Study(f"cue-conflict:{DATA / 'cue-conflict'}", {"mobilenet": model}, CONDITIONS, limit=images)


def by_engine(study: sb.Study, device: str) -> dict[str, list[int]]:
    """Run the study into a fresh store."""
    with tempfile.TemporaryDirectory() as folder:
        results = sb.run(study, Path(folder) / "run.h5", device=device)
        return {title: results.prediction(condition=title).tolist() for title in CONDITIONS}


def hand_written(study: sb.Study, device: str) -> tuple[object, ...]:
    """Prepare the input of the loop: network, pixels, ids."""
    dataset = study.datasets[0].settings
    network = study.models[0].load(torch.device(device))
    samples = [dataset[index] for index in evenly_spaced(len(dataset), study.limit)]
    pixels = torch.stack([torch.from_numpy(sample.image) for sample in samples]).permute(0, 3, 1, 2)
    groups = match_labels(network.classes, 1000, dataset.classes)
    network = sb.Classifier(network.module, network.mean, network.std, network.input_size, mapping=groups)
    return network, pixels, [sample.id for sample in samples]


def by_hand(network: sb.Classifier, pixels: torch.Tensor, ids: list[str], device: str) -> dict[str, list[int]]:
    """Do the same in a bare loop."""
    answers: dict[str, list[int]] = {title: [] for title in CONDITIONS}
    with torch.no_grad(), network.evaluating():
        for start in range(0, len(pixels), BATCH):
            images = pixels[start : start + BATCH].to(device).float() / 255
            images = images.contiguous(memory_format=torch.channels_last)
            for title in CONDITIONS:
                if title == "clean":
                    changed = images
                else:
                    step = default_catalog().component("transform", title)
                    rng = ImageRandom.for_images(0, step.name, 0, ids[start : start + BATCH], device)
                    changed = step.settings(images, rng)
                answers[title] += network(changed).argmax(dim=1).tolist()
    return answers


def main() -> None:
    """Time both in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    study = make_study(options.images)
    prepared = hand_written(study, options.device)
    assert by_engine(study, options.device) == by_hand(*prepared, options.device), "the two do not predict the same"
    # On a shared CPU, only the time of this process counts.
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    seconds: dict[str, list[float]] = {"engine": [], "by hand": []}
    for _ in range(options.rounds):
        for name, call in {
            "engine": lambda: by_engine(study, options.device),
            "by hand": lambda: by_hand(*prepared, options.device),
        }.items():
            began = clock()
            call()
            seconds[name].append(clock() - began)
    ratios = [engine / hand for engine, hand in zip(seconds["engine"], seconds["by hand"], strict=True)]
    for name, values in seconds.items():
        print(f"{name:8} median {statistics.median(values):6.2f} s   {[round(value, 2) for value in values]}")
    print(f"ratio    median {statistics.median(ratios):6.3f}     {[round(ratio, 3) for ratio in ratios]}")


if __name__ == "__main__":
    main()
