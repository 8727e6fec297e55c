"""A cell is reported once: when its last images are on the disk, or at the end where it failed early."""

from __future__ import annotations

import numpy as np
import pytest

from shapebias.engine import cell_events
from shapebias.engine.identity import Recorder
from shapebias.engine.plan import ComputeOptions, Plan, Task, Work
from shapebias.plugins.study_results import CellSummary
from shapebias.store import Part
from shapebias.study import Study

STUDY = Study("stimuli:images=8,size=32", "cnn:num_classes=8,width=4")
(CELL,) = STUDY.cells()
RECORD = Recorder(STUDY, "float32").cell(CELL)


@pytest.fixture
def told(monkeypatch):
    told = []
    monkeypatch.setattr(cell_events, "notify", lambda event, **arguments: told.append((event, arguments)))
    return told


@pytest.fixture
def cells(told):
    rows = [(0, 1, 2), (3, 4)]
    works = [Work(CELL.dataset, RECORD.dataset, part, (Task(CELL, RECORD, RECORD.key, part),)) for part in rows]
    return cell_events.CellEvents(Plan(STUDY, ComputeOptions(), tuple(works)))


def part(*rows, **fields):
    return Part(RECORD, np.array(rows), **fields)


def test_a_cell_is_reported_after_its_last_part(cells, told):
    cells.written(part(0, 1, 2, attributes={"seconds": 1.5}))
    assert told == []
    cells.written(part(3, 4, attributes={"seconds": 2.0}))
    assert told == [("shapebias_cell_finished", {"cell": CELL, "summary": CellSummary(5, 0, 3.5)})]
    cells.end()
    assert len(told) == 1


def test_images_that_cannot_be_read_count_as_failed(cells, told):
    cells.written(part(0, 2))
    cells.written(part(1, status="failed", error="unreadable"))
    cells.written(part(3, 4))
    assert told[0][1]["summary"] == CellSummary(4, 1, 0.0, "unreadable")


def test_a_cell_that_fails_early_is_reported_at_the_end(cells, told):
    cells.written(part(0, 1, 2, status="failed", error="first"))
    assert told == []
    cells.end()
    assert told[0][1]["summary"] == CellSummary(0, 5, 0.0, "first")
