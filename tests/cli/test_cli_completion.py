"""Names and parameters are completed by click's own machinery, as each shell calls it."""

from __future__ import annotations

import re

import click
import pytest
from click.shell_completion import ShellComplete

from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog


def completed(*words):
    *args, incomplete = words
    return [item.value for item in ShellComplete(main, {}, "shapebias", "_").get_completions(args, incomplete)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "-t", "satur"), ["saturate"]),
        (("run", "-t", "saturate:"), ["saturate:p="]),
        (("run", "-a", "pgd:norm=l"), ["pgd:norm=linf", "pgd:norm=l2"]),
        (("run", "-a", "pgd:eps=8/255,ste"), ["pgd:eps=8/255,steps=", "pgd:eps=8/255,step_size="]),
        (("run", "-a", "pgd:steps=3,ste"), ["pgd:steps=3,step_size="]),
        (("run", "-c", "grayscale+satur"), ["grayscale+saturate"]),
        (("run", "-m", "torchv"), ["torchvision"]),
        (("run", "-a", "saturate"), []),
        (("run", "-t", "nothing:"), []),
        (("preview", "stimu"), ["stimuli"]),
        (("profile", "m", "--suite", "cue-c"), ["cue-conflict"]),
        (("show", "transform", "satur"), ["saturate"]),
        (("show", "metri"), ["metric"]),
        (("conf",), ["config"]),
        (("run", "--executor", "lo"), ["local"]),
        (("run", "--device", "c"), ["cpu", "cuda"]),
        (("figure", "run.h5", "shape"), ["shape", "shape-bias"]),
    ],
)
def test_values_are_completed(words, expected):
    assert completed(*words) == expected


def test_every_transform_is_offered():
    assert completed("run", "-t", "") == default_catalog().names("transform")


def test_a_results_file_comes_before_its_metric():
    assert completed("results", "run") == ["run"]  # the shell completes files
    assert "shape-bias" in completed("results", "run.h5", "shape-")


def commands(group, words=()):
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def test_every_file_and_folder_is_completed_by_the_shell():
    names = re.compile(r"FILE|FOLDER|DIR|.*\.(h5|html|toml)")
    found = {}
    for words, command in commands(main):
        for parameter in command.params:
            if names.match(parameter.metavar or ""):
                items = parameter.shell_complete(click.Context(command), "ru")
                found[(*words, parameter.name)] = {item.type for item in items} <= {"file", "dir"} and bool(items)
    assert len(found) > 30
    assert [words for words, is_completed in found.items() if not is_completed] == []
