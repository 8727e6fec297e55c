"""Draw the paper's figure for one model: photographs and their SmoothGrad maps, clean and transformed.

    python examples/panel.py panel.png [--data ../shared/data] [--photos 4]

Zhang & Zhu 2019, figure 2, shows such rows for a standard and an adversarially trained network; here MobileNetV2 with
published ImageNet weights looks at photographs.  Needs matplotlib (``pip install 'shapebias[plot]'``).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

import shapebias as sb

CONDITIONS = ["clean", "saturate:p=16", "patch-shuffle:k=4"]


def study(data: Path, photos: int) -> sb.Study:
    """MobileNetV2 and SmoothGrad on a few photographs."""
    weights = data / "weights/imagenet/mobilenetv2_100.safetensors"
    model = f"timm:mobilenetv2_100,checkpoint={weights},mean=0.5,0.5,0.5,std=0.5,0.5,0.5,arg.pad_type=same"
    dataset = (
        f"folder:{data / 'photos-imagenet'},labels=labels.csv,label_column=imagenet_index,label_space=imagenet-1k,"
        "size=224,crop=0.875"
    )
    return sb.Study(
        {"photos": dataset}, {"mobilenet": model}, CONDITIONS, "smoothgrad:samples=25", limit=photos, keep_images=True
    )


def brightest(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale a map for the eye: its 99th percentile is white."""
    return np.clip(maps / max(np.percentile(maps, 99), 1e-12), 0, 1)


def main() -> None:
    """Run and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--photos", type=int, default=4)
    options = parser.parse_args()
    mpl.use("Agg")
    with tempfile.TemporaryDirectory() as folder:
        results = sb.run(study(options.data, options.photos), Path(folder) / "run.h5")
        images = {title: results.images(condition=title) for title in CONDITIONS}
        maps = {title: results.saliency(condition=title) for title in CONDITIONS}
    columns = 2 * len(CONDITIONS)
    figure, axes = plt.subplots(options.photos, columns, figsize=(1.6 * columns, 1.6 * options.photos), squeeze=False)
    for row, cells in enumerate(axes):
        for place, title in enumerate(CONDITIONS):
            cells[2 * place].imshow(images[title][row].transpose(1, 2, 0))
            cells[2 * place + 1].imshow(brightest(maps[title][row]), cmap="gray", vmin=0, vmax=1)
            if row == 0:
                cells[2 * place].set_title(title, fontsize=9)
                cells[2 * place + 1].set_title("SmoothGrad", fontsize=9)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.tight_layout(pad=0.3)
    figure.savefig(options.output, dpi=100)


if __name__ == "__main__":
    main()
