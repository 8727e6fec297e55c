from __future__ import annotations

import math

import pytest

from shapebias.cli._output import echo_table

ROWS = [["a long name that no terminal of 20 columns can hold", 0.123456, 12], ["b", math.nan, None]]


def test_a_pipe_gets_plain_aligned_text(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    echo_table(["name", "value", "n"], ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "name                                                  value   n",
        "a long name that no terminal of 20 columns can hold  0.1235  12",
        "b",
    ]


def test_a_terminal_gets_every_word_too(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    echo_table(["name", "value [unit]", "n"], ROWS)
    out = capsys.readouterr().out
    assert "\x1b[1m" in out
    assert all(word in out for word in ("value [unit]", "can hold", "0.1235", "12"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1 / 3, "0.3333"), (1234567, "1234567"), (2e-7, "2e-07"), (None, ""), ("8/255", "8/255"), (1.0, "1")],
)
def test_numbers_are_rounded_and_whole_numbers_are_not(capsys, value, text):
    echo_table(["x"], [[value]])
    assert capsys.readouterr().out.splitlines()[1] == text
