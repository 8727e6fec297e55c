"""What a store with many cells costs grows in proportion to them; Python's calls are counted, not a clock."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import shapebias as sb

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "many_cells.py"


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Return two stores, of which the second has three times the models of the first, and the number of cells."""
    spec = importlib.util.spec_from_file_location("many_cells", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    folder = tmp_path_factory.mktemp("many")
    for models in (8, 24):
        script.made_up_store(folder / f"{models}.h5", models, 5)
    sb.open(folder / "8.h5").metric("headline")  # what is imported at the first call is not counted
    return folder / "8.h5", folder / "24.h5"


def calls(function):
    """Count the calls of Python and C functions."""
    count = 0

    def profile(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "use",
    [
        lambda path: sb.open(path).close(),
        lambda path: sb.open(path).cells(),
        lambda path: sb.open(path).answers(),
        lambda path: sb.open(path).metric("accuracy"),
        lambda path: sb.open(path).metric("headline"),
        lambda path: sb.Study.from_toml(sb.open(path).store.header.study),
    ],
    ids=["open", "cells", "answers", "accuracy", "headline", "study"],
)
def test_three_times_the_models_take_three_times_the_calls(stores, use):
    small, large = (calls(lambda path=path: use(path)) for path in stores)
    assert large < 3.3 * small
