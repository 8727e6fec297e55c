"""Every command and every piece of Python in the README runs, and prints what the README says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from lay_out_data import lay_out

from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands():
    """Yield each `shapebias` command with the lines that the README shows below it."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for entry in block.split("$ ")[1:]:
            command, *shown = entry.strip().splitlines()
            if command.startswith("shapebias"):
                yield command, shown


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder, with the plugins of this environment only afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "")  # taken back afterwards, whatever a command adds
    default_catalog.cache_clear()
    yield tmp_path
    default_catalog.cache_clear()


def run(command, **paths):
    for written, real in paths.items():
        command = command.replace(written, str(real))
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_commands_on_drawn_stimuli_work(elsewhere):
    plain = [command for command, _ in commands() if "../shared" not in command]
    assert len(plain) >= 6
    for command in plain:
        if command.split()[1] == "run":
            (elsewhere / "run.h5").unlink(missing_ok=True)
        assert run(command).strip()


@pytest.mark.parametrize(
    ("command", "shown"), [(command, shown) for command, shown in commands() if "../shared" in command]
)
def test_the_commands_on_real_images_print_what_is_shown(command, shown, data_dir, elsewhere, monkeypatch):
    lay_out(data_dir, elsewhere / "data")
    monkeypatch.setenv("SHAPEBIAS_DATA", str(elsewhere / "data"))
    command = command.replace("../shared/data", str(data_dir)).replace(
        "examples/plugins", str(ROOT / "examples/plugins")
    )
    printed = [line.split() for line in run(command).splitlines()]
    assert len(shown) > 1
    assert printed[: len(shown)] == [line.split() for line in shown]


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_the_python_works(code, elsewhere):
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})  # noqa: S102 - the README is ours
