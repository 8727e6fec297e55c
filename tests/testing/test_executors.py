"""The rules of executors find executors that lose, change, repeat or delay something."""

from __future__ import annotations

import attrs
import pytest

from shapebias.engine.local_executor import LocalExecutor
from shapebias.store import DatasetPart, Part


def changed(execute):
    """Return settings whose executor changes what this process yields."""

    class Running(LocalExecutor):
        def execute(self, plan):
            yield from execute(self, plan, super().execute)

    @attrs.frozen
    class Changed:
        """An executor."""

        def start(self):
            return Running()

    return Changed


def as_it_is(_self, plan, execute):
    yield from execute(plan)


def loses_a_part(_self, plan, execute):
    parts = list(execute(plan))
    parts.remove(next(part for part in parts if isinstance(part, Part)))
    yield from parts


def repeats_a_part(_self, plan, execute):
    for message in execute(plan):
        yield message
        if isinstance(message, Part):
            yield message


def changes_scores(_self, plan, execute):
    for message in execute(plan):
        if isinstance(message, Part) and "logits" in message.arrays:
            yield attrs.evolve(message, arrays={**message.arrays, "logits": message.arrays["logits"] + 1})
        else:
            yield message


def stops_at_a_failure(_self, plan, execute):
    for message in execute(plan):
        if isinstance(message, Part) and message.status == "failed":
            raise RuntimeError(message.error)
        yield message


def describes_last(_self, plan, execute):
    parts = list(execute(plan))
    yield from (part for part in parts if not isinstance(part, DatasetPart))
    yield from (part for part in parts if isinstance(part, DatasetPart))


SAME, FIRST, STOPS = (
    "returns what this process returns",
    "returns the images of a part before their answers",
    "stops when it is closed, and starts again",
)


@pytest.mark.parametrize(
    ("execute", "broken"),
    [
        (as_it_is, []),
        (loses_a_part, [SAME, STOPS]),
        (repeats_a_part, [SAME, STOPS]),
        (changes_scores, [SAME]),
        (stops_at_a_failure, [SAME, FIRST, STOPS]),
        (describes_last, [FIRST]),
    ],
)
def test_each_fault_is_found(failures, execute, broken):
    assert sorted(failures("executor", changed(execute))) == sorted(broken)
