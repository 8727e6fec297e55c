"""How much does the store cost?  Its share of the time of a run with maps, and the size of those maps on disk.

MobileNetV2 on photos, clean and saturated, with Grad-CAM.  *store* is everything between a finished part and the
packed file.  Then maps are written, and what they take
in the file is compared with what the same filter (shuffle, then zlib at level 1) makes of the same float16 numbers.
Checked: what is read back equals what was written, within the rounding to float16.
"""

from __future__ import annotations

import contextlib
import functools
import statistics
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from side_by_side import MOBILENET, PHOTOS, arguments, as_batch, load_samples, seconds

import shapebias as sb
from shapebias.plugin import Classifier
from shapebias.store import Writer
from shapebias.store.encoding import encode


@contextlib.contextmanager
def timed_store() -> Iterator[list[float]]:
    """Collect the seconds that the writer of a store takes."""
    taken: list[float] = []
    originals = {name: getattr(Writer, name) for name in ("write", "write_dataset", "pack")}

    def timed(original: Any) -> Any:
        @functools.wraps(original)
        def call(*given: Any) -> Any:
            began = time.perf_counter()
            try:
                return original(*given)
            finally:
                taken.append(time.perf_counter() - began)

        return call

    for name, original in originals.items():
        setattr(Writer, name, timed(original))
    try:
        yield taken
    finally:
        for name, original in originals.items():
            setattr(Writer, name, original)


def share(images: int, rounds: int, device: torch.device) -> None:
    """Print the store's share of the wall time of a run."""
    study = sb.Study(PHOTOS, {"mobilenet": MOBILENET}, ["clean", "saturate:p=8"], saliency="grad-cam", limit=images)
    shares = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder, timed_store() as taken:
            began = time.perf_counter()
            sb.run(study, Path(folder) / "run.h5", device=str(device)).close()
            shares.append(sum(taken) / (time.perf_counter() - began))
    print(f"share of the store in the wall time of {4 * images} answers and maps: {statistics.median(shares):.1%}")


def size(count: int, device: torch.device) -> None:
    """Print how large maps are on disk, beside what the filter makes of their numbers."""
    study = sb.Study(PHOTOS, {"linear": small(device)}, saliency="gradient", limit=count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        taken = seconds(lambda: sb.run(study, path, device=str(device)).close(), device)
        with sb.open(path) as results:
            maps = np.concatenate([each.maps for each in results.maps()])
            bare, again = 0, []
            for each in maps:
                stored, scale = (part.values for part in encode("maps", each[None]))
                bare += len(zlib.compress(np.ascontiguousarray(stored.view(np.uint8).reshape(-1, 2).T).tobytes(), 1))
                again.append(stored.astype(np.float32) * scale[:, None, None])
            np.testing.assert_array_equal(maps, np.concatenate(again))
        on_disk = 0
        with h5py.File(path) as file:
            for cell in file["cells"].values():
                on_disk += sum(cell[name].id.get_storage_size() for name in ("maps", "maps_scale") if name in cell)
    print(f"{len(maps)} maps of {maps[0].shape}: {on_disk / 1e6:.1f} MB in the file, {bare / 1e6:.1f} MB")
    print(f"  after the filter alone ({on_disk / bare - 1:+.1%}), {maps.nbytes / 1e6:.1f} MB as float32; {taken:.1f} s")


def small(device: torch.device) -> Classifier:
    """Return an untrained network whose maps cost little."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = torch.nn.Conv2d(3, 4, 7, stride=4), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten()
        network = torch.nn.Sequential(*layers, torch.nn.Linear(64, 1000))
    return Classifier(network.to(device))


def main() -> None:
    """Print both."""
    options = arguments(__doc__, images=64, maps=300, rounds=1)
    as_batch(load_samples(PHOTOS, 1), options.device)  # the first call sets PyTorch and PIL up
    share(options.images, options.rounds, options.device)
    size(options.maps, options.device)


if __name__ == "__main__":
    main()
