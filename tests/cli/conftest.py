"""Commands run in this process, in a separate folder, with a new catalog."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import shapebias
from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog

DATASET = "stimuli:cue=conflict,images=56,size=32"
MODEL = "cnn:num_classes=8,width=4"


@pytest.fixture(autouse=True)
def _fresh_catalog(monkeypatch):
    """Take back what a command writes into the environment, and the catalog that was made with it."""
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "")
    yield
    default_catalog.cache_clear()


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Run ``shapebias ARGUMENTS`` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        default_catalog.cache_clear()  # as in a new process
        runner = CliRunner(catch_exceptions=False)
        return runner.invoke(main, [str(argument) for argument in arguments], prog_name="shapebias")

    return run


@pytest.fixture
def plugins_dir(tmp_path) -> Path:
    """Return a folder for one-file plugins."""
    folder = tmp_path / "my_plugins"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def run_file(tmp_path_factory) -> Path:
    """Return the results of a small study: pictures clean, saturated and attacked, with saliency maps."""
    path = tmp_path_factory.mktemp("run") / "run.h5"
    conditions = ["clean", "saturate:p=8", "pgd:eps=1/255,2/255,steps=2"]
    shapebias.run(shapebias.Study(DATASET, {"small": MODEL}, conditions, "gradient"), path)
    return path
