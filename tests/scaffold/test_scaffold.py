"""New packages of every kind keep to the contract at once; one is installed and tested as a user would."""

from __future__ import annotations

import importlib
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from shapebias.errors import PluginError
from shapebias.plugins.catalog import Catalog
from shapebias.plugins.discovery import GROUP, PluginInfo
from shapebias.plugins.specs import KINDS
from shapebias.scaffold import new_plugin
from shapebias.testing import checks, outcomes


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_keeps_to_the_contract(tmp_path, monkeypatch, kind):
    package = new_plugin(f"my-{kind}", kind, tmp_path)
    points = tomllib.loads((package / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    assert points == {f"my-{kind}": f"shapebias_my_{kind}"}
    monkeypatch.syspath_prepend(package)
    (spec,) = getattr(
        importlib.import_module(f"shapebias_my_{kind}"), f"shapebias_{kind}{'s' * (kind != 'saliency')}"
    )()
    catalog = Catalog([PluginInfo("mine", "mine", "0.1", f"shapebias_my_{kind}", ("hook",), (spec,))])
    listed = [check for check in checks("mine", catalog=catalog) if not check.subject.startswith("plugin")]
    broken = [outcome.message for outcome in outcomes(listed) if outcome.status == "failed"]
    assert broken == []
    assert len(listed) > 8


def test_it_installs_and_its_own_test_passes(tmp_path):
    """The environment of its own sees what is installed here, so that nothing is downloaded."""
    package = new_plugin("sepia", "transform", tmp_path)
    builder = venv.EnvBuilder(symlinks=True)
    builder.create(tmp_path / "env")
    python = Path(builder.ensure_directories(tmp_path / "env").env_exe)
    base = {"base": str(tmp_path / "env"), "platbase": str(tmp_path / "env")}
    here = sysconfig.get_path("purelib")
    (Path(sysconfig.get_path("purelib", vars=base)) / "here.pth").write_text(
        f"import site; site.addsitedir({here!r})\n"
    )
    pip = [sys.executable, "-m", "pip", f"--python={python}", "install", "--no-deps", "--no-build-isolation", package]
    for command in (pip, [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", package / "tests"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert " passed in " in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("name", ["Sepia", "my_plugin", "2d", "a--b", "-a", "class", ""])
def test_names_that_are_not_legal_are_refused(tmp_path, name):
    with pytest.raises(PluginError, match="use lower-case letters, digits and single '-', a letter first"):
        new_plugin(name, "transform", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_prefix_of_packages_is_not_doubled(tmp_path):
    package = new_plugin("shapebias-trial", "transform", tmp_path)
    assert package.name == "shapebias-trial"
    assert sorted(path.name for path in package.iterdir()) == [
        "README.md",
        "pyproject.toml",
        "shapebias_trial",
        "tests",
    ]
    assert '"trial"' in (package / "shapebias_trial" / "__init__.py").read_text()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("saturate", "transform"),
        ("shapebias-saturate", "transform"),
        ("saturate", "attack"),  # a condition could mean either
        ("pgd", "attack"),
        ("timm", "model"),
        ("accuracy", "metric"),
        ("clean", "transform"),
    ],
)
def test_a_name_that_is_taken_is_refused(tmp_path, name, kind):
    bare = name.removeprefix("shapebias-")
    with pytest.raises(PluginError, match=rf"'{bare}' is taken by shapebias.*choose another name, such as my-{bare}"):
        new_plugin(name, kind, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_another_kind_is_free(tmp_path):
    assert new_plugin("saturate", "metric", tmp_path).is_dir()


def test_a_folder_that_exists_is_left_alone(tmp_path):
    package = new_plugin("sepia", "transform", tmp_path)
    (package / "README.md").write_text("mine")
    with pytest.raises(PluginError, match="shapebias-sepia exists already"):
        new_plugin("sepia", "attack", tmp_path)
    assert (package / "README.md").read_text() == "mine"
