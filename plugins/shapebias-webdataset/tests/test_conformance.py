"""The data set keeps to the contract of shapebias."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from shapebias.testing import conformance

# Texts are known before fixtures run; the shard is there when the first check reads it.
FOLDER = tempfile.TemporaryDirectory()
EXAMPLES = [
    f"webdataset:{FOLDER.name},size=8",
    f"webdataset:{FOLDER.name},shape=cls,texture=json:texture,mask=png,label_space=4",
]

test_conformance = conformance("shapebias-webdataset", EXAMPLES)


@pytest.fixture(scope="module", autouse=True)
def shard(pack, image):
    members = [
        member
        for n in range(8)
        for member in (
            (f"{n}.cls", f"{n % 4}".encode()),
            (f"{n}.jpg", image(n, "JPEG")),
            (f"{n}.png", image(n)),
            (f"{n}.json", f'{{"texture": {n // 2}}}'.encode()),
        )
    ]
    Path(FOLDER.name, "a.tar").write_bytes(pack(members))
