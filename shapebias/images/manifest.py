"""The manifest of a folder of written images: the images, their data set, and how they were made.

``manifest.json`` is in the folder of the images.  Until all are written there is ``unfinished.jsonl`` instead: its
first line has the same facts, and each finished image adds a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from shapebias.errors import DataError
from shapebias.files import write_atomically

__all__ = ["MANIFEST", "UNFINISHED", "Manifest", "WrittenImage", "read_manifest", "write_manifest"]

MANIFEST, UNFINISHED = "manifest.json", "unfinished.jsonl"
_FORMAT = "shapebias images, version 1"


@attrs.frozen
class WrittenImage:
    """One image that was written.

    Args:
        row: its row in the data set.
        id: its id in the data set.
        file: path relative to the folder, with ``/``.
        label: index of its class.
        shape, texture: index of the shape's and the texture's class; None where unknown.
        sha256: the SHA-256 of the file.
    """

    row: int
    id: str
    file: str
    label: int
    shape: int | None
    texture: int | None
    sha256: str

    def to_json(self) -> str:
        """Write the image as one line."""
        return json.dumps(attrs.asdict(self))


@attrs.frozen
class Manifest:
    """The contents of a folder of written images, and how they were made.

    Args:
        dataset, condition: canonical texts.
        files: fingerprints of the files that these name.
        seed: the seed of the random numbers.
        classes: names of the classes of the data set, in the order of the labels.
        versions: the versions of all software that may affect the pixels.
        images: the written images, in the order of the data set.
        failures: why the others could not be written, by row.
    """

    dataset: str
    condition: str
    files: Mapping[str, str]
    seed: int
    classes: tuple[str, ...] = attrs.field(converter=tuple)
    versions: Mapping[str, str]
    images: tuple[WrittenImage, ...] = ()
    failures: Mapping[int, str] = attrs.field(factory=dict)

    def to_json(self) -> str:
        """Write the manifest as indented text."""
        failures = {str(row): error for row, error in self.failures.items()}
        images = [attrs.asdict(image) for image in self.images]
        return json.dumps({**self._facts(), "images": images, "failures": failures}, indent=1)

    def to_lines(self) -> str:
        """Write the manifest as lines, to which the lines of further images can be appended."""
        lines = [json.dumps(self._facts()), *(image.to_json() for image in self.images)]
        return "".join(f"{line}\n" for line in lines)

    def _facts(self) -> dict[str, Any]:
        facts = attrs.asdict(self, filter=lambda field, _: field.name not in ("images", "failures"))
        return {"format": _FORMAT, **facts}


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest atomically, as JSON or, if it is named ``unfinished.jsonl``, as lines."""
    text = manifest.to_lines() if path.name == UNFINISHED else manifest.to_json()
    write_atomically(path, text.encode("ascii"))


def read_manifest(path: Path) -> Manifest:
    """Read ``manifest.json`` or ``unfinished.jsonl``; an incomplete line, as a killed process leaves it, is ignored.

    Raises:
        DataError: it is missing, damaged, or of another format.
    """
    try:
        text = path.read_text(encoding="ascii")
        if path.name != UNFINISHED:
            return _manifest(json.loads(text))
        first, *others = text.splitlines()
        return _manifest({**json.loads(first), "images": _whole(others)})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read as a manifest of 'shapebias make' ({type(error).__name__}: {error}); "
            "write the images again, to another folder"
        ) from error


def _whole(lines: Iterable[str]) -> list[Any]:
    images = []
    for line in lines:
        try:
            images.append(json.loads(line))
        except ValueError:
            continue
    return images


def _manifest(content: dict[str, Any]) -> Manifest:
    if content.pop("format") != _FORMAT:
        raise ValueError(f"its format is not {_FORMAT!r}")
    images = tuple(WrittenImage(**image) for image in content.pop("images"))
    failures = {int(row): error for row, error in content.pop("failures", {}).items()}
    return Manifest(**content, images=images, failures=failures)
