"""How much time do a report of 60 cells and a profile take, and where does it go?

The report is of three small networks under 20 conditions.  The profile is SqueezeNet's under the default
suite, whose images are those of the test data; people's answers are fetched before the clock starts, and where there is
no network the profile does without.  Neither has a peer; *where* is the share of each package in the time, as
:mod:`cProfile` counts it.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from side_by_side import DATA, SQUEEZENET, arguments, seconds

import shapebias as sb

PACKAGES = ("reporting", "metrics", "store", "engine", "networks", "transforms", "images", "runtime", "attacks")


def sixty_cells(folder: Path, device: torch.device) -> sb.Results:
    """Run three networks under 20 conditions."""
    levels = ["clean", *(f"patch-shuffle:k={k}" for k in range(2, 12)), *(f"saturate:p={p}" for p in range(3, 12))]
    models = {f"network {seed}": f"cnn:num_classes=8,width=8,seed={seed}" for seed in range(3)}
    study = sb.Study("stimuli:cue=conflict,images=56,size=32", models, levels)
    return sb.run(study, folder / "run.h5", device=str(device))


def link_images(folder: Path) -> None:
    """Give the default suite the images of the test data, unless the user has a folder with published data."""
    if "SHAPEBIAS_DATA" not in os.environ:
        folder.mkdir()
        for name in ("cue-conflict", "edges", "silhouettes"):
            (folder / name).symlink_to(DATA / name)
        os.environ["SHAPEBIAS_DATA"] = str(folder)


def where(call: Callable[[], object]) -> str:
    """Run a call under the profiler and return the share of each package, its own and what it calls in libraries."""
    profiler = cProfile.Profile()
    profiler.runcall(call)
    stats = pstats.Stats(profiler)
    own: dict[str, float] = {}
    for (file, _, _), (_, _, mine, _, callers) in stats.stats.items():
        for caller, (_, _, within, _) in callers.items() or {(file, 0, ""): (0, 0, mine, 0)}.items():
            package = _package(file) or _package(caller[0]) or "libraries"
            own[package] = own.get(package, 0) + within
    total = sum(own.values())
    most = sorted(own.items(), key=lambda each: -each[1])[:6]
    return ", ".join(f"{name} {value / total:.0%}" for name, value in most)


def _package(file: str) -> str | None:
    parts = Path(file).parts
    after = parts[len(parts) - parts[::-1].index("shapebias") :] if "shapebias" in parts else ()
    return next((part for part in after if part in PACKAGES), None)


def main() -> None:
    """Time both, then look inside."""
    options = arguments(__doc__, images=32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        link_images(folder / "data")
        sb.profile(SQUEEZENET, limit=1, device=str(options.device))
        with sixty_cells(folder, options.device) as results:
            calls: dict[str, Callable[[], object]] = {
                "report of 60 cells": lambda: sb.report(results, folder / "page.html"),
                f"profile of SqueezeNet, {options.images} images": lambda: sb.profile(
                    SQUEEZENET, limit=options.images, device=str(options.device)
                ),
            }
            for title, call in calls.items():
                print(f"{title:<40}{seconds(call, options.device):7.2f} s")
                print(f"  where: {where(call)}", flush=True)


if __name__ == "__main__":
    main()
