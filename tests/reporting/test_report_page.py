"""The page about reports: its commands and its Python run, and its pictures are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from readme_commands import with_our_data

from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog
from shapebias.reporting.figures import FIGURES
from shapebias.spelling.params import describe

PAGE = Path(__file__).parents[2] / "docs" / "report.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHAPEBIAS_PLUGINS_DIR", raising=False)
    default_catalog.cache_clear()
    yield tmp_path
    default_catalog.cache_clear()


def run(command):
    program, *arguments = shlex.split(command)
    assert program == "shapebias"
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def is_real(command):
    return with_our_data(command) != command or re.search(r"(conflict|photos|people|observers)\.h5", command)


def test_the_commands_on_drawn_stimuli_and_the_python_run(elsewhere):
    for command in COMMANDS:
        if not is_real(command):
            assert run(command).strip()
    for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(compile(code, str(PAGE), "exec"), {"__name__": "page"})  # noqa: S102 - the page is ours
    assert {path.name for path in elsewhere.iterdir()} >= {"report.html", "both.html", "shape-bias.pdf", "saturate.svg"}


@pytest.mark.slow
def test_the_commands_on_photographs_run_on_a_few(data_dir, elsewhere):
    for command in filter(is_real, COMMANDS):
        few = re.sub(r"--limit \d+", "--limit 4", command).replace("samples=20", "samples=2")
        assert run(with_our_data(few, data_dir)).strip()
    assert {path.name for path in elsewhere.iterdir()} >= {"report.html", "headline.png", "saliency.png"}


@pytest.mark.parametrize("name", FIGURES)
def test_each_setting_of_each_figure_is_described(name):
    section = TEXT.partition(f"### {name}\n")[2].partition("\n#")[0]
    listed = [word for line in re.findall(r"^- (.*?):", section, re.MULTILINE) for word in re.findall(r"`(\w+)`", line)]
    assert listed
    assert set(listed) == {row.name for row in describe(FIGURES[name].load())}


def test_pictures_and_links_are_there_and_pictures_are_small():
    pictures = re.findall(r"!\[[^]]+\]\((.+?)\)", TEXT)
    assert pictures
    assert all((PAGE.parent / picture).stat().st_size < 300_000 for picture in pictures)
    for page, section in re.findall(r"\]\(([\w./-]*\.md)?#([\w-]+)\)", TEXT):
        headings = re.findall(
            r"^#+ (.+)$", (PAGE.parent / (page or PAGE.name)).read_text(encoding="utf-8"), re.MULTILINE
        )
        assert section in {heading.lower().replace(" ", "-") for heading in headings}
