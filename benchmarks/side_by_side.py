"""What the benchmarks share: the real images and networks, calls that take turns, and the table of what they took.

On a CPU that other programs use too, only the seconds that the process (and processes that it waited for) computed are
comparable; on a GPU it is wall time, after everything that was queued has finished.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

import shapebias as sb
from shapebias.plugin import Classifier, ImageRandom, Sample, default_catalog

PROJECT = Path(__file__).parents[1]
os.environ.setdefault("SHAPEBIAS_PLUGINS_DIR", str(PROJECT / "examples/plugins"))  # the CIFAR networks
sb.keep_freed_memory()  # for all sides, as in the command line
DATA = Path(os.environ.get("SHAPEBIAS_TEST_DATA", PROJECT.parent / "shared/data"))
MOBILENET = (
    f'timm:mobilenetv2_100,checkpoint="{DATA}/weights/imagenet/mobilenetv2_100.safetensors",'
    "mean=0.5,0.5,0.5,std=0.5,0.5,0.5,arg.pad_type=same"
)
SQUEEZENET = f'torchvision:squeezenet1_1,weights="{DATA}/weights/imagenet/squeezenet1_1.safetensors"'
PHOTOS = (
    f'folder:"{DATA}/photos-imagenet",labels=labels.csv,label_column=imagenet_index,label_space=imagenet-1k,'
    "size=224,crop=0.875"
)
CUE_CONFLICT = f'cue-conflict:"{DATA}/cue-conflict"'
CIFAR = f'folder:"{DATA}/cifar10-lossless"'
CIFAR_NETWORKS = {
    "standard": f'cifar-resnet20:"{DATA}/weights/cifar10/resnet20_standard.safetensors"',
    "adversarially trained": f'cifar-resnet2b2:"{DATA}/weights/cifar10/resnet2b2_sadv8.safetensors"',
}


def arguments(about: str | None, **counts: int) -> argparse.Namespace:
    """Read the command line: whole numbers with their defaults, and the device."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in counts.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"[default: {default}]")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    options.device = torch.device(options.device)
    return options


def load_samples(text: str, count: int) -> list[Sample]:
    """Return samples that are spread evenly over a data set."""
    dataset = default_catalog().component("dataset", text).settings
    return [dataset[index * len(dataset) // count] for index in range(min(count, len(dataset)))]


def as_batch(samples: Sequence[Sample], device: torch.device) -> tuple[Tensor, Tensor, list[str]]:
    """Return pixels (N, 3, H, W) in [0, 1], labels (N,) and ids."""
    pixels = torch.stack([torch.from_numpy(sample.image) for sample in samples]).permute(0, 3, 1, 2).to(device) / 255
    labels = torch.tensor([sample.label for sample in samples], device=device)
    return pixels.contiguous(memory_format=torch.channels_last), labels, [sample.id for sample in samples]


def load_model(text: str, device: torch.device) -> Classifier:
    """Load a network."""
    model: Classifier = default_catalog().component("model", text).load(device)
    model.module.requires_grad_(requires_grad=False)
    return model


def numbers(name: str, ids: Sequence[str], device: torch.device) -> ImageRandom:
    """Return the random numbers that a plugin of this name is given for these images."""
    return ImageRandom.for_images(0, name, 0, ids, device)


@contextlib.contextmanager
def in_float64(model: Classifier) -> Iterator[None]:
    """Compute in float64; the weights are the same again at the end."""
    model.module.double()
    try:
        yield
    finally:
        model.module.float()


def check_close(ours: Tensor, theirs: Tensor, share: float) -> None:
    """Check that maps differ by less than a share of their norm.

    Not pixel by pixel: another order of the same sums can move a unit across the kink of its ReLU, which changes the
    gradient at the pixels that the unit sees.
    """
    apart = float((ours - theirs).norm() / ours.norm())
    assert apart < share, f"the maps differ by {apart:.1e} of their norm"


def seconds(call: Callable[[], object], device: torch.device) -> float:
    """Return what a call takes."""
    began = _clock(device)
    call()
    return _clock(device) - began


def _clock(device: torch.device) -> float:
    if device.type == "cpu":
        return sum(
            usage.ru_utime + usage.ru_stime
            for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )
    torch.cuda.synchronize(device)
    return time.perf_counter()


def take_turns(calls: Mapping[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Time the calls one after another, round by round, so that a slow moment of the machine hits all of them."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(seconds(call, device))
    return taken


def show(title: str, taken: Mapping[str, Sequence[float]], notes: Mapping[str, str] | None = None) -> None:
    """Print medians, and how many times as long as the first each took in the same round: median and range."""
    first = next(iter(taken))
    print(title)
    for name, values in taken.items():
        ratios = [value / base for value, base in zip(values, taken[first], strict=True)]
        spread = "" if name == first else f"  [{min(ratios):.2f} to {max(ratios):.2f}]"
        note = (notes or {}).get(name, "")
        line = f"  {name:<34}{statistics.median(values):8.3f} s {statistics.median(ratios):7.2f} x{spread:<18} {note}"
        print(line.rstrip())
    sys.stdout.flush()
