from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys

import click
import pytest

from shapebias import engine
from shapebias.cli import COMMANDS, main
from shapebias.errors import StudyError

ONE_TRANSFORM = """
import attrs
from shapebias import TransformSpec, hookimpl, param

@attrs.frozen
class Invert:
    strength: float = param("how much", default=1.0, ge=0, le=1)

    def __call__(self, images, rng):
        return images + self.strength * (1 - 2 * images)

@hookimpl
def shapebias_transforms():
    yield TransformSpec("invert", Invert, summary="light becomes dark")
"""


def help_examples():
    for name in (None, *COMMANDS):
        command = main.get_command(click.Context(main), name) if name else main
        lines = command.epilog.splitlines()[2:]
        yield from (pytest.param(line.strip(), id=line.strip()) for line in lines)


def test_help_lists_every_command_in_the_order_of_the_work(cli):
    text = cli("--help").stdout
    listed = [line.split()[0] for line in text.partition("Commands:\n")[2].splitlines() if line.startswith("  ")]
    assert listed[: len(COMMANDS)] == list(COMMANDS)


def test_without_arguments_it_shows_the_help(cli):
    assert "Usage: main" in cli().output


def test_version_is_that_of_the_distribution(cli):
    from importlib import metadata

    assert cli("--version").stdout.strip().endswith(metadata.version("shapebias"))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_ends_with_examples(cli, name):
    text = cli(name, "--help").stdout
    assert f"\n    shapebias {name} " in text.partition("Examples:")[2] + " "


@pytest.mark.parametrize("example", help_examples())
def test_the_examples_in_the_help_work(cli, example, tmp_path, run_file, monkeypatch):
    """Each is run as it stands; only the engine is a stand-in, which takes the study and gives the results of another."""
    (tmp_path / "my_plugins").mkdir()
    (tmp_path / "study.toml").write_text('datasets = ["stimuli"]\nmodels = ["cnn:8"]\n')
    for name in ("run.h5", "a.h5", "b.h5"):
        shutil.copy(run_file, tmp_path / name)
    studies = []
    real_run = engine.run

    def stand_in(study, output, *, progress, **how):
        real_run.__wrapped__ if False else None
        studies.append(study)
        from shapebias.store import open_store

        return open_store(output)

    monkeypatch.setattr(engine, "run", stand_in)
    program, *arguments = shlex.split(example.partition(" > ")[0])
    assert program == "shapebias"
    result = cli(*arguments)
    assert result.exit_code == 0, result.output
    assert len(studies) == (arguments[0] == "run")
