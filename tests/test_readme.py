"""Every command and every piece of Python in the README runs, and prints what the README says."""

from __future__ import annotations

import re

import pytest
from readme_commands import README, commands, invoke

from shapebias.plugins.catalog import default_catalog


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder, with the plugins of this environment only afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "")  # taken back afterwards, whatever a command adds
    default_catalog.cache_clear()
    yield tmp_path
    default_catalog.cache_clear()


def test_the_commands_on_drawn_stimuli_work(elsewhere):
    plain = [command for command, _ in commands() if "../shared" not in command]
    assert len(plain) >= 6
    for command in plain:
        if command.split()[1] == "run":
            (elsewhere / "run.h5").unlink(missing_ok=True)
        assert invoke(command).strip()


@pytest.mark.parametrize(
    ("command", "shown"), [(command, shown) for command, shown in commands() if "../shared" in command]
)
def test_the_commands_on_real_images_print_what_is_shown(command, shown, real_runs):
    printed = [line.split() for line in real_runs.printed(command).splitlines()]
    assert len(shown) > 1
    assert printed[: len(shown)] == [line.split() for line in shown]


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_the_python_works(code, elsewhere):
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})  # noqa: S102 - the README is ours
