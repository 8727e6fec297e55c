"""The pieces that wait for a worker, and the choice of the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import attrs

from shapebias.plugin import Work

__all__ = ["Piece", "Queue"]


@attrs.frozen(eq=False)
class Piece:
    """A piece of a plan: one part of a data set, and some cells of one model.

    Args:
        work: what to compute.
        kills: the number of workers that died while they computed it.
    """

    work: Work
    kills: int = 0

    @property
    def model(self) -> str:
        """The name of its model."""
        return self.work.model.title

    @property
    def images(self) -> int:
        """Images times cells."""
        return sum(len(task.rows) for task in self.work.tasks)


@attrs.define
class Queue:
    """Pieces by model: a worker keeps its model until no pieces of it are left, then takes another model."""

    _waiting: dict[str, deque[Piece]] = attrs.field(factory=dict, init=False)
    _images: dict[str, int] = attrs.field(factory=dict, init=False)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, piece: Piece) -> None:
        """Add a piece."""
        self._waiting.setdefault(piece.model, deque()).append(piece)
        self._images[piece.model] = self._images.get(piece.model, 0) + piece.images

    def take(self, loaded: str | None, elsewhere: Collection[str] = ()) -> Piece | None:
        """Remove and return the piece that a worker gets next; None if none is waiting.

        Args:
            loaded: the model that the worker has loaded.
            elsewhere: models that other workers have loaded; they are taken only if there is no other model, the one
                with the most images left first.
        """
        if not self._waiting:
            return None
        model = loaded if loaded in self._waiting else self._other(elsewhere)
        pieces = self._waiting[model]
        piece = pieces.popleft()
        self._images[model] -= piece.images
        if not pieces:
            del self._waiting[model], self._images[model]
        return piece

    def _other(self, elsewhere: Collection[str]) -> str:
        for model in self._waiting:
            if model not in elsewhere:
                return model
        return max(self._images, key=lambda model: self._images[model])
