from __future__ import annotations

import re

from shapebias.cli._progress import Lines, progress_bar
from shapebias.runtime.progress import Progress


def test_nothing_is_shown_when_quiet(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar(quiet=True) as tell:
        assert tell is None
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_images_rate_time_left_and_cell(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar() as tell:
        for done in range(0, 100, 10):
            tell(Progress(done, 100, "stimuli | [small] | clean"))
    out, err = capsys.readouterr()
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err)
    assert out == ""
    assert "90/100" in drawn
    assert re.search(r"[0-9.e+]+ images/s +\d+:\d\d", drawn)
    lines = drawn.splitlines()
    bar = next(at for at, line in enumerate(lines) if "90/100" in line)
    assert lines[bar + 1].strip("\r ") == "stimuli | [small] | clean"  # a line of its own


def test_a_log_has_a_line_for_every_finished_cell(capsys):
    with progress_bar() as tell:
        tell(Progress(10, 30, "a"))
        tell(Progress(20, 30, "a"))
        tell(Progress(20, 30, "a", "done"))
        tell(Progress(30, 30, "b"))
        tell(Progress(30, 30, "b", "failed"))
    out, err = capsys.readouterr()
    assert out == ""
    assert [re.sub(", .* left", "", line) for line in err.splitlines()] == [
        "20/30 images: a done",
        "30/30 images: b failed",
    ]


def told(times, capsys, milestone=lambda state: None):
    """Return the lines that are written when 100 more images are done at each of these seconds."""
    clock = iter(times)
    lines = Lines(lambda state: state.cell, milestone, lambda: next(clock))
    for position in range(len(times)):
        lines(Progress(100 * (position + 1), 1000, "net"))
    return capsys.readouterr().err.splitlines()


def test_a_log_has_a_line_every_30_seconds(capsys):
    # 300 images in 30 seconds, then 600 in 75: 700 and 300 images are left.
    assert told([0, 10, 29, 30, 45, 59, 75], capsys) == [
        "400/1000 images, 10 images/s, 0:01:00 left: net",
        "700/1000 images, 8 images/s, 0:00:38 left: net",
    ]


def test_a_milestone_is_written_once(capsys):
    assert [line.partition(" ")[0] for line in told(range(6), capsys, lambda state: state.done // 300)] == [
        "100/1000",
        "300/1000",
        "600/1000",
    ]
