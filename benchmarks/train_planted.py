"""Make the weights of the model ``planted`` again.

``python benchmarks/train_planted.py shapebias/resources/planted.safetensors``.  Each stream is trained separately, on
pictures with cue conflict: the shape stream to recognise the shape, the texture stream to recognise the texture.
Everything is drawn from fixed seeds; none of them is the seed of a data set that tests or users have by default.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from shapebias.datasets.stimuli import Stimuli
from shapebias.models.planted import PlantedNetwork, contour_energy, fine_structure

_CONTRASTS = (0.06, 0.12, 0.2)
_EPOCHS, _BATCH = 6, 64


def pictures(cue: str, images: int, seed: int, contrast: float) -> tuple[Tensor, Tensor, Tensor]:
    """Draw pictures (N, 3, 64, 64) with their shapes and textures."""
    samples = [*Stimuli(cue=cue, images=images, seed=seed, contrast=contrast)]
    pixels = torch.from_numpy(np.stack([sample.image for sample in samples])).permute(0, 3, 1, 2).float() / 255
    labels = ([sample.shape for sample in samples], [sample.texture for sample in samples])
    return pixels, *(torch.tensor([-1 if label is None else label for label in each]) for each in labels)


def fit(answer: Callable[..., Tensor], module: torch.nn.Module, inputs: Sequence[Tensor], labels: Tensor) -> None:
    """Train one stream; rotated and mirrored pictures have the same labels."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = _EPOCHS * (len(labels) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=steps)
    module.train()
    for epoch in range(_EPOCHS):
        began, right = time.time(), 0
        for chosen in torch.randperm(len(labels))[: len(labels) // _BATCH * _BATCH].view(-1, _BATCH):
            turns, mirrored = int(torch.randint(4, ())), bool(torch.randint(2, ()))
            batch = [torch.rot90(each[chosen].float(), turns, (2, 3)) for each in inputs]
            logits = answer(*(each.flip(3) if mirrored else each for each in batch))
            loss = functional.cross_entropy(logits, labels[chosen], label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            right += int((logits.argmax(1) == labels[chosen]).sum())
        print(f"epoch {epoch}: {right / len(labels):.4f} in {time.time() - began:.0f} s", flush=True)
    module.eval()


def main(output: str) -> None:
    """Draw, train, print the accuracy of the streams on pictures that they have not seen, and write the weights."""
    torch.manual_seed(0)
    network = PlantedNetwork(0.5)
    drawn = [pictures("conflict", 2688, 1000 + position, contrast) for position, contrast in enumerate(_CONTRASTS)]
    images, shapes, textures = map(torch.cat, zip(*drawn, strict=True))
    print(len(images), "pictures", flush=True)
    with torch.no_grad():
        energy = torch.cat([contour_energy(some).half() for some in images.split(256)])
        fine = [torch.cat(each) for each in zip(*(fine_structure(some) for some in images.split(256)), strict=True)]
    fit(network.shape.answer, network.shape, [energy], shapes)
    fit(network.texture.answer, network.texture, fine, textures)
    images, shapes, textures = pictures("conflict", 1120, 2000, 0.12)
    with torch.no_grad():
        for name, stream, labels in (("shape", network.shape, shapes), ("texture", network.texture, textures)):
            print(name, "right:", float((stream(images).argmax(1) == labels).float().mean()))
    save_file({name: tensor for name, tensor in network.state_dict().items() if "tracked" not in name}, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
