"""The page that defines the metrics and probes: it has all of them, and its examples run."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from readme_commands import with_our_data

from shapebias.cli import main
from shapebias.metrics import shapebias_metrics
from shapebias.probes import shapebias_probes

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
SPECS = [*shapebias_metrics(), *shapebias_probes()]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_each_metric_and_probe_has_a_section_with_reference_interval_and_example(spec, section_of):
    section = section_of(PAGE.read_text(encoding="utf-8"), spec.name)
    assert spec.references
    for reference in spec.references:
        authors_and_year = re.match(r".+? \d{4}", reference)[0]
        assert authors_and_year in section
    assert spec.kind == "probe" or "- Interval: " in section
    assert f"{spec.load().__name__}(" in section


def test_the_examples_run():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried > len(SPECS)
    assert failed == 0


def test_the_commands_run(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ shapebias (.+)", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(commands) > 4
    for command in commands:
        arguments = shlex.split(with_our_data(command, data_dir))
        result = CliRunner(catch_exceptions=False).invoke(main, arguments)
        assert result.exit_code == 0, (command, result.output)
