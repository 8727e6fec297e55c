"""Does memory grow with the number of images?  Peak memory of a process that runs a study of that many images.

    python benchmarks/memory.py [--images 256 2048 8192] [--size 64]

Each count is a separate process that runs stimuli through a small network, clean and under one transform, packs the
store and reads a metric.  Growth stops when a study has more images than a part.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

RUN = """
import resource, sys, tempfile
import shapebias as sb
images, size = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    study = sb.Study(f"stimuli:images={images},size={size}", "cnn:num_classes=8,width=8", ["clean", "saturate:p=8"])
    results = sb.run(study, folder + "/run.h5", device="cpu")
    assert len(results.metric("accuracy:top=1")) == 2
    results.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    """Print one line per count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[256, 2048, 8192])
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    for images in options.images:
        command = [sys.executable, "-c", RUN, str(images), str(options.size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
        print(f"{images:6} images  peak {int(done.stdout) / 1024:6.0f} MiB")


if __name__ == "__main__":
    main()
