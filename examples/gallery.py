"""Draw the pictures of docs/gallery.md.

    python examples/gallery.py docs/images [--data DATA] [--section transforms] [--section saliency]

One function draws one section.  The maps need matplotlib (``pip install 'shapebias[plot]'``) and some minutes.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
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
    "suppressed": ["bilateral", "non-local-means", "patch-rotate:k=4", "channel-shuffle", "critical-band-noise"],
    "colours": ["grayscale", "hue", "invert", "brightness", "contrast"],
    "frequencies": ["blur", "low-pass", "high-pass", "phase-noise", "amplitude-swap", "band-noise", "noise"],
}

EXPLAINED = ["elephant", "iguana", "lorikeet", "taxi"]
METHODS = [
    "gradient",
    "smoothgrad",
    "input-x-gradient",
    "integrated-gradients",
    "guided-backprop",
    "grad-cam",
    "occlusion",
    "rise",
    "random",
    "edge-detector",
]


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


def saliency(_dataset: str, data: Path, output: Path) -> None:
    """Draw each method's map for MobileNetV2 and the label: rows are methods, columns photographs."""
    weights = data / "weights/imagenet/mobilenetv2_100.safetensors"
    model = f'timm:mobilenetv2_100,checkpoint="{weights}",mean=0.5,std=0.5,arg.pad_type=same'
    with tempfile.TemporaryDirectory() as folder:
        study = sb.Study(
            labelled(data, Path(folder)), model, saliency={text: text for text in METHODS}, keep_images=True
        )
        with sb.run(study, Path(folder) / "run.h5") as results:
            drawn = maps_beside_photos(results)
    drawn.save(output / "gallery-saliency.jpg", rows="conditions", size=128)


def labelled(data: Path, folder: Path) -> str:
    """Make a data set of the explained photographs with their ImageNet labels, and return its text."""
    source = data / "photos-imagenet"
    with (source / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(file)}
    (folder / "images").mkdir()
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label"])
        for name in EXPLAINED:
            row = rows[PHOTOS[name]]
            shutil.copy(source / row["file"], folder / "images")
            writer.writerow([row["file"], row["imagenet_index"]])
    return f'folder:"{folder}",labels=labels.csv,label_space=imagenet-1k,size=224,crop=0.875'


def maps_beside_photos(results: sb.Results) -> sb.Preview:
    """Put the maps of every method beside the photographs, in the order of ``EXPLAINED``."""
    answers = results.answers()[0]
    order = [list(answers.ids).index(f"images/{PHOTOS[name]}.jpg") for name in EXPLAINED]
    pictures = {"photograph": torch.from_numpy(results.images()[order])}
    pictures |= {view.saliency: torch.stack([coloured(one) for one in view.maps[order]]) for view in results.maps()}
    ids = tuple(answers.ids[position] for position in order)
    return sb.Preview(torch.stack([*pictures.values()], dim=1), tuple(pictures), tuple(EXPLAINED), ids)


def coloured(saliency_map: NDArray[np.float32]) -> torch.Tensor:
    """Colour a map (H, W): its 1st percentile and below is black, its 99th and above bright yellow."""
    from matplotlib import colormaps

    low, high = np.percentile(saliency_map, [1, 99])
    scaled = np.clip((saliency_map - low) / max(high - low, 1e-12), 0, 1)
    return torch.from_numpy(colormaps["inferno"](scaled)[..., :3]).permute(2, 0, 1).float()


SECTIONS: dict[str, Callable[[str, Path, Path], None]] = {"transforms": transforms, "saliency": saliency}


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
