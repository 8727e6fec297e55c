"""Write a transformed copy of a data set as images: finished images are kept, and failures are recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import torch

from shapebias.engine.batch_size import check_counts, usual_batch_size
from shapebias.engine.plan import check_needs, evenly_spaced
from shapebias.errors import DataError, StudyError
from shapebias.images.decoded import Batch, DecodedImages, UnreadableError, batched, threads
from shapebias.images.first import FirstImages
from shapebias.images.manifest import Manifest
from shapebias.images.transformed import TransformedImages
from shapebias.paths import as_path
from shapebias.plugins.catalog import Component
from shapebias.rendering.dataset_writer import DatasetWriter, open_dataset_writer
from shapebias.rendering.naming import naming
from shapebias.runtime import guard
from shapebias.runtime.device import choose_device
from shapebias.runtime.environment import versions
from shapebias.runtime.memory import Memory
from shapebias.runtime.progress import Interrupted, Progress
from shapebias.study import Condition, as_conditions, as_datasets

__all__ = ["WrittenDataset", "make"]

_PART_IMAGES, _PART_BYTES = 1024, 2**28  # decoded together


@attrs.frozen
class WrittenDataset:
    """A transformed copy of a data set, as :func:`make` wrote it.

    Args:
        folder: the folder of the images.
        manifest: the list of the images; its ``failures`` say why others are missing, by row of the data set.
        new: the number of images that this call wrote.
    """

    folder: Path
    manifest: Manifest
    new: int


def make(
    dataset: Any,
    condition: Any,
    output: str | Path,
    *,
    seed: int = 0,
    limit: int | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> WrittenDataset:
    """Write a transformed copy of a data set as PNG images; finished images are not written again.

    The pixels are those that the models of a study with this seed get, rounded to 8 bits.  Each image is in the folder
    of its class, under its id.  ``manifest.json`` lists ids, labels and digests, and how the images were made;
    ``folder:OUTPUT,labels=manifest.json`` reads the copy.

    Args:
        dataset: text or settings, as in :class:`shapebias.Study`.
        condition: transforms, as in :class:`shapebias.Study`; ``"clean"`` copies the images as they are.
        output: a folder; an existing copy is continued.
        seed: seed of the random numbers.
        limit: the most images, spread evenly over the data set; None takes all.  Existing images beyond it are kept.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        batch_size: the most images that are transformed at once; None chooses by their size and the device.
        workers: threads that decode, and threads that encode; None takes one per core, at most 8.
        progress: called after every batch.

    Returns:
        The folder, the list of its images, and the number of new ones.

    Raises:
        StudyError: the condition has an attack, a number is too small, or the folder has images of another copy.
        DataError: the data set has no image, none can be read, or it lacks what a transform needs; or the folder has
            files that shapebias did not write.
        PluginError: a transform fails.
        StoreError: the folder cannot be written, or another process is writing it.
        Interrupted: Ctrl-C; everything finished is in the folder.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp(), "shuffled")
    >>> made = make("stimuli:size=32", "patch-shuffle:k=2", folder, limit=8)
    >>> made.new, made.manifest.images[0].file
    (8, 'disc-dots/000000.png')
    """
    check_counts(0, seed=seed)
    check_counts(limit=limit, batch_size=batch_size, workers=workers)
    (source,), (chain,) = as_datasets(dataset), as_conditions(condition)
    if chain.attack is not None:
        raise StudyError(f"{chain.title} attacks a model; a copy of a data set can have transforms only")
    torch_device, first_images = choose_device(device), FirstImages()
    if not len(source.settings):
        raise DataError(f"data set {source.text} has no images")
    check_needs(source, [chain], first_images)
    named = {"dataset": source.fingerprints(), "condition": chain.fingerprints()}
    facts = Manifest(
        source.canonical,
        chain.canonical,
        {f"{role} {name}": digest for role, found in named.items() for name, digest in found.items()},
        seed,
        source.settings.classes,
        versions(),
    )
    memory = Memory(batch_size or usual_batch_size(first_images.pixels(source), torch_device), 1)
    with guard.steady_modes(), open_dataset_writer(as_path(output), facts, threads(workers)) as copy:
        rows = [row for row in evenly_spaced(len(source.settings), limit) if row not in copy.images]
        if not rows and copy.finished is not None:
            return WrittenDataset(as_path(output), copy.finished, 0)
        maker = _Maker(source, chain, seed, torch_device, memory, workers, first_images, copy, progress)
        try:
            maker.make(rows)
        except KeyboardInterrupt:
            copy.settle()
            raise Interrupted.with_results_in(output) from None
        return WrittenDataset(as_path(output), copy.finish(), sum(row in copy.images for row in rows))


@attrs.define(eq=False)
class _Maker:
    """Decode, transform and write images, one part at a time."""

    dataset: Component
    condition: Condition
    seed: int
    device: torch.device
    memory: Memory
    workers: int | None
    first_images: FirstImages
    copy: DatasetWriter
    progress: Callable[[Progress], None] | None

    def make(self, rows: Sequence[int]) -> None:
        """Make the images of some rows; one that cannot be read is recorded as a failure."""
        transforms = [(step, step.load(self.device)) for step in self.condition.steps] if rows else []
        size = max(1, min(_PART_IMAGES, _PART_BYTES // (3 * self.first_images.pixels(self.dataset))))
        done = 0
        self.copy.begin(rows)
        for part in batched(rows, size):
            decoded = DecodedImages(self.dataset.settings, part, self.workers, self.first_images.of(self.dataset))
            stimuli = TransformedImages(decoded, transforms, self.seed, self.device, keep=False)
            with contextlib.closing(decoded):
                left = list(range(len(part)))
                while left:
                    tried, batch = self._take(stimuli, left)
                    if batch is not None:
                        self.copy.write([part[position] for position in batch.positions], batch)
                    left = left[tried:]
                    done += tried
                    if self.progress is not None:
                        self.progress(Progress(done, len(rows), self.condition.title))
        self.copy.settle()

    def _take(self, stimuli: TransformedImages, positions: Sequence[int]) -> tuple[int, Batch | None]:
        """Transform the first of some images, as many as fit into memory, without those that cannot be read.

        Returns:
            The number of images tried, and the batch of those that could be read, None if none could.

        Raises:
            PluginError: a transform fails.
        """

        def transform(size: int) -> tuple[int, Batch | None]:
            tried = positions[:size]
            readable = [position for position in tried if self._is_readable(stimuli.decoded, position)]
            return len(tried), stimuli.take(readable) if readable else None

        with naming(self.condition):
            return self.memory.fit("batch", transform)

    def _is_readable(self, decoded: DecodedImages, position: int) -> bool:
        try:
            decoded.samples([position])
        except UnreadableError as error:
            self.copy.failures[decoded.rows[position]] = str(error)
            return False
        return True
