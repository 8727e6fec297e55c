"""Draw what the conditions do to the built-in stimuli.

    python examples/conditions.py conditions.png

Rows are the cues, columns the conditions.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

import shapebias as sb

CUES = ("match", "conflict", "shape", "texture")
CONDITIONS = ["clean", "grayscale", "saturate:p=8", "saturate:p=1024", "patch-shuffle:k=2", "patch-shuffle:k=4"]


def main() -> None:
    """Run and draw."""
    mpl.use("Agg")
    datasets = {cue: f"stimuli:cue={cue},images=1,size=128,seed=3,contrast=0.2" for cue in CUES}
    study = sb.Study(datasets, "cnn:num_classes=8", CONDITIONS, keep_images=True)
    figure, axes = plt.subplots(len(CUES), len(CONDITIONS), figsize=(1.5 * len(CONDITIONS), 1.5 * len(CUES)))
    with tempfile.TemporaryDirectory() as folder:
        results = sb.run(study, Path(folder) / "run.h5")
        for row, cue in enumerate(CUES):
            for column, condition in enumerate(CONDITIONS):
                image = results.images(dataset=cue, condition=condition)[0]
                axes[row][column].imshow(image.transpose(1, 2, 0))
                axes[row][column].set(xticks=[], yticks=[])
            axes[row][0].set_ylabel(f"cue={cue}", fontsize=9)
    for axis, condition in zip(axes[0], CONDITIONS, strict=True):
        axis.set_title(condition, fontsize=9)
    figure.tight_layout(pad=0.3)
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "conditions.png", dpi=100)


if __name__ == "__main__":
    main()
