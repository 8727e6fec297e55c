"""What docs/stylize.md says of weights is what the code downloads; its command runs, and its picture is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from click.testing import CliRunner
from PIL import Image
from readme_commands import with_our_data

from shapebias.cli import main
from shapebias.transforms._adain import AdaIN, published_weights
from shapebias.transforms._microast import MicroAST

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "stylize.md").read_text(encoding="utf-8")


def test_the_checksums_are_those_that_are_checked(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "shapebias.transforms._adain.download", lambda _, path, digest: asked.append((path.name, digest))
    )
    published_weights()
    assert re.findall(r"\| `(\w+\.pth)` \| `(\w{64})` \|", PAGE) == asked


def test_the_numbers_of_weights_are_those_of_the_networks():
    for network, shown in ((AdaIN(), "7.0 million"), (MicroAST(), "0.47 million")):
        count = sum(weights.numel() for weights in network.parameters())
        assert abs(count / 1e6 - float(shown.split()[0])) < 0.05
        assert f"| {shown}" in PAGE


def test_the_commands_run_and_print_what_is_shown(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for entry in block.split("$ ")[1:]:
            command, *shown = entry.strip().splitlines()
            arguments = shlex.split(with_our_data(command, data_dir))[1:]
            few = ["--limit", "3"] if arguments[0] == "run" else []
            result = CliRunner().invoke(main, [*arguments, *few])
            assert result.exit_code == 0, result.output
            assert not shown or result.stdout.splitlines() == shown


def test_the_picture_is_there_and_small():
    (picture,) = re.findall(r"!\[.+\]\((.+)\)", PAGE)
    with Image.open(DOCS / picture) as image:
        assert image.size == (7 * 128, 5 * 128)
    assert (DOCS / picture).stat().st_size < 150_000
