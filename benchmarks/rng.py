"""What does a normal random number cost?  `shapebias.rng` against `torch.randn` and other counter-based generators.

    OMP_NUM_THREADS=1 python benchmarks/rng.py
    python benchmarks/rng.py --device cuda

All candidates fill a new tensor of (images, samples, 3, 224, 224), the noise of SmoothGrad.  They are timed in turn, so
that a slow moment of the machine affects all of them.  The output has medians, and the median ratio to `torch.randn` of
the same turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias.rng import _blocks, _normal_quantiles

SHAPE = (3, 224, 224)
COUNT = 3 * 224 * 224


def counter_keys(rng: ImageRandom, samples: int) -> Tensor:
    """Return one key of two int32 words for each image and sample."""
    return rng.bits("keys", range(samples), (2,)).view(-1, 2)


def two_lookups(rng: ImageRandom, samples: int) -> Tensor:
    """One 32-bit word for one normal: a weighted sum of two looked-up normals, finer and with longer tails."""
    keys = counter_keys(rng, samples)
    table = _normal_quantiles(rng.device)
    coarse, fine = table * (1 - 2**-10) ** 0.5, table * 2**-5
    out = torch.empty((len(keys), COUNT), device=rng.device)
    for rows, columns, words in _blocks(keys, COUNT):
        normals = coarse.index_select(0, words.flatten() & 0xFFFF)
        normals += fine.index_select(0, words.flatten() >> 16 & 0xFFFF)
        out[rows, columns] = normals.view(words.shape)
    return out.view(len(rng), samples, *SHAPE)


def philox(rng: ImageRandom, samples: int) -> Tensor:
    """Philox-4x32-10 (Salmon et al. 2011) in int64 operations, and the same table of quantiles."""
    keys = counter_keys(rng, samples).to(torch.int64) & 0xFFFFFFFF
    table = _normal_quantiles(rng.device)
    out = torch.empty((len(keys), COUNT), device=rng.device)
    # COUNT / 8 counters of 128 bits hold the 16 bits of each normal.
    counters = torch.zeros((4, COUNT // 8), dtype=torch.int64, device=rng.device)
    counters[0] = torch.arange(COUNT // 8, device=rng.device)
    for row, (first, second) in zip(out, keys.tolist(), strict=True):
        words = torch.stack(philox_rounds(counters, first, second), dim=1).to(torch.int32)
        torch.index_select(table, 0, words.view(torch.uint16).flatten().to(torch.int32), out=row)
    return out.view(len(rng), samples, *SHAPE)


def philox_rounds(counters: Tensor, first: int, second: int) -> tuple[Tensor, ...]:
    """Return the four words of each counter."""
    a, b, c, d = counters
    for _ in range(10):
        left, right = a * 0xD2511F53, c * 0xCD9E8D57
        a, b = (right >> 32 & 0xFFFFFFFF) ^ b ^ first, right & 0xFFFFFFFF
        c, d = (left >> 32 & 0xFFFFFFFF) ^ d ^ second, left & 0xFFFFFFFF
        first, second = (first + 0x9E3779B9) % 2**32, (second + 0xBB67AE85) % 2**32
    return a, b, c, d


def seconds(draw: Callable[[], Tensor], device: torch.device) -> float:
    """Return how long one draw takes."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    draw()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def table(times: dict[str, list[float]], normals: int) -> Iterator[str]:
    """Yield one line for each candidate."""
    yield f"{'candidate':<28}{'seconds':>9}{'ns/normal':>11}{'x randn':>9}"
    for name, measured in times.items():
        ratio = statistics.median(a / b for a, b in zip(measured, times["torch.randn"], strict=True))
        median = statistics.median(measured)
        yield f"{name:<28}{median:>9.3f}{median / normals * 1e9:>11.2f}{ratio:>9.2f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of one normal, by ways to draw it.")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    settings = parser.parse_args()
    device, images, samples = settings.device, settings.images, settings.samples
    rng = ImageRandom.for_images(0, "smoothgrad", 0, [f"{i}.png" for i in range(images)], device)
    candidates: dict[str, Callable[[], Tensor]] = {
        "torch.randn": lambda: torch.randn((images, samples, *SHAPE), device=device),
        "ImageRandom.normal": lambda: rng.normal("noise", range(samples), SHAPE),
        "hash, two look-ups": lambda: two_lookups(rng, samples),
        "Philox-4x32-10, int64": lambda: philox(rng, samples),
    }
    for draw in candidates.values():  # warm up, and check what is measured
        normals = draw()
        assert abs(normals.mean().item()) < 0.01
        assert abs(normals.std().item() - 1) < 0.01
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(settings.repeats):
        for name, draw in candidates.items():
            times[name].append(seconds(draw, device))
    print(f"{images} images, {samples} samples; {device}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print("\n".join(table(times, images * samples * COUNT)))


if __name__ == "__main__":
    main()
