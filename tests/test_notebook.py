"""The notebook has its results and runs; so does the page about Python."""

from __future__ import annotations

import json
import re
from pathlib import Path

import matplotlib as mpl
import pytest

ROOT = Path(__file__).parents[1]
CELLS = json.loads((ROOT / "examples/fine_tuning.ipynb").read_text(encoding="utf-8"))["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]
PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    return tmp_path


def test_the_notebook_was_run_from_top_to_bottom():
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    kinds = [kind for cell in CODE for output in cell["outputs"] for kind in output.get("data", ())]
    assert kinds.count("image/png") >= 5
    assert all(output["output_type"] != "error" for cell in CODE for output in cell["outputs"])
    assert "/" + "work" not in json.dumps(CELLS)


@pytest.mark.slow
def test_the_notebook_runs_with_less_training(elsewhere):
    shorter = {"images=1024": "images=64", "steps=16": "steps=2", "images=112": "images=56"}
    names = {"__name__": "notebook"}
    for cell in CODE:
        source = "".join(cell["source"])
        for written, used in shorter.items():
            source = source.replace(written, used)
        exec(compile(source, "fine_tuning.ipynb", "exec"), names)  # noqa: S102 - the notebook is ours
    assert (elsewhere / "shape-bias.pdf").stat().st_size > 1000
    assert len(names["results"].frame()) == 56 * 2 * 4


def test_the_python_of_the_page_runs(elsewhere):
    names = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "python.md", "exec"), names)  # noqa: S102 - the page is ours
    assert len(names["answers"]) == 32 * 3
