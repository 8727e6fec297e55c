"""Commands run in this process, in a folder of their own, without plugins of the environment around."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import shapebias
from shapebias.catalog import default_catalog
from shapebias.cli import main

DATASET = "stimuli:cue=conflict,images=56,size=32"
MODEL = "cnn:num_classes=8,width=4"


@pytest.fixture(autouse=True)
def _clean_catalog(monkeypatch):
    """Make the catalog anew for each test, and take back what a command writes into the environment."""
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "")
    default_catalog.cache_clear()
    yield
    default_catalog.cache_clear()


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Run ``shapebias ARGUMENTS`` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        return CliRunner(catch_exceptions=False).invoke(main, [str(argument) for argument in arguments])

    return run


@pytest.fixture(scope="session")
def run_file(tmp_path_factory) -> Path:
    """Return the results of a small study: a small network, clean, saturated and attacked pictures, one saliency map."""
    path = tmp_path_factory.mktemp("run") / "run.h5"
    conditions = ["clean", "saturate:p=8", "pgd:eps=1/255,2/255,steps=2"]
    shapebias.run(shapebias.Study(DATASET, {"small": MODEL}, conditions, "gradient"), path)
    return path
