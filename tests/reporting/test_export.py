from __future__ import annotations

import io
import json
import re

import numpy as np
import pandas as pd
import pytest

from shapebias.cli._frames import FORMATS as OFFERED
from shapebias.reporting.export import FORMATS, write

TABLE = pd.DataFrame(
    {
        "model": ["net_1 & co", "a|b"],
        "eps": [4 / 255, np.nan],
        "value": [1 / 3, np.nan],
        "low": [0.25, np.nan],
        "high": [0.5, np.nan],
        "n": pd.array([12, pd.NA], dtype="Int64"),
        "empty": [np.nan, np.nan],
    }
)


def test_the_command_line_offers_each_format():
    assert set(OFFERED) == set(FORMATS)


def test_csv_is_read_back_unchanged():
    read = pd.read_csv(io.StringIO(write(TABLE, "csv"))).astype({"n": "Int64"})
    pd.testing.assert_frame_equal(read, TABLE)


def test_json_has_python_numbers_and_null():
    rows = json.loads(write(TABLE, "json"))
    assert rows[0]["value"] == 1 / 3
    assert rows[0]["n"] == 12
    assert rows[1] == {"model": "a|b"} | dict.fromkeys(["eps", "value", "low", "high", "n", "empty"])


def test_markdown_has_one_cell_a_column_and_joins_value_and_interval():
    lines = write(TABLE, "markdown").splitlines()
    assert {len(re.split(r"(?<!\\)\|", line)) for line in lines} == {6}
    assert [cell.strip() for cell in re.split(r"(?<!\\)\|", lines[2])[1:-1]] == [
        "net_1 & co",
        "4/255",
        "0.333 [0.250, 0.500]",
        "12",
    ]
    assert lines[3].startswith(r"| a\|b |")


def test_latex_escapes_what_means_something_there():
    text = write(TABLE, "latex")
    assert r"net\_1 \& co & 4/255 & 0.333 [0.250, 0.500] & 12 \\" in text
    assert text.count("{tabular}") == 2


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_table_can_be_written(form):
    assert isinstance(write(TABLE.iloc[:0], form), str)
