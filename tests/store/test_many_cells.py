"""What a store with many cells costs grows in proportion to them; Python's calls are counted, not a clock."""

from __future__ import annotations

import importlib.util
import resource
import sys
from pathlib import Path

import pytest

import shapebias as sb

MODELS = 1300
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "many_cells.py"


@pytest.fixture(scope="module")
def script():
    """The benchmark that writes stores of made-up answers."""
    spec = importlib.util.spec_from_file_location("many_cells", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stores(script, tmp_path_factory):
    """Return two stores, of which the second has three times the models of the first."""
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


def memory():
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.slow
def test_fifty_two_thousand_cells_are_opened_listed_and_reported(script, tmp_path):
    counts, memories = {}, {}
    for models in (MODELS // 13, MODELS):
        path = tmp_path / f"{models}.h5"
        script.made_up_store(path, models, 40)
        with sb.open(path) as results:
            assert len(results.cells()) == len(results.answers()) == models * 40
            assert results.metric("headline").model.nunique() == models
            memories[models * 40] = memory()
        counts[models] = calls(lambda path=path: sb.open(path).metric("headline"))
    assert counts[MODELS] < 13 * 1.1 * counts[MODELS // 13]
    (few, small), (many, large) = memories.items()
    assert large - small < 40_000 * (many - few)
    page = sb.report(sb.open(path), tmp_path / "page.html", models=3, images=2).read_text()
    assert f"3 of {MODELS:,} models" in page
