"""Write the images of a transformed copy to a folder, and record finished ones so that a killed run can continue."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import attrs
from numpy.typing import NDArray
from PIL import Image

from shapebias.errors import DataError, StudyError, listed
from shapebias.files import sha256, temporary_of, temporary_path
from shapebias.images.decoded import Batch
from shapebias.images.manifest import MANIFEST, UNFINISHED, Manifest, WrittenImage, read_manifest, write_manifest
from shapebias.images.reading import SUFFIXES
from shapebias.store.locking import WriterLock
from shapebias.store.os_errors import translate_os_errors
from shapebias.study.stored_text import current_text

__all__ = ["DatasetWriter", "open_dataset_writer"]


@contextlib.contextmanager
def open_dataset_writer(folder: Path, facts: Manifest, workers: int) -> Iterator[DatasetWriter]:
    """Open the folder of a copy for writing; images that it already has are checked and kept.

    Args:
        folder: the folder for the images; it is made if it does not exist.
        facts: the manifest of the copy, without images.
        workers: threads that encode and write.

    Raises:
        StudyError: the folder has images of another copy.
        DataError: it has files but no manifest.
        StoreError: it cannot be written, or another process is writing it.
    """
    with contextlib.ExitStack() as stack:
        with translate_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(WriterLock(folder.absolute()))
        pool = stack.enter_context(ThreadPoolExecutor(workers, "write"))
        manifests = _found(folder, facts)
        with translate_os_errors(folder):
            for stray in filter(temporary_of, folder.rglob("*.tmp")):
                stray.unlink()
        found = [image for manifest in manifests for image in manifest.images]
        whole = list(pool.map(lambda image: _is_whole(folder / image.file, image.sha256), found))
        images = {image.row: image for image, good in zip(found, whole, strict=True) if good}
        failures = {row: error for one in manifests for row, error in one.failures.items() if row not in images}
        finished = manifests[0] if all(whole) and manifests and not (folder / UNFINISHED).exists() else None
        yield DatasetWriter(folder, facts, pool, images, failures, finished)


def _found(folder: Path, facts: Manifest) -> list[Manifest]:
    """Read the manifests of a folder.

    Raises:
        StudyError, DataError: as in :func:`open_dataset_writer`.
    """
    manifests = [read_manifest(path) for path in (folder / MANIFEST, folder / UNFINISHED) if path.exists()]
    if not manifests and any(not path.name.startswith(".") and not temporary_of(path) for path in folder.iterdir()):
        raise DataError(f"{folder} has files that shapebias did not write; choose a new folder, or an empty one")
    for manifest in manifests:
        if reasons := list(_differences(manifest, facts)):
            raise StudyError(
                listed(f"{folder} has images of another copy:", reasons)
                + "\nchoose another folder with -o, or remove this one"
            )
    return manifests


def _differences(before: Manifest, now: Manifest) -> Iterator[str]:
    for role in ("dataset", "condition"):
        old, new = getattr(before, role), getattr(now, role)
        if current_text(role, old) != new:
            yield f"{role} was {old}, now {new}"
            return
    if before.seed != now.seed:
        yield f"seed was {before.seed}, now {now.seed}"
    changed = sorted(
        name for name in before.files.keys() | now.files.keys() if before.files.get(name) != now.files.get(name)
    )
    if changed:
        yield f"{', '.join(changed)} changed since"


def _is_whole(path: Path, digest: str) -> bool:
    try:
        return sha256(path) == digest
    except DataError:
        return False


@attrs.define(eq=False)
class DatasetWriter:
    """The open folder of a copy.

    Args:
        folder: the folder.
        facts: its manifest, without images.
        images: the finished images, by row.
        failures: the reasons why others could not be made, by row.
        finished: the manifest of the folder, if the folder is complete.
    """

    folder: Path
    facts: Manifest
    _pool: ThreadPoolExecutor
    images: dict[int, WrittenImage]
    failures: dict[int, str]
    finished: Manifest | None
    _pending: list[Future[WrittenImage]] = attrs.field(factory=list, init=False)
    _rows_of_files: dict[str, int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._rows_of_files = {image.file.casefold(): row for row, image in self.images.items()}

    def begin(self, rows: Iterable[int]) -> None:
        """Record that the images of some rows will be made."""
        for row in rows:
            self.failures.pop(row, None)
        with translate_os_errors(self.folder):
            write_manifest(self.folder / UNFINISHED, self._manifest())

    def write(self, rows: Sequence[int], batch: Batch) -> None:
        """Encode and write images in the background; wait for those of the previous call, and record them."""
        pixels = (batch.images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        cues = zip(batch.labels.tolist(), batch.shape_labels.tolist(), batch.texture_labels.tolist(), strict=True)
        made = [
            WrittenImage(row, name, self._file(name, label, row), label, _known(shape), _known(texture), "")
            for row, name, (label, shape, texture) in zip(rows, batch.ids, cues, strict=True)
        ]
        self.settle()
        self._pending = [self._pool.submit(_write, *each, self.folder) for each in zip(made, pixels, strict=True)]

    def _file(self, name: str, label: int, row: int) -> str:
        """Name the file of an image after its class and its id; no two images share a name."""
        class_name = _safe(self.facts.classes[label]) if label >= 0 else "unlabelled"
        path = PurePosixPath(*map(_safe, PurePosixPath(name).parts))
        path = path.with_suffix("") if path.suffix.lower() in SUFFIXES else path
        path = path if path.parts[0] == class_name and len(path.parts) > 1 else class_name / path
        file = f"{path}.png"
        if self._rows_of_files.setdefault(file.casefold(), row) != row:
            file = f"{path}-{row}.png"
            self._rows_of_files[file.casefold()] = row
        return file

    def settle(self) -> None:
        """Wait until all images are written, and record them."""
        given, self._pending = self._pending, []
        with translate_os_errors(self.folder):
            images = [one.result() for one in given]
            with (self.folder / UNFINISHED).open("a", encoding="ascii") as file:
                file.writelines(f"{image.to_json()}\n" for image in images)
        self.images |= {image.row: image for image in images}

    def finish(self) -> Manifest:
        """Write the manifest: the folder is complete."""
        manifest = self._manifest()
        with translate_os_errors(self.folder):
            write_manifest(self.folder / MANIFEST, manifest)
            (self.folder / UNFINISHED).unlink(missing_ok=True)
        return manifest

    def _manifest(self) -> Manifest:
        images = tuple(self.images[row] for row in sorted(self.images))
        return attrs.evolve(self.facts, images=images, failures=dict(sorted(self.failures.items())))


def _known(label: int) -> int | None:
    return None if label < 0 else label


def _safe(name: str) -> str:
    """Make a file name from any text: no separators, not hidden, no characters that a shell or a system rejects.

    >>> _safe("disc/dots"), _safe("..")
    ('disc-dots', '-')
    """
    return re.sub(r"[^\w .,+=@()-]", "-", name).strip(". ") or "-"


def _write(image: WrittenImage, pixels: NDArray[Any], folder: Path) -> WrittenImage:
    """Write one image atomically, so that there is never a partial file; return it with its digest."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=2)  # a third of the usual time, 5 % larger
    path = folder / image.file
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    temporary.write_bytes(buffer.getbuffer())
    temporary.replace(path)  # no fsync: the digest shows an image that a power failure damaged, and it is made again
    return attrs.evolve(image, sha256=hashlib.sha256(buffer.getbuffer()).hexdigest())
