"""The table of timm's families: what a row says of small networks, and that the page repeats what the script finds."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "examples" / "families.py"))
PAGE = (ROOT / "docs" / "families.md").read_text(encoding="utf-8")


def test_a_row_says_what_works_and_why_something_does_not():
    row = SCRIPT["examine"]("resnet", "test_resnet")
    assert (row.input_size, row.answers, row.gradient, row.guided_backprop) == ("160x160", "yes", "yes", "yes")
    assert row.grad_cam == "layer4 (NCHW)"
    row = SCRIPT["examine"]("vision_transformer", "test_vit")
    assert (row.answers, row.gradient, row.grad_cam) == ("yes", "yes", "blocks.5.norm1 (NLC)")
    assert row.guided_backprop.endswith("VisionTransformer has none")


def test_rows_are_kept_and_printed(tmp_path):
    row = SCRIPT["Row"]("family", "network", 1_500_000, "32x32", "yes", "yes", "stage (NCHW)", "no ReLU")
    SCRIPT["write"](tmp_path / "rows.csv", row)
    SCRIPT["write"](tmp_path / "rows.csv", row)
    assert SCRIPT["read"](tmp_path / "rows.csv") == [row, row]
    assert "| family | `network` | 1.5 | 32 | yes | yes | stage (NCHW) | no ReLU |" in SCRIPT["table"]([row])


def test_the_page_names_every_family():
    assert all(f"| {family} |" in PAGE or f"`{family}`" in PAGE for family in SCRIPT["families"]())


@pytest.mark.slow
@pytest.mark.parametrize(("family", "architecture"), [("resnet", "resnet10t"), ("regnet", "regnetx_002")])
def test_the_page_says_what_the_script_finds(family, architecture):
    row = SCRIPT["examine"](family, architecture)
    assert SCRIPT["table"]([row]).splitlines()[-1] in PAGE
