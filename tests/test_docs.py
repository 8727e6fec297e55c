"""The documentation is whole: pages are in the table of contents, names are documented, blocks run, the site builds."""

from __future__ import annotations

import contextlib
import json
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import shapebias
from shapebias import plugin
from shapebias.cli import COMMANDS, main
from shapebias.plugins import events, hookspecs
from shapebias.plugins.catalog import Catalog, default_catalog
from shapebias.plugins.discovery import EVENTS, discover
from shapebias.testing import checks, outcomes

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_every_page_is_in_the_table_of_contents():
    listed = {line for block in blocks("index.md", "{toctree}") for line in block.split() if not line.startswith(":")}
    assert {path.stem for path in DOCS.glob("*.md")} - {"index"} <= listed


@pytest.mark.parametrize("name", sorted({*shapebias.__all__} - {"__version__"}))
def test_every_public_name_is_in_the_reference(name):
    written = "open_store" if name == "open" else name
    assert re.search(rf"[.`]{written}\b", REFERENCE) or name.endswith("Spec")  # the specs are one module


def test_every_name_of_the_reference_exists():
    named = re.findall(r"^\.\. auto(?:class|function|exception|module|data):: (\S+)$", REFERENCE, re.MULTILINE)
    assert len(named) > 50
    assert [name for name in named if not resolves(name)] == []


def resolves(name):
    with contextlib.suppress(ImportError, AttributeError):
        pkgutil.resolve_name(name)
        return True
    return False


@pytest.mark.parametrize("page", [page.name for page in sorted(DOCS.glob("*.md"))])
def test_every_name_that_a_page_uses_exists(page):
    """Pages say ``sb.run`` for users and for authors of plugins: ``sb`` is either of the two modules."""
    used = set(re.findall(r"\b(?:sb|shapebias)\.([a-zA-Z]\w*)", (DOCS / page).read_text(encoding="utf-8")))
    known = {*dir(shapebias), *dir(plugin), "NAME"}
    assert used - known - {module.name for module in pkgutil.iter_modules(shapebias.__path__)} == set()


def test_specs_and_hooks_are_taken_whole():
    assert ".. automodule:: shapebias.plugins.specs" in REFERENCE
    assert ".. automodule:: shapebias.plugins.hookspecs" in REFERENCE
    plugins = (DOCS / "plugins.md").read_text(encoding="utf-8")
    hooks = [hook for hook in vars(hookspecs) if hook.startswith("shapebias_")]
    assert [hook for hook in hooks if f"`{hook}`" not in plugins or f"def {hook}(" not in plugins] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_every_command_has_help(name):
    command = main.get_command(click.Context(main), name)
    for each in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
        undocumented = [option.name for option in each.params if isinstance(option, click.Option) and not option.help]
        assert undocumented == []
        assert each.help


PAGES = {
    "transform": "transforms.md",
    "attack": "attacks.md",
    "saliency": "saliency.md",
    "metric": "metrics.md",
    "probe": "metrics.md",
    "suite": "suites.md",
}


@pytest.mark.parametrize("kind", PAGES)
def test_every_built_in_has_a_place_on_its_page(kind):
    page = (DOCS / PAGES[kind]).read_text(encoding="utf-8")
    entries = [entry for entry in default_catalog() if entry.plugin.distribution == "shapebias"]
    built_in = [entry.spec.name for entry in entries if entry.spec.kind == kind]
    assert [name for name in built_in if not re.search(rf"^#+.*\b{name}\b", page, re.MULTILINE)] == []


PROVIDING = [code for code in blocks("plugins.md", "python") if "Spec(" in code]
REACTING = [code for code in blocks("plugins.md", "python") if "Spec(" not in code]


@pytest.mark.parametrize("code", PROVIDING)
def test_each_plugin_of_the_page_keeps_to_the_contract(code, tmp_path):
    name = re.search(r'Spec\(\s*"([a-z-]+)"', code).group(1)
    (tmp_path / f"{name}.py").write_text(code)
    failed = [each.message for each in outcomes(checks(tmp_path / f"{name}.py")) if each.status == "failed"]
    assert failed == []


def test_the_hooks_of_the_page_that_react_are_called(tmp_path, monkeypatch):
    (code,) = REACTING
    (tmp_path / "event_log.py").write_text(code)
    monkeypatch.setenv("EVENT_LOG", str(tmp_path / "events.jsonl"))
    monkeypatch.setattr(events, "default_catalog", lambda: catalog)
    catalog = Catalog([each for each in discover([tmp_path]) if each.name == "event_log"])
    assert set(catalog.plugins[0].hooks) == set(EVENTS)
    study = shapebias.Study("stimuli:images=56,size=32", "cnn:num_classes=8,width=4")
    shapebias.run(study, tmp_path / "run.h5")
    shapebias.train(
        shapebias.Recipe("cnn:num_classes=8,width=4", "stimuli:images=56,size=32", epochs=1), tmp_path / "a.st"
    )
    written = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [each["event"] for each in written] == ["run started", "cell finished", "run finished", "epoch"]
    assert (written[1]["images"], written[1]["failed"]) == (56, 0)


def test_getting_started_works_with_less_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("getting-started.md", "console") for line in block.splitlines()]
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ shapebias")]
    assert len(commands) >= 7
    shorter = {"images=1024": "images=128", "--epochs 6": "--epochs 2", "--eps-warmup 3": "--eps-warmup 1"}
    for command in commands:
        for written, used in shorter.items():
            command = command.replace(written, used)  # noqa: PLW2901 - the same command, shorter
        result = CliRunner().invoke(main, shlex.split(command)[1:])
        assert result.exit_code == 0, f"{command}\n{result.output}"
    for code in blocks("getting-started.md", "python"):
        exec(compile(code, "getting-started.md", "exec"), {"__name__": "page"})  # noqa: S102 - the page is ours
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx", reason="sphinx is not installed; pip install -e '.[docs]'")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", DOCS, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "shapebias_transforms" in (tmp_path / "reference.html").read_text(encoding="utf-8")
    assert "--saliency-limit" in (tmp_path / "cli.html").read_text(encoding="utf-8")
