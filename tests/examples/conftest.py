"""What the tests of the example studies share: the command line, and scripts whose commands are listed, not run."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog

ROOT = Path(__file__).parents[2]

# Stands for shapebias on the path: writes how it was called, and makes nothing.
LISTING = """#!/bin/sh
for argument in "$@"; do printf '%s\\0' "$argument" >> "$LISTED"; done
printf '\\n' >> "$LISTED"
"""


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Run ``shapebias ARGUMENTS`` in an empty folder that has the examples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    default_catalog.cache_clear()

    def run(*arguments: object) -> Result:
        default_catalog.cache_clear()  # as in a new process
        result = CliRunner(catch_exceptions=False).invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result

    yield run
    default_catalog.cache_clear()


@pytest.fixture
def commands_of(tmp_path):
    """List the arguments of every ``shapebias`` command that a shell script gives."""

    def listed(script: str, *arguments: object) -> list[list[str]]:
        program = tmp_path / "bin" / "shapebias"
        program.parent.mkdir()
        program.write_text(LISTING)
        program.chmod(0o755)
        environment = os.environ | {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "LISTED": str(tmp_path / "listed"),
        }
        subprocess.run(["sh", script, *map(str, arguments)], check=True, cwd=tmp_path, env=environment)  # noqa: S607
        return [line.split("\0")[:-1] for line in (tmp_path / "listed").read_text().splitlines()]

    return listed


@pytest.fixture
def photographs():
    """Write small images of noise, each class with a colour of its own."""

    def write(files: dict[Path, int], size: int) -> None:
        random = np.random.default_rng(0)
        for file, label in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            colour = np.array([(40 * label) % 256, (90 * label) % 256, 128])
            noise = random.normal(0, 30, (size, size, 3))
            Image.fromarray((colour + noise).clip(0, 255).astype(np.uint8)).save(file)

    return write


@pytest.fixture
def shortened():
    """Leave one model in the text of a study, and take out the style transfer, whose weights are not made here."""

    def cut(study: str, title: str) -> str:
        before, _, models = study.partition("[models]\n")
        (model,) = [line for line in models.splitlines() if line.startswith(f"{title} = ")]
        without = re.sub(r'^  "(stylize=)?stylize.*\n', "", before, flags=re.MULTILINE)
        assert len(without) < len(before)
        return f"{without}[models]\n{model}\n"

    return cut
