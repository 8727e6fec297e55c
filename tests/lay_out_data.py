"""Lay out a data folder from the folder of test data, so that data sets are found by name without a network.

    python tests/lay_out_data.py TEST_DATA DATA_FOLDER
    SHAPEBIAS_DATA=DATA_FOLDER shapebias run -d cue-conflict -m timm:resnet50 -o run.h5

Files are linked, not copied, where the file system allows it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

PLACES = {
    "cue-conflict": "cue-conflict",
    "edges": "edges",
    "silhouettes": "silhouettes",
    "critical-band/stimuli": "critical-band/stimuli",
    "decisions/benchmark": "human-answers",
    "decisions/humans": "human-answers/cue-conflict",
}
DATA = (".png", ".jpeg", ".csv")


def lay_out(test_data: Path, folder: Path) -> None:
    """Make the data folder; what is there already stays."""
    for there, here in PLACES.items():
        for path in sorted((test_data / there).rglob("*")):
            target = folder / here / path.relative_to(test_data / there)
            if path.suffix.lower() in DATA and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(path, target)


def _link(path: Path, target: Path) -> None:
    try:
        target.symlink_to(path.resolve())
    except OSError:
        shutil.copyfile(path, target)


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]), Path(sys.argv[2]))
