from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import click
import pytest

from shapebias import engine, fetching, profiling
from shapebias.cli import COMMANDS, main
from shapebias.plugins.specs import KINDS
from shapebias.store.results import open_store
from shapebias.study import Study
from shapebias.training import loop
from shapebias.training.state import Epoch, Trained

ONE_TRANSFORM = """
import attrs
from shapebias.plugin import TransformSpec, hookimpl, param

@attrs.frozen
class Negate:
    strength: float = param("how much", default=1.0, ge=0, le=1)

    def __call__(self, images, rng):
        return images + self.strength * (1 - 2 * images)

@hookimpl
def shapebias_transforms():
    yield TransformSpec("negate", Negate, summary="light becomes dark")
"""


def joined(text):
    """Join lines as a shell does."""
    return re.sub(r" \\\n +", " ", text)


def help_examples():
    examples = []
    for name in (None, *COMMANDS):
        command = main.get_command(click.Context(main), name) if name else main
        examples += [line.strip() for line in joined(command.epilog).splitlines()[2:]]
    return list(dict.fromkeys(examples))


def test_help_lists_every_command_in_the_order_of_the_work(cli):
    text = cli("--help").stdout
    listed = [line.split()[0] for line in text.partition("Commands:\n")[2].splitlines() if line.startswith("  ")]
    assert listed[: len(COMMANDS)] == list(COMMANDS)


def test_help_of_all_commands_has_whole_sentences(cli):
    assert "..." not in cli("--help").stdout.replace("COMMAND [ARGS]...", "")


@pytest.mark.parametrize("name", ["list", "show"])
def test_help_names_every_kind(cli, name):
    assert set(KINDS) <= set(re.findall(r"\w+", cli(name, "--help").stdout))


def test_without_arguments_it_shows_the_help(cli):
    assert cli().output == cli("--help").output


def test_version_is_that_of_the_distribution(cli):
    assert metadata.version("shapebias") in cli("--version").stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_ends_with_examples_of_it(cli, name):
    text = cli(name, "--help").stdout
    assert max(map(len, text.splitlines())) <= 80
    examples = joined(text.partition("Examples:\n")[2]).splitlines()
    assert examples
    assert all(line.startswith("    shapebias ") and f" {name}" in line for line in examples)


@pytest.fixture(scope="session")
def small_profile():
    """Return the profile of a planted model."""
    return profiling.profile("planted:reliance=1", "quick:images=8")


@pytest.fixture(scope="session")
def droppable(tmp_path_factory):
    """Return the results of two models that are called as in the examples of ``shapebias drop``."""
    path = tmp_path_factory.mktemp("droppable") / "run.h5"
    models = {"standard": "cnn:num_classes=8,width=2", "timm:resnet5": "cnn:num_classes=8,width=2,seed=1"}
    engine.run(Study("stimuli:images=8,size=32", models, ["clean", "saturate:p=8"]), path).close()
    return path


@pytest.mark.parametrize("example", help_examples())
def test_the_examples_in_the_help_work(
    cli, example, tmp_path, plugins_dir, run_file, droppable, small_profile, monkeypatch
):
    """Each is run as it stands; engine, training, profiles and downloads are stand-ins that give other results."""
    (tmp_path / "study.toml").write_text('datasets = ["stimuli"]\nmodels = ["cnn:8"]\n')
    (tmp_path / "at.toml").write_text('dataset = "stimuli"\nmodel = "cnn:8"\n')
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "ann.csv").write_text(
        "subj,session,trial,rt,object_response,category,condition,imagename\n"
        "ann,1,1,NaN,disc/dots,disc/dots,0,0001_sb_ann_0_disc_00_000000\n"
    )
    for name in ("run.h5", "a.h5", "b.h5", "profile.h5", "run-1.h5", "run-2.h5", "run-3.h5"):
        shutil.copy(droppable if "drop" in example else run_file, tmp_path / name)
    fetched = SimpleNamespace(note=None, found=3, unit="images", folder=tmp_path)
    monkeypatch.setattr(fetching, "fetch_source", lambda source, to: fetched)
    monkeypatch.setattr(engine, "run", lambda study, output, **how: open_store(output))
    monkeypatch.setattr(profiling, "profile", lambda models, suites, **how: small_profile)
    trained = Trained(tmp_path / "at.safetensors", (Epoch(1.0, 0.5),), kept=1)
    monkeypatch.setattr(loop, "train", lambda recipe, output, **how: trained)
    program, *arguments = shlex.split(example.partition(" > ")[0])
    assert program == "shapebias"
    result = cli(*arguments)
    assert result.exit_code == 0, result.output


def test_an_error_on_purpose_is_one_message_and_status_2(cli):
    result = cli("show", "transform", "satruate")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: no transform is called 'satruate'; did you mean 'saturate'?")
    assert "Traceback" not in result.output


def test_verbose_adds_the_traceback(cli):
    result = cli("--verbose", "show", "transform", "satruate")
    assert result.exit_code == 2
    assert "UnknownNameError" in result.stderr
    assert "Traceback" in result.stderr


def test_an_unknown_command_is_status_2(cli):
    assert cli("evaluate").exit_code == 2


def test_an_unknown_command_is_told_the_close_one(cli):
    assert "no command 'reslts'; did you mean 'results'?" in cli("reslts", "run.h5").stderr


def test_plugins_dir_adds_a_folder_to_those_of_the_environment(cli, plugins_dir, tmp_path, monkeypatch):
    (plugins_dir / "negate.py").write_text(ONE_TRANSFORM)
    other = tmp_path / "other"
    other.mkdir()
    (other / "flip.py").write_text(ONE_TRANSFORM.replace("negate", "flip"))
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", str(other))
    listed = cli("--plugins-dir", "my_plugins", "list", "transforms").stdout
    assert "light becomes dark" in listed
    assert {"negate", "flip", "saturate"} <= {line.split()[0] for line in filter(None, listed.splitlines())}
    assert os.environ["SHAPEBIAS_PLUGINS_DIR"].split(os.pathsep) == [str(other), str(plugins_dir)]


def test_a_plugins_dir_that_does_not_exist_is_status_2(cli):
    result = cli("--plugins-dir", "nowhere", "list")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr


@pytest.mark.parametrize("command", [["list"], ["show", "metric", "accuracy"], ["results", "run.h5"]])
def test_a_broken_plugin_is_one_line_on_stderr_and_takes_nothing_down(cli, command, plugins_dir, run_file, tmp_path):
    shutil.copy(run_file, tmp_path)
    (plugins_dir / "broken.py").write_text("import no_such_library")
    (plugins_dir / "quits.py").write_text("raise SystemExit(3)")
    healthy = cli(*command)
    result = cli("--plugins-dir", plugins_dir, *command)
    assert result.exit_code == 0
    assert result.stdout == healthy.stdout
    broken, quits = result.stderr.splitlines()
    assert "plugin broken, import: ModuleNotFoundError: No module named 'no_such_library'" in broken
    assert "plugin quits, import: SystemExit: 3" in quits
    assert "'shapebias plugins --traceback'" in broken


def test_python_dash_m_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "shapebias", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: python -m shapebias")
