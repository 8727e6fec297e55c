from __future__ import annotations

import math

import pytest

from shapebias.cli._output import echo_table

ROWS = [["a long name that no terminal of 20 columns can hold", 0.123456, 12], ["b", math.nan, None]]


def test_a_pipe_gets_a_line_for_each_row(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    echo_table(["name", "value", "n"], ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "name                                                  value   n",
        "a long name that no terminal of 20 columns can hold  0.1235  12",
        "b",
    ]


def test_a_page_of_known_width_gets_every_word(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    echo_table(["name", "value [unit]", "n"], ROWS)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 30
    assert {*ROWS[0][0].split(), "value", "[unit]", "0.1235", "12"} <= set(out.split())


def test_decimal_points_are_below_each_other(capsys):
    echo_table(["x"], [[0.5], [12.0625], [3], [None]])
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.find(".") for line in lines[:2]] == [2, 2]
    assert lines[2].index("3") == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(1 / 3, "0.3333"), (1234567, "1234567"), (2e-7, "2e-07"), (None, ""), ("8/255", "8/255"), (1.0, "1")],
)
def test_numbers_are_rounded_and_whole_numbers_are_not(capsys, value, text):
    echo_table(["x"], [[value]])
    assert capsys.readouterr().out.splitlines()[1] == text
