"""Train a small network on drawn stimuli, and ask whether it looks at shape or at texture.

    python examples/demo.py [FOLDER]

In training, shape and texture always agree; the network is free to learn either.  Then it is shown pictures where they
disagree, where only one of them is left, and where texture (saturate) or shape (patch-shuffle) is destroyed.
Everything is made here: the pictures, the network, ``FOLDER/run.h5``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table
from torch import Tensor, nn

import shapebias as sb
from shapebias.datasets.stimuli import Stimuli
from shapebias.models.cnn import Cnn

SIZE = 32
CUES = ("match", "conflict", "shape", "texture")
CONDITIONS = ["clean", "saturate:p=8", "saturate:p=64", "patch-shuffle:k=2", "patch-shuffle:k=4"]


def pictures(images: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw stimuli whose shape and texture agree: pixels (N, 3, H, W) in [0, 1] and labels (N,)."""
    dataset = Stimuli(cue="match", images=images, size=SIZE, seed=seed)
    samples = [dataset[index] for index in range(images)]
    pixels = torch.stack([torch.from_numpy(sample.image) for sample in samples]).permute(0, 3, 1, 2)
    return pixels / 255, torch.tensor([sample.label for sample in samples])


def train(classifier: sb.Classifier, epochs: int = 8, batch_size: int = 64) -> None:
    """Train with a one-cycle learning rate; the test pictures have another seed."""
    images, labels = pictures(4096, seed=1)
    network, steps = classifier.module.train(), epochs * (len(images) // batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=steps)
    order = torch.Generator().manual_seed(0)
    with Progress(transient=True) as progress:
        bar = progress.add_task("training", total=steps)
        for _ in range(epochs):
            shuffled = torch.randperm(len(images), generator=order)
            for chosen in torch.split(shuffled, batch_size):
                loss = nn.functional.cross_entropy(classifier(images[chosen]), labels[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                progress.update(bar, advance=1, description=f"training, loss {loss.item():.3f}")


def evaluate(classifier: sb.Classifier, output: Path) -> sb.Results:
    """Run the study into an HDF5 file."""
    datasets = {cue: f"stimuli:cue={cue},images=448,size={SIZE},seed=2" for cue in CUES}
    study = sb.Study(datasets, {"cnn": classifier}, CONDITIONS)
    with Progress(transient=True) as progress:
        bar = progress.add_task("evaluating", total=None)
        return sb.run(
            study, output, replace=True, progress=lambda now: progress.update(bar, completed=now.done, total=now.total)
        )


def show(results: sb.Results) -> None:
    """Print accuracy and shape bias with their 95 % intervals."""
    accuracy = results.metric("accuracy:top=1").set_index(["dataset", "condition"])
    table = Table(
        Column("condition", no_wrap=True),
        *CUES,
        box=box.SIMPLE,
        title="accuracy and 95 % interval, by what says the class",
    )
    for condition in CONDITIONS:
        rows = [accuracy.loc[(cue, condition)] for cue in CUES]
        table.add_row(condition, *(f"{row.value:.2f} {_short(row.low)}-{_short(row.high)}" for row in rows))
    console = Console()
    console.print(table)
    bias = results.metric("shape-bias")
    row = bias[(bias.dataset == "conflict") & (bias.condition == "clean") & (bias.averaging == "micro")].iloc[0]
    console.print(
        f"Where shape and texture disagree, this network follows the shape in {row.shape_hits:.0f} and the texture in "
        f"{row.texture_hits:.0f} of {row.n_conflict:.0f} pictures:\nshape bias {row.value:.3f}, "
        f"95 % interval {row.low:.3f}-{row.high:.3f} ({row.method})."
    )


def _short(share: float) -> str:
    return f"{share:.2f}".removeprefix("0")


def main() -> None:
    """Train, evaluate, show."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    classifier = Cnn(num_classes=8, width=24).load(torch.device("cpu"))
    train(classifier)
    results = evaluate(classifier, folder / "run.h5")
    show(results)
    print(f"Every answer is in {folder / 'run.h5'}; try: shapebias results {folder / 'run.h5'} conditional-accuracy")
    print(f"({time.perf_counter() - began:.0f} s)")


if __name__ == "__main__":
    main()
