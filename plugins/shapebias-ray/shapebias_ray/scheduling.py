"""Give pieces to workers, take what they finish, and give lost pieces to others."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import attrs

from shapebias.plugin import (
    BatchComputed,
    DatasetPart,
    Message,
    Part,
    Plan,
    Sender,
    ShapebiasError,
    WorkersChanged,
    failed_parts,
    pieces,
)
from shapebias_ray.pool import Member, Pool
from shapebias_ray.queue import Piece, Queue

__all__ = ["Scheduler"]

_UNREAD = 2  # lists of messages that a worker may be ahead of this process; this bounds the memory of this process
_KILLS = 2
_MOST_HALVINGS = 8  # from the 256 images of a batch on CUDA to one


@attrs.define(eq=False)
class _Running:
    """A piece that a worker computes, how often its batches were halved, and the rows of each cell that have come."""

    member: Member
    piece: Piece
    halvings: int
    received: dict[str, set[int]] = attrs.field(factory=dict)


class Scheduler:
    """The computation of one plan.

    Args:
        plan: what to compute.
        pool: the workers.
        patience: seconds to wait for a worker if none is left.
    """

    def __init__(self, plan: Plan, pool: Pool, patience: float) -> None:
        self._sender, self._pool, self._patience = Sender(plan.study), pool, patience
        self._queue = Queue()
        for work in pieces(plan.works, pool.resources.workers):
            self._queue.put(Piece(work))
        self._running: dict[Any, _Running] = {}
        self._described: set[tuple[str, tuple[int, ...]]] = set()
        self._failed: set[str] = set()
        self._halvings: dict[str, int] = {}  # by model: what it needs in memory differs most

    def messages(self) -> Generator[Message]:
        """Yield what the workers finish; at the end, stop those that are still computing."""
        try:
            yield self._workers()
            while self._queue or self._running:
                yield from self._start()
                yield from self._receive()
        finally:
            self._pool.stop([running.member for running in self._running.values()])
            self._running.clear()

    def _workers(self) -> WorkersChanged:
        return WorkersChanged(len(self._pool.members), self._pool.lost)

    def _start(self) -> Iterator[Message]:
        """Give every free worker a piece."""
        busy = {id(running.member) for running in self._running.values()}
        for member in self._pool.members:
            while id(member) not in busy:
                elsewhere = {other.model for other in self._pool.members if other.model and other is not member}
                piece = self._queue.take(member.model, elsewhere)
                if piece is None:
                    return
                given_up = [task for task in piece.work.tasks if task.key in self._failed]
                for task in given_up:
                    yield BatchComputed(len(task.rows), task.cell.title)
                left = piece.work.without({task.key: task.rows for task in given_up})
                if left is not None:
                    self._give(member, attrs.evolve(piece, work=left))
                    busy.add(id(member))

    def _give(self, member: Member, piece: Piece) -> None:
        member.model = piece.model
        describe = (piece.work.record.key, piece.work.rows) not in self._described
        halvings = self._halvings.get(piece.model, 0)
        call = member.actor.compute.options(num_returns="streaming", _generator_backpressure_num_objects=_UNREAD)
        generator = call.remote(self._sender.sent(piece.work), describe=describe, halvings=halvings)
        self._running[generator] = _Running(member, piece, halvings)

    def _receive(self) -> Iterator[Message]:
        """Wait until a worker has a message, and yield it.

        Raises:
            ShapebiasError: no worker is left, and none has started in time.
        """
        import ray

        timeout = None if self._running else self._patience
        ready, _ = ray.wait([*self._running, *self._pool.opening], num_returns=1, timeout=timeout)
        if not ready:
            raise ShapebiasError(
                f"no worker is left, and none started within {self._patience:g} seconds; what is finished is kept: run "
                "the same command again when the cluster has free resources"
            )
        (one,) = ready
        if one in self._pool.opening:
            self._pool.opened(one)
            yield self._workers()
            return
        running = self._running.pop(one)
        try:
            found = ray.get(next(one))
        except StopIteration:
            return
        except ray.exceptions.RayTaskError as error:  # the worker is there, and raised it
            yield from self._give_up(running, str(error))
            return
        except ray.exceptions.RayError as error:  # the worker died, or what it sent was lost with its node
            yield from self._lose(running, error)
            return
        self._running[one] = running  # at the end, so that every worker has its turn
        for message in found:
            yield from self._take(running, message)

    def _take(self, running: _Running, message: Message) -> Iterator[Message]:
        if isinstance(message, DatasetPart):
            key = message.dataset.key, tuple(message.rows.tolist())
            if key in self._described:
                return
            self._described.add(key)
        elif isinstance(message, Part):
            running.received.setdefault(message.cell.key, set()).update(message.rows.tolist())
            if message.status == "failed" and len(message.rows) == len(_rows(running, message.cell.key)):
                self._failed.add(message.cell.key)
        yield message

    def _lose(self, running: _Running, error: Exception) -> Iterator[Message]:
        """Give the rest of a piece to another worker; what has killed two workers is recorded as failed.

        Where memory ran out, batches of this model are halved, and only when that is no longer possible does it count.
        """
        kills = running.piece.kills + (self._pool.lose(running.member) and not self._halve(running, error))
        yield self._workers()
        if kills >= _KILLS:
            yield from self._give_up(running, f"{kills} workers died while they computed this; the last one: {error}")
            return
        left = running.piece.work.without(running.received)
        # Condition by condition, so that only the one that kills workers is recorded as failed.
        for work in left.by_condition() if left is not None else ():
            self._queue.put(Piece(work, kills))

    def _halve(self, running: _Running, error: Exception) -> bool:
        """Halve the batches of a model where Ray killed a worker because its node ran out of memory."""
        import ray

        if not isinstance(error, ray.exceptions.OutOfMemoryError) or running.halvings >= _MOST_HALVINGS:
            return False
        model = running.piece.model
        self._halvings[model] = max(
            self._halvings.get(model, 0), running.halvings + 1
        )  # once for workers that die together
        return True

    def _give_up(self, running: _Running, reason: str) -> Iterator[Message]:
        left = running.piece.work.without(running.received)
        for part in failed_parts(left, reason) if left is not None else ():
            self._failed.add(part.cell.key)
            yield BatchComputed(len(part.rows), part.cell.title)
            yield part


def _rows(running: _Running, key: str) -> tuple[int, ...]:
    return next(task.rows for task in running.piece.work.tasks if task.key == key)
