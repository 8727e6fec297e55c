"""Every corruption keeps to the contract of shapebias."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from shapebias.testing import conformance

# Conformance tests are made when this file is read, so the drawn frost must be there by then.
_FOLDER = tempfile.TemporaryDirectory()
for name, size in {"large.png": (60, 50), "small.png": (24, 20)}.items():
    noise = np.random.default_rng(len(name)).integers(256, size=(*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(noise).save(Path(_FOLDER.name, name))

EXAMPLES = [
    f"c-frost:photos='{_FOLDER.name}'",
    f"c-frost:severity=5,constants=cifar,photos='{_FOLDER.name}'",
    *(f"c-spatter:severity={severity}" for severity in (1, 2, 3, 4, 5)),
    "c-elastic-transform:severity=1",
    "c-elastic-transform:severity=2",
    "c-elastic-transform:severity=3",
    "c-elastic-transform:severity=1,constants=cifar",
    "c-spatter:severity=3,constants=cifar",
    "c-spatter:severity=5,constants=cifar",
    "c-shot-noise:severity=1",
    "c-shot-noise:severity=1,constants=cifar",
    "c-snow:severity=3",
    "c-snow:severity=1,constants=cifar",
    "c-defocus-blur:severity=5",
    "c-defocus-blur:severity=1,constants=cifar",
]

test_conformance = conformance("shapebias-corruptions", EXAMPLES)
