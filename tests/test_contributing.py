"""What CONTRIBUTING.md tells newcomers works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import shapebias
from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.specs import KINDS

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder, with the plugins of this environment only afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "")  # taken back afterwards, whatever a command adds
    yield tmp_path
    default_catalog.cache_clear()


def test_the_plugin_of_the_recipe_runs(elsewhere):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (elsewhere / "my_plugins").mkdir()
    (elsewhere / "my_plugins" / "posterize.py").write_text(code)
    show, run, check = re.findall(r"^\$ shapebias (.*)$", PAGE, re.MULTILINE)
    run = run.replace("stimuli:cue=conflict", "stimuli:images=8,size=32").replace("cnn:num_classes=8", "cnn:8,width=4")
    for arguments, said in ((show, "posterize:levels="), (run, "posterize:levels=3"), (check, " passed")):
        default_catalog.cache_clear()  # as in a new process
        done = CliRunner().invoke(main, arguments.split())
        assert done.exit_code == 0
        assert all(re.match(r"\d+/\d+ images", line) for line in done.stderr.splitlines())  # progress, and no warning
        assert said in done.stdout


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"`((?!\S*NAME)(?:shapebias|docs|tests|examples|benchmarks|plugins)/[\w/.]*)`", PAGE))),
)
def test_every_path_that_is_named_exists(path):
    assert (PROJECT / path).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_recipe(kind):
    (row,) = re.findall(rf"^\| {kind} \|.*$", PAGE, re.MULTILINE)
    file, spec, tests = re.search(r"`(\S+)/NAME.py` \| `(\w+)`.*?\| `(\S+)/` \|", row).groups()
    assert (PROJECT / file).is_dir()
    assert (PROJECT / tests).is_dir()
    assert getattr(shapebias.plugin, spec).kind == kind


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:\$ |`)(?:PYTHON=\S+ )?make ([a-z-]+)", PAGE)) <= targets
