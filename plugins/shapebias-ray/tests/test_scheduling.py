"""What happens to a piece whose worker is lost, without a cluster."""

from __future__ import annotations

import attrs
import pytest
from ray import exceptions
from shapebias_ray.executor import Ray
from shapebias_ray.pool import Member, Resources
from shapebias_ray.queue import Piece
from shapebias_ray.scheduling import Scheduler, _Running
from shapebias_ray.worker import Facts

import shapebias as sb
from shapebias.plugin import ComputeOptions, Part, ShapebiasError, WorkersChanged, default_catalog
from shapebias.testing import plan_study

DIED, LOST = exceptions.ActorDiedError(), exceptions.ObjectLostError("00", None, "")
OUT_OF_MEMORY = exceptions.OutOfMemoryError("the node ran low on memory")


@attrs.define
class Lossy:
    """A pool that only loses workers."""

    node_is_there: bool = True
    members: list[Member] = attrs.field(factory=list)
    lost: int = 0
    resources: Resources = attrs.field(factory=lambda: Resources(1, 0, 1, 1))

    def lose(self, member):
        self.lost += 1
        return self.node_is_there


@pytest.fixture
def lose():
    """A function that loses the worker of a piece with two conditions; it returns the scheduler and its messages."""
    study = sb.Study("stimuli:images=8,size=32", {"net": "cnn:num_classes=8,width=2,depth=2"}, ["clean", "grayscale"])
    plan = plan_study(study)

    def lose_worker(*errors, node_is_there=True, halvings=0, kills=0):
        scheduler = Scheduler(plan, Lossy(node_is_there), 0)
        scheduler._queue = type(scheduler._queue)()  # noqa: SLF001 - what waits is what is tried again
        running = _Running(Member(None, Facts("node", "host", 1)), Piece(plan.works[0], kills), halvings)
        messages = []
        for error in errors:
            messages += scheduler._lose(running, error)  # noqa: SLF001
        return scheduler, messages

    return lose_worker


def waiting(scheduler):
    """Take the pieces that are tried again: their conditions, and how many workers they have killed."""
    found = []
    while (piece := scheduler._queue.take(None)) is not None:  # noqa: SLF001
        found.append(([task.cell.condition.title for task in piece.work.tasks], piece.kills))
    return found


@pytest.mark.parametrize(
    ("error", "node_is_there", "kills"),
    [(DIED, True, 1), (DIED, False, 0), (LOST, False, 0), (LOST, True, 1), (OUT_OF_MEMORY, True, 0)],
)
def test_what_was_lost_is_tried_again_condition_by_condition(lose, error, node_is_there, kills):
    scheduler, messages = lose(error, node_is_there=node_is_there)
    assert messages == [WorkersChanged(0, 1)]
    assert waiting(scheduler) == [(["clean"], kills), (["grayscale"], kills)]


@pytest.mark.parametrize(
    ("errors", "halvings", "left"),
    [
        ([DIED, LOST], 0, 0),
        ([OUT_OF_MEMORY], 0, 1),
        ([OUT_OF_MEMORY], 3, 4),
        ([OUT_OF_MEMORY] * 2, 0, 1),  # two workers that died together had the same batches
        ([OUT_OF_MEMORY], 8, 0),  # one image does not fit: it counts as a death
    ],
)
def test_batches_are_halved_once_for_each_death_by_memory(lose, errors, halvings, left):
    scheduler, _ = lose(*errors, halvings=halvings)
    assert scheduler._halvings.get("net", 0) == left  # noqa: SLF001


@pytest.mark.parametrize("error", [DIED, OUT_OF_MEMORY])
def test_the_second_death_is_recorded_as_failed(lose, error):
    scheduler, messages = lose(error, kills=1, halvings=8)
    failed = [(part.cell.condition.title, part.status) for part in messages if isinstance(part, Part)]
    assert failed == [("clean", "failed"), ("grayscale", "failed")]
    assert waiting(scheduler) == []


def test_the_executor_is_spelled_like_everything_else():
    found = default_catalog().component("executor", "ray:address=auto,workers=8,gpus_per_worker=1").settings
    assert found == Ray("auto", 8, gpus_per_worker=1)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "nowhere.invalid:6379", "ray://127.0.0.1:9", "127.0.0.1:99999"])
def test_an_address_without_a_cluster_is_refused_at_once(address):
    executor = Ray(address).start()
    with pytest.raises(ShapebiasError, match=f"no Ray cluster at address={address}: .*start one with 'ray start"):
        executor.describe_device(ComputeOptions("cpu"))
