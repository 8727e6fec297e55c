"""A third-party distribution: built, installed into a separate environment, found, and used."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "examples" / "third_party"
STUDY = ["-d", "stimuli:images=24,size=32", "-m", "cnn:8,width=4", "-t", "posterize:levels=2"]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Return the Python of a fresh environment that has the package, and sees what is installed here."""
    for module in ("hatchling", "pip"):
        pytest.importorskip(module, reason=f"{module} is not installed; pip install -e '.[test]'")
    folder = tmp_path_factory.mktemp("third_party")
    source = shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "dist"))
    builder = venv.EnvBuilder(symlinks=True)
    builder.create(folder / "env")
    python = Path(builder.ensure_directories(folder / "env").env_exe)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "env"), "platbase": str(folder / "env")}))
    here = sysconfig.get_path("purelib")
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    # The build backend is here already: nothing is downloaded.
    run(sys.executable, "-m", "pip", f"--python={python}", "install", "--no-deps", "--no-build-isolation", source)
    return python


def run(*command, cwd=None):
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def line_with(text, *words):
    (line,) = (line for line in text.splitlines() if set(words) <= set(line.split()))
    return line


@pytest.fixture
def shapebias(python, tmp_path):
    return lambda *arguments: run(python, "-m", "shapebias", *arguments, cwd=tmp_path)


def test_it_is_no_part_of_this_environment():
    done = run(sys.executable, "-m", "shapebias", "plugins")
    assert "shapebias-posterize" not in done.stdout


def test_it_is_listed_with_its_distribution_and_has_no_problem(shapebias):
    plugins = shapebias("plugins")
    assert plugins.stderr == ""
    assert line_with(plugins.stdout, "posterize").split() == [
        *("posterize", "shapebias-posterize", "1.0", "2", "transforms,", "metrics")
    ]
    everything = shapebias("list").stdout
    for kind, name in (("transform", "posterize"), ("metric", "same-answer")):
        assert "shapebias-posterize" in line_with(everything, kind, name)


def test_it_is_explained(shapebias):
    text = shapebias("show", "transform", "posterize").stdout
    assert text.startswith("transform posterize: keep a few levels of each colour")
    assert line_with(text, "levels", ">=").split()[:5] == ["levels", "a", "whole", "number", "4"]
    assert line_with(text, "provider:").split() == ["provider:", "shapebias-posterize", "1.0", "(shapebias_posterize)"]


def test_it_takes_part_in_a_run(shapebias):
    shapebias("run", *STUDY, "-q", "-o", "run.h5")
    (row,) = json.loads(shapebias("results", "run.h5", "same-answer", "--json").stdout)
    assert (row["condition"], row["n"]) == ("posterize:levels=2", 24)
    assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1


def test_its_own_tests_pass(python, tmp_path):
    done = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", PACKAGE / "tests", cwd=tmp_path)
    assert " passed" in done.stdout
