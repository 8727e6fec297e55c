"""Draw the pictures of docs/gallery.md.

    python examples/gallery.py docs/images [--data ../shared/data] [--section transforms]

One function draws one section.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

import shapebias as sb

PHOTOS = {
    "church": "313ff0037b86260a",
    "daisy": "becf3b004177ded6",
    "elephant": "348618ddbde3a39c",
    "iguana": "af543b5f19ed1b1d",
    "lorikeet": "01244097ca8ffdfa",
    "taxi": "c3e9a84e039df3ce",
}

TRANSFORMS = {
    "cues": ["saturate:p=8", "saturate:p=1024", "stylize", "patch-shuffle:k=4", "edges", "silhouette", "texture-only"],
    "colours": ["grayscale", "hue", "invert", "brightness", "contrast"],
    "frequencies": ["blur", "low-pass", "high-pass", "phase-noise", "amplitude-swap", "band-noise", "noise"],
}


def photos(data: Path, folder: Path) -> str:
    """Make a data set of the six photographs and hand-drawn masks of their objects, and return its text."""
    with (data / "photos-imagenet" / "labels.csv").open(encoding="utf-8", newline="") as file:
        paths = {Path(row["file"]).stem: data / "photos-imagenet" / row["file"] for row in csv.DictReader(file)}
    outlines = json.loads(Path(__file__).with_name("gallery_outlines.json").read_text(encoding="utf-8"))
    for name, photo in PHOTOS.items():
        for part in ("photos", "masks"):
            (folder / part / name).mkdir(parents=True)
        shutil.copy(paths[photo], folder / "photos" / name)
        mask = Image.new("L", (256, 256))
        points = [tuple(map(int, point.split(","))) for point in outlines[name].split()]
        ImageDraw.Draw(mask).polygon(points, fill=255)
        mask.save(folder / "masks" / name / f"{photo}.png")
    return f'folder:"{folder / "photos"}",size=224,crop=0.875,masks="{folder / "masks"}"'


def transforms(dataset: str, data: Path, output: Path) -> None:
    """Draw what each transform does: rows are transforms, columns photographs."""
    stylize = f'stylize:method=microast,weights="{data / "weights/microast"}",styles="{data / "textures"}"'
    for name, conditions in TRANSFORMS.items():
        labelled = {text: stylize if text == "stylize" else text for text in conditions}
        shown = sb.preview(dataset, labelled)
        shown.save(output / f"gallery-{name}.jpg", rows="conditions", size=128)


SECTIONS: dict[str, Callable[[str, Path, Path], None]] = {"transforms": transforms}


def main() -> None:
    """Draw the sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--section", choices=SECTIONS, action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dataset = photos(options.data, Path(folder))
        for name in options.section or SECTIONS:
            SECTIONS[name](dataset, options.data, options.output)


if __name__ == "__main__":
    main()
