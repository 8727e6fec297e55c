"""Draw photographs in the style of some synthetic textures: the picture of docs/stylize.md.

    python examples/stylize.py docs/images/stylize.jpg [--data DATA]

The textures are in the first row, the photographs in the first column.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import attrs
import numpy as np
import torch
from PIL import Image

from shapebias import plugin

PHOTOS = ("313ff0037b86260a", "348618ddbde3a39c", "01244097ca8ffdfa", "c3e9a84e039df3ce")
TEXTURES = (3, 17, 20, 28, 46, 62)
SIDE, SHOWN = 224, 128


def main() -> None:
    """Paint every photograph in every style, and draw all of them in a grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    opened = [Image.open(options.data / f"photos-imagenet/images/{photo}.jpg") for photo in PHOTOS]
    photos = np.stack([np.asarray(photo.convert("RGB").resize((SIDE, SIDE))) for photo in opened])
    images = torch.from_numpy(photos).permute(0, 3, 1, 2) / 255
    numbers = plugin.ImageRandom.for_images(seed=0, plugin="stylize", step_index=0, ids=PHOTOS)
    text = f'stylize:microast,weights="{options.data / "weights/microast"}"'
    stylize = plugin.default_catalog().component("transform", text).settings.load(images.device)

    columns = [[Image.new("RGB", (SIDE, SIDE), "white"), *map(Image.fromarray, photos)]]
    for texture in TEXTURES:
        style = stylize.styles[texture]
        painted = attrs.evolve(stylize, styles=[style])(images, numbers)
        pixels = (painted * 255).round().byte().permute(0, 2, 3, 1).numpy()
        columns.append([style(), *map(Image.fromarray, pixels)])
    sheet = Image.new("RGB", (SHOWN * len(columns), SHOWN * len(columns[0])))
    for column, pictures in enumerate(columns):
        for row, picture in enumerate(pictures):
            sheet.paste(picture.resize((SHOWN, SHOWN)), (SHOWN * column, SHOWN * row))
    sheet.save(options.output, quality=70)


if __name__ == "__main__":
    main()
