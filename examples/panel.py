"""Draw the paper's figure for a study: images and the saliency maps of its models, under each of its conditions.

    python examples/panel.py STUDY.toml panel.png [--images 4]

Zhang & Zhu 2019, figure 2, shows such rows for a standard and an adversarially trained network.  The study is one of
``examples/*/maps.toml`` or your own; its first saliency method is drawn.  Plugins come from ``$SHAPEBIAS_PLUGINS_DIR``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import shapebias as sb


def columns(study: sb.Study, results: sb.Results) -> Iterator[tuple[str, NDArray[Any], dict[str, Any]]]:
    """Yield the columns of the figure: title, one picture per row, and the options for drawing it."""
    first, method = study.models[0].title, study.saliency[0].title
    for condition in (condition.title for condition in study.conditions):
        images = results.images(model=first, condition=condition)
        yield condition, images.transpose(0, 2, 3, 1), {}
        for model in (model.title for model in study.models):
            maps = results.saliency(model=model, condition=condition, method=method)
            yield model, np.stack([brightest(one) for one in maps]), {"cmap": "gray", "vmin": 0, "vmax": 1}


def brightest(saliency: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale a map for display: its 99th percentile is white."""
    white = max(float(np.percentile(saliency, 99)), 1e-12)
    return (saliency / np.float32(white)).clip(0, 1)


def draw(study: sb.Study, results: sb.Results) -> Figure:
    """Draw the columns side by side."""
    drawn = list(columns(study, results))
    rows = len(drawn[0][1])
    figure, axes = plt.subplots(rows, len(drawn), figsize=(len(drawn), rows + 0.25), squeeze=False)
    for column, (title, pictures, how) in zip(axes.T, drawn, strict=True):
        for axis, picture in zip(column, pictures, strict=True):
            axis.imshow(picture, interpolation="nearest", **how)
            axis.set_axis_off()
        column[0].set_title(title, fontsize=7)
    figure.tight_layout(pad=0.2)
    return figure


def main() -> None:
    """Run and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--images", type=int, default=4, help="rows, spread evenly over the data set")
    options = parser.parse_args()
    study = sb.Study.from_toml(options.study.read_text(encoding="utf-8"), options.study.name)
    study = attrs.evolve(study, limit=options.images, keep_images=True)
    mpl.use("Agg")
    with tempfile.TemporaryDirectory() as folder:
        figure = draw(study, sb.run(study, Path(folder) / "run.h5"))
    figure.savefig(options.output, dpi=120)


if __name__ == "__main__":
    main()
