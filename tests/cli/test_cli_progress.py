from __future__ import annotations

import re

from shapebias.cli._progress import progress_bar
from shapebias.engine import Progress


def test_nothing_is_drawn_where_stderr_is_no_terminal(capsys):
    with progress_bar() as tell:
        assert tell is None
    assert capsys.readouterr().err == ""


def test_nothing_is_drawn_when_quiet(capsys, monkeypatch):
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
    assert "stimuli | [small] | clean" in drawn
