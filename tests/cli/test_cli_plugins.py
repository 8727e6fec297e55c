from __future__ import annotations

from importlib import metadata

import pytest

GOOD = """
import attrs
from shapebias.plugin import TransformSpec, hookimpl

@attrs.frozen
class Nothing:
    def __call__(self, images, rng):
        return images
"""
WORKING = f"""{GOOD}
@hookimpl
def shapebias_transforms():
    yield TransformSpec("nothing", Nothing)
"""
BROKEN = {
    "import": ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
    "register": (
        f"{GOOD}\n@hookimpl\ndef shapebias_transform():\n    yield TransformSpec('nothing', Nothing)",
        "there is no hook shapebias_transform; did you mean 'shapebias_transforms'?",
    ),
    "hook": (f"{GOOD}\n@hookimpl\ndef shapebias_transforms():\n    raise KeyError('gone')", "KeyError: 'gone'"),
    "spec": (f"{GOOD}\n@hookimpl\ndef shapebias_transforms():\n    yield Nothing()", "is not a TransformSpec"),
}


def line_of(text, name):
    return next(line for line in text.splitlines() if line.startswith(f"{name} "))


def test_built_in_plugins_are_well(cli):
    result = cli("plugins", "--traceback")
    assert result.stderr == ""
    table, _, caption = result.stdout.partition("\n\n")
    heading, *lines = table.splitlines()
    points = metadata.entry_points(group="shapebias")
    alone = {point.dist.name for point in points} == {"shapebias"}
    assert heading.split() == ["plugin", *["distribution"] * (not alone), "provides", "hooks"]
    same = "distribution shapebias; " * alone + f"version {metadata.version('shapebias')}; status ok"
    assert caption.strip() == f"In every row: {same}"
    assert len(lines) == len(points)


def test_a_file_is_a_plugin(cli, plugins_dir):
    (plugins_dir / "mine.py").write_text(WORKING)
    result = cli("--plugins-dir", plugins_dir, "plugins")
    assert line_of(result.stdout, "mine").split() == ["mine", "mine", "1", "transforms"]
    assert "In every row: status ok" in result.stdout


@pytest.mark.parametrize("stage", BROKEN)
def test_each_stage_of_failure_is_told_with_its_reason(cli, plugins_dir, stage):
    code, reason = BROKEN[stage]
    (plugins_dir / "broken.py").write_text(code)
    (plugins_dir / "mine.py").write_text(WORKING)
    result = cli("--plugins-dir", plugins_dir, "plugins")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "1 problem" in line_of(result.stdout, "broken")
    assert " ok " in line_of(result.stdout, "mine")
    problem = line_of(result.stdout.partition("\n\n")[2], "broken")
    assert f"broken.py, {stage}: " in problem
    assert reason in problem
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize("stage", BROKEN)
def test_a_broken_plugin_is_a_line_on_stderr_and_a_study_runs_all_the_same(cli, plugins_dir, stage):
    code, reason = BROKEN[stage]
    (plugins_dir / "broken.py").write_text(code)
    arguments = ["-d", "stimuli:images=8,size=32", "-m", "cnn:8,width=4", "-q", "-o", "run.h5"]
    result = cli("--plugins-dir", plugins_dir, "run", *arguments)
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Warning: plugin broken, {stage}: ")
    assert reason in line
    assert line.endswith("(see 'shapebias plugins --traceback')")


@pytest.mark.parametrize("stage", ["import", "hook"])
def test_the_traceback_shows_the_line_of_the_plugin(cli, plugins_dir, stage):
    code, reason = BROKEN[stage]
    (plugins_dir / "broken.py").write_text(code)
    text = cli("--plugins-dir", plugins_dir, "plugins", "--traceback").stdout
    traceback = text.partition("Traceback (most recent call last)")[2]
    assert f'File "{plugins_dir / "broken.py"}", line {len(code.splitlines())}' in traceback
    assert traceback.rstrip().endswith(reason)


def test_with_traceback_targets_are_imported_too(cli, plugins_dir):
    (plugins_dir / "lost.py").write_text(WORKING.replace("Nothing)", "'no_such_library:Lost')"))
    usual = cli("--plugins-dir", plugins_dir, "plugins").stdout
    assert line_of(usual, "lost")
    assert "In every row: status ok" in usual
    text = cli("--plugins-dir", plugins_dir, "plugins", "--traceback").stdout
    assert "lost.py, target: transform 'nothing' cannot be loaded" in text
    assert "ModuleNotFoundError: No module named 'no_such_library'" in text


def test_two_providers_make_only_that_name_ambiguous(cli, plugins_dir):
    (plugins_dir / "one.py").write_text(WORKING)
    (plugins_dir / "two.py").write_text(WORKING)
    result = cli("--plugins-dir", plugins_dir, "show", "transform", "nothing")
    assert result.exit_code == 2
    assert "one/nothing" in result.stderr
    assert "two/nothing" in result.stderr
    assert cli("--plugins-dir", plugins_dir, "show", "transform", "saturate").exit_code == 0
    assert "provider:   two" in cli("--plugins-dir", plugins_dir, "show", "transform", "two/nothing").stdout


def test_a_target_that_does_not_import_is_an_error_only_for_who_asks_for_it(cli, plugins_dir):
    (plugins_dir / "lost.py").write_text(WORKING.replace("Nothing)", "'no_such_library:Lost')"))
    arguments = ["--plugins-dir", plugins_dir, "run", "-d", "stimuli:images=8,size=32", "-m", "cnn:8,width=4", "-q"]
    assert cli(*arguments, "-o", "run.h5").exit_code == 0
    result = cli(*arguments, "-t", "nothing", "-o", "run.h5")
    assert result.exit_code == 2
    assert "'nothing' cannot be loaded from 'no_such_library:Lost': ModuleNotFoundError" in result.stderr
    assert "see the traceback with 'shapebias plugins --traceback'" in result.stderr


@pytest.mark.parametrize("stage", BROKEN)
def test_strict_makes_a_problem_an_error_of_every_command(cli, plugins_dir, monkeypatch, stage):
    code, reason = BROKEN[stage]
    (plugins_dir / "broken.py").write_text(code)
    assert cli("--plugins-dir", plugins_dir, "list").exit_code == 0
    monkeypatch.setenv("SHAPEBIAS_STRICT", "1")
    result = cli("--plugins-dir", plugins_dir, "list")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: SHAPEBIAS_STRICT=1 and a plugin has a problem:\n  broken, {stage}: ")
    assert reason in result.stderr


TWICE = WORKING.replace("return images", "return 2 * images").replace("Nothing)", "Nothing, references='Nobody 2026')")


def test_check_tells_each_broken_rule_and_its_status_is_1(cli, plugins_dir):
    (plugins_dir / "twice.py").write_text(TWICE)
    result = cli("plugins", "check", plugins_dir / "twice.py")
    assert result.exit_code == 1
    assert "FAILED transform nothing stays in [0, 1]?\nNo: random images give pixels from 0 to 2\n" in result.stdout
    assert "FAILED transform nothing has a summary?" in result.stdout
    counts = dict(reversed(part.split(" ", 1)) for part in result.stdout.splitlines()[-1].split(", "))
    assert int(counts["failed"]) == result.stdout.count("FAILED")
    assert "passed transform" not in result.stdout


def test_check_of_a_plugin_that_keeps_to_the_contract(cli, plugins_dir):
    said = 'Nothing, summary="the image", references="Nobody 2026")'
    (plugins_dir / "mine.py").write_text(WORKING.replace("Nothing)", said).replace("Nothing:", 'Nothing:\n    """."""'))
    result = cli("plugins", "check", plugins_dir / "mine.py", "--all")
    assert result.exit_code == 0
    assert "passed transform nothing stays in [0, 1]" in result.stdout
    assert "failed" not in result.stdout


def test_check_of_a_plugin_that_is_not_there(cli):
    result = cli("plugins", "check", "my-plugin")
    assert result.exit_code == 2
    assert "no plugin or distribution is called 'my-plugin'; installed: shapebias" in result.stderr


def test_a_new_plugin_is_written_and_said_how_to_go_on(cli, tmp_path):
    result = cli("new-plugin", "sepia-tone", "--kind", "transforms", "-o", "packages")
    assert result.exit_code == 0
    written, install, check = result.stdout.splitlines()
    assert "shapebias_sepia_tone/sepia_tone.py" in written
    assert (tmp_path / "packages" / "shapebias-sepia-tone" / "shapebias_sepia_tone" / "sepia_tone.py").is_file()
    assert install == "  pip install -e 'packages/shapebias-sepia-tone[test]'"
    assert check == "  shapebias plugins check shapebias-sepia-tone"
    again = cli("new-plugin", "sepia-tone", "--kind", "attack", "-o", "packages")
    assert (again.exit_code, again.stderr) == (
        2,
        "Error: packages/shapebias-sepia-tone exists already; choose another name or another folder\n",
    )


NEEDY = """
import attrs
from shapebias import plugin


@attrs.frozen
class Needy:
    k: int = plugin.param("a number", ge=1)

    def __call__(self, images, rng):
        return images


@plugin.hookimpl
def shapebias_transforms():
    yield plugin.TransformSpec("needy", Needy, summary="needs a number", references="None")
"""


def test_what_needs_a_parameter_is_said_not_to_be_tried(cli, plugins_dir):
    (plugins_dir / "needy.py").write_text(NEEDY)
    said = cli("plugins", "check", plugins_dir / "needy.py").stdout
    assert "transform needy was not tried, because k must be given" in said
    assert "--example needy:k=K" in said
    assert "not tried" not in cli("plugins", "check", plugins_dir / "needy.py", "--example", "needy:k=2").stdout
