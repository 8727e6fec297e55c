"""What the README shows works."""

from __future__ import annotations

import re
from pathlib import Path

import shapebias as sb

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_shards_are_written_as_it_says_and_read(tmp_path, monkeypatch, image):
    monkeypatch.chdir(tmp_path)
    for n in range(6):
        path = Path("photos", ("cat", "dog")[n % 2], f"{n}.of.6.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(n, "JPEG"))
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(code.replace("maxcount=2048", "maxcount=4"), {})  # noqa: S102 - our own words
    (text,) = re.findall(r'-d "(webdataset:\S+)"', README)
    dataset = sb.default_catalog().component("dataset", f"{text},label_space=classes.txt").settings
    assert dataset.classes == ("cat", "dog")
    assert [(sample.id, sample.label) for sample in dataset][2:5] == [
        ("photos-000000/cat/4-of-6", 0),
        ("photos-000000/dog/1-of-6", 1),
        ("photos-000001/dog/3-of-6", 1),
    ]
    results = sb.run(sb.Study(text, "cnn:num_classes=2", ["clean"]), "run.h5")
    assert len(results.answers()[0].ids) == 6
