"""Write the lists of images that two of the paper's data sets lack, as CSV files beside the images.

    python examples/paper/lists.py caltech256 data/caltech256/256_ObjectCategories
    python examples/paper/lists.py tiny-imagenet data/tiny-imagenet-200/val

Caltech-256 has no test images: ``test.csv`` lists a fifth of each class, chosen by name so that it is the same on every
machine, and ``train.csv`` lists the others.  The test images of Tiny ImageNet are in one folder, and their classes in
``val_annotations.txt``, whose lines become those of ``labels.csv``.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

TEST_SHARE = 0.2


def write(file: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write paths below the folder of the list, and their labels."""
    with file.open("w", encoding="utf-8", newline="") as table:
        csv.writer(table).writerows([("file", "label"), *rows])


def caltech256(folder: Path) -> None:
    """Draw the test images of each class."""
    train, test = [], []
    for images in sorted(folder.iterdir()):
        if images.is_dir():
            rows = [(f"{images.name}/{image.name}", images.name) for image in images.glob("*.jpg")]
            rows.sort(key=lambda row: sha256(row[0].encode()).digest())
            tested = round(TEST_SHARE * len(rows))
            test += rows[:tested]
            train += rows[tested:]
    write(folder / "train.csv", sorted(train))
    write(folder / "test.csv", sorted(test))


def tiny_imagenet(folder: Path) -> None:
    """Translate the annotations: file, WordNet id, and a bounding box that is left out."""
    lines = (folder / "val_annotations.txt").read_text(encoding="utf-8").splitlines()
    fields = (line.split("\t") for line in lines)
    write(folder / "labels.csv", ((f"images/{image}", wnid) for image, wnid, *_ in fields))


def main() -> None:
    """Write the lists of the data set that the command line names."""
    lists = {"caltech256": caltech256, "tiny-imagenet": tiny_imagenet}
    if len(sys.argv) != 3 or sys.argv[1] not in lists or not Path(sys.argv[2]).is_dir():
        raise SystemExit(__doc__)
    lists[sys.argv[1]](Path(sys.argv[2]))


if __name__ == "__main__":
    main()
