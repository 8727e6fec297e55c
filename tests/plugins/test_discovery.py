"""Plugins are found in two ways, and a broken one does not affect the others."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import attrs
import pytest

from shapebias.errors import PluginError, UnknownNameError
from shapebias.plugins.catalog import Catalog
from shapebias.plugins.discovery import GROUP, PluginInfo, discover

HEAD = """
import attrs
from shapebias import plugin
from shapebias.plugin import TransformSpec

@attrs.frozen
class Sepia: ...

"""
GOOD = """
@plugin.hookimpl
def shapebias_transforms():
    yield TransformSpec("sepia", Sepia)
"""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv("SHAPEBIAS_PLUGINS_DIR", raising=False)
    monkeypatch.delenv("SHAPEBIAS_STRICT", raising=False)


@pytest.fixture
def load(tmp_path):
    """Load the source of a one-file plugin."""

    def load(source: str, name: str = "mine") -> PluginInfo:
        path = tmp_path / f"{name}.py"
        path.write_text(HEAD + textwrap.dedent(source))
        (plugin,) = (plugin for plugin in discover([tmp_path]) if plugin.source == str(path))
        return plugin

    return load


def told(plugin: PluginInfo) -> list[tuple[str, str]]:
    return [(problem.stage, problem.message) for problem in plugin.problems]


def files(*folders: Path) -> list[PluginInfo]:
    """Discover, and leave out what is installed."""
    return [plugin for plugin in discover(folders) if plugin.source.endswith(".py")]


def test_a_good_plugin(load):
    plugin = load(GOOD)
    assert (plugin.name, plugin.distribution, plugin.version, plugin.title) == ("mine", "mine", "", "mine")
    assert plugin.hooks == ("shapebias_transforms",)
    assert [spec.name for spec in plugin.specs] == ["sepia"]
    assert plugin.problems == ()


def test_the_built_ins_come_by_entry_points():
    plugins = [plugin for plugin in discover() if plugin.distribution == "shapebias"]
    assert {plugin.name for plugin in plugins} == {
        *("attacks", "datasets", "executors", "metrics", "models"),
        *("probes", "saliency", "suites", "transforms"),
    }
    assert all(plugin.source == f"shapebias.{plugin.name}" and not plugin.problems for plugin in plugins)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_package_at_all", "ModuleNotFoundError: No module named 'no_such_package_at_all'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("TransformSpec('Sepia', Sepia)", "PluginError: TransformSpec name 'Sepia': use lower-case letters"),
        ("def broken(", "SyntaxError: '(' was never closed"),
    ],
)
def test_a_plugin_that_does_not_import(load, source, message):
    plugin = load(source)
    ((stage, told_message),) = told(plugin)
    assert stage == "import"
    assert told_message.startswith(message)
    assert "\n" not in told_message
    assert "mine.py" in plugin.problems[0].traceback
    assert (plugin.hooks, plugin.specs) == ((), ())


def test_an_interrupt_is_the_users_and_goes_through(load):
    with pytest.raises(KeyboardInterrupt):
        load("raise KeyboardInterrupt")


def test_a_hook_that_wants_arguments_is_not_registered(load):
    plugin = load("@plugin.hookimpl\ndef shapebias_transforms(images): ...")
    ((stage, message),) = told(plugin)
    assert stage == "register"
    assert message.startswith("PluginValidationError: ")
    assert "images" in message
    assert plugin.problems[0].traceback


@pytest.mark.parametrize(
    ("source", "messages"),
    [
        ("", ["implements no hook; mark a function such as shapebias_transforms with @plugin.hookimpl"]),
        (
            "def shapebias_transforms(): ...",
            ["shapebias_transforms is not marked with @plugin.hookimpl (from shapebias import plugin)"],
        ),
        (
            "@plugin.hookimpl\ndef shapebias_transfroms(): ...",
            ["there is no hook shapebias_transfroms; did you mean 'shapebias_transforms'?"],
        ),
        ("def shapebias_atacks(): ...", ["there is no hook shapebias_atacks; did you mean 'shapebias_attacks'?"]),
        ("@plugin.hookimpl\ndef zebra(): ...", ["there is no hook zebra"]),
        (
            "@plugin.hookimpl(specname='shapebias_probs')\ndef mine(): ...",
            ["there is no hook shapebias_probs; did you mean 'shapebias_probes'?"],
        ),
        ("def __dir__():\n    raise OSError('no')", ["OSError: no"]),
    ],
)
def test_hooks_that_would_be_passed_over_in_silence(load, source, messages):
    plugin = load(source)
    assert told(plugin) == [("register", message) for message in messages]
    assert plugin.specs == ()


def test_a_misspelled_hook_does_not_stop_the_others(load):
    plugin = load(GOOD + "\n@plugin.hookimpl\ndef shapebias_metric(): ...")
    assert told(plugin) == [("register", "there is no hook shapebias_metric; did you mean 'shapebias_metrics'?")]
    assert [spec.name for spec in plugin.specs] == ["sepia"]


@pytest.mark.parametrize(
    "source",
    [
        "@plugin.hookimpl(specname='shapebias_transforms')\ndef mine():\n    return [TransformSpec('sepia', Sepia)]",
        GOOD + "\n@plugin.hookimpl(optionalhook=True)\ndef shapebias_of_a_later_version(): ...",
        GOOD + "\nimport shapebias.errors as shapebias_errors",
    ],
)
def test_what_pluggy_allows_is_no_problem(load, source):
    plugin = load(source)
    assert told(plugin) == []
    assert [spec.name for spec in plugin.specs] == ["sepia"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("raise SystemExit(2)", "SystemExit: 2"),
        ("return None", "TypeError: returned None; yield specs, or return a list of them"),
        ("TransformSpec('sepia', Sepia)", "TypeError: returned None; yield specs, or return a list of them"),
        ("return TransformSpec('sepia', Sepia)", "TypeError: 'TransformSpec' object is not iterable"),
        ("yield TransformSpec('se pia', Sepia)", "PluginError: TransformSpec name 'se pia': use lower-case"),
        ("yield TransformSpec('sepia', 'nowhere')", "PluginError: target of 'sepia' is 'nowhere': give a class"),
        ("yield TransformSpec('sepia', Sepia, destroys='hue')", "ValueError: "),
    ],
)
def test_a_hook_that_fails_is_a_problem_and_the_other_hooks_go_on(load, body, message):
    metrics = "\n@plugin.hookimpl\ndef shapebias_metrics():\n    yield plugin.MetricSpec('mean', Sepia)"
    plugin = load(f"@plugin.hookimpl\ndef shapebias_transforms():\n    {body}\n{metrics}")
    ((stage, told_message),) = told(plugin)
    assert stage == "hook"
    assert told_message.startswith(f"shapebias_transforms: {message}")
    assert [spec.name for spec in plugin.specs] == ["mean"]
    assert plugin.hooks == ("shapebias_transforms", "shapebias_metrics")


def test_what_was_handed_over_before_an_error_is_good(load):
    plugin = load(GOOD + "    yield TransformSpec('Bad Name', Sepia)\n    yield TransformSpec('never', Sepia)")
    assert [stage for stage, _ in told(plugin)] == ["hook"]
    assert [spec.name for spec in plugin.specs] == ["sepia"]


def test_specs_are_checked_one_by_one(load):
    more = "    yield plugin.MetricSpec('mean', Sepia)\n    yield 'invert'\n    yield TransformSpec('sepia', Sepia)\n"
    plugin = load(GOOD + more + "    yield TransformSpec('invert', Sepia)")
    stages, messages = zip(*told(plugin), strict=True)
    assert stages == ("spec",) * 3
    assert messages[0].startswith("shapebias_transforms: MetricSpec(name='mean'")
    assert messages[0].endswith("is not a TransformSpec")
    assert messages[1] == "shapebias_transforms: 'invert' is not a TransformSpec"
    assert messages[2] == "shapebias_transforms: 'sepia' is yielded twice"
    assert [spec.name for spec in plugin.specs] == ["sepia", "invert"]


def test_a_broken_plugin_leaves_its_neighbours_alone(tmp_path):
    (tmp_path / "a.py").write_text("raise SystemExit")
    (tmp_path / "b.py").write_text(HEAD + GOOD)
    (tmp_path / "c.py").write_text(HEAD)
    assert [(plugin.name, len(plugin.specs), len(plugin.problems)) for plugin in files(tmp_path)] == [
        ("a", 0, 1),
        ("b", 1, 0),
        ("c", 0, 1),
    ]


def test_folders_of_the_environment_come_before_those_that_are_given(tmp_path, monkeypatch):
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
        (folder / f"{folder.name}.py").write_text(HEAD + GOOD)
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", f"{folders[1]}{os.pathsep}{os.pathsep}{folders[0]}")
    assert [plugin.name for plugin in files(folders[2])] == ["two", "one", "three"]


def test_a_folder_counts_once_whatever_it_is_called(tmp_path, monkeypatch):
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "mine.py").write_text(HEAD + GOOD)
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "plugins")
    assert len(files(folder, Path("plugins"), tmp_path / "link")) == 1


@pytest.mark.parametrize("given", [True, False])
def test_a_folder_that_is_not_there_is_an_error(tmp_path, monkeypatch, given):
    missing = tmp_path / "missing"
    if not given:
        monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", str(missing))
    with pytest.raises(
        PluginError, match=r"plugins folder '.*missing' does not exist; name a folder with \*\.py files"
    ):
        discover([missing] if given else [])


def test_files_that_begin_with_an_underscore_are_no_plugins(tmp_path):
    for name in ("__init__", "_helper"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit")
    (tmp_path / "notes.txt").write_text("no plugin")
    assert files(tmp_path) == []


def test_a_file_is_imported_once_and_anew_when_it_was_edited(load):
    first, again = load(GOOD), load(GOOD)
    assert first == again  # the same class, so that settings made with one are known to the other
    assert first.specs[0].target is again.specs[0].target
    assert load(GOOD.replace("sepia", "brown")).specs[0].name == "brown"


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path):
    for folder, source in (("one", GOOD), ("two", GOOD)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(HEAD + source)
    one, two = (plugin.specs[0].target for plugin in files(tmp_path / "one", tmp_path / "two"))
    assert one is not two
    assert {type(pickle.loads(pickle.dumps(target()))) for target in (one, two)} == {one, two}  # noqa: S301


def test_a_module_that_failed_is_not_left_behind(load):
    before = {*sys.modules}
    load("1 / 0")
    assert {*sys.modules} == before


def test_strict_makes_every_problem_an_error(tmp_path, monkeypatch):
    (tmp_path / "one.py").write_text("1 / 0")
    (tmp_path / "two.py").write_text(HEAD)
    monkeypatch.setenv("SHAPEBIAS_STRICT", "0")
    assert len(files(tmp_path)) == 2
    monkeypatch.setenv("SHAPEBIAS_STRICT", "1")
    with pytest.raises(PluginError) as caught:
        discover([tmp_path])
    assert str(caught.value).splitlines() == [
        "SHAPEBIAS_STRICT=1 and a plugin has a problem:",
        "  one, import: ZeroDivisionError: division by zero",
        "  two, register: implements no hook; mark a function such as shapebias_transforms with @plugin.hookimpl",
    ]
    (tmp_path / "one.py").unlink()
    (tmp_path / "two.py").write_text(HEAD + GOOD)
    assert [plugin.problems for plugin in files(tmp_path)] == [()]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with one entry point onto the path, as an installer would."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution: str, entry_point: str, source: str, metadata: str | None = None, value: str = "") -> None:
        module = f"{distribution.replace('-', '_')}_{tmp_path.name}"
        (tmp_path / f"{module}.py").write_text(HEAD + textwrap.dedent(source))
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{entry_point} = {value or module}\n")
        default = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        (info / "METADATA").write_text(default if metadata is None else metadata)

    return install


def installed() -> list[PluginInfo]:
    return [plugin for plugin in discover() if plugin.distribution != "shapebias"]


def test_an_installed_plugin(install):
    install("shapebias-sepia", "sepia", GOOD)
    (plugin,) = (plugin for plugin in installed() if plugin.name == "sepia")
    assert (plugin.distribution, plugin.version) == ("shapebias-sepia", "1.2")
    assert plugin.provider == "shapebias-sepia 1.2"
    assert plugin.title == "shapebias-sepia 1.2 (sepia)"
    assert plugin.problems == ()


def test_two_distributions_may_use_one_name_of_an_entry_point(install):
    install("one", "transforms", GOOD)
    install("two", "transforms", GOOD)
    plugins = [plugin for plugin in installed() if plugin.name == "transforms"]
    assert [(plugin.distribution, plugin.specs[0].name) for plugin in plugins] == [("one", "sepia"), ("two", "sepia")]
    assert plugins[0].specs[0].target is not plugins[1].specs[0].target


def test_two_distributions_with_one_name_are_both_there_in_full(install):
    install("one", "sepia", GOOD)
    install("two", "sepia", GOOD + "    yield TransformSpec('invert', Sepia)")
    catalog = Catalog(installed())
    with pytest.raises(UnknownNameError, match=r"more than once: one/sepia \(one_\w+\), two/sepia \(two_\w+\)"):
        catalog.find("transform", "sepia")
    found = [catalog.component("transform", text) for text in ("one/sepia", "two/sepia", "invert")]
    assert [component.provider for component in found] == ["one 1.2", "two 1.2", "two 1.2"]
    assert [component.canonical for component in found] == ["one/sepia", "two/sepia", "invert"]


@pytest.mark.parametrize("value", ["no_such_module", "shapebias.transforms:nothing", "no module"])
def test_an_entry_point_to_nowhere_is_a_problem(install, value):
    install("one", "transforms", "", value=value)
    (plugin,) = (plugin for plugin in installed() if plugin.distribution == "one")
    assert [stage for stage, _ in told(plugin)] == ["import"]


def test_a_damaged_installation_is_listed_too(install):
    install("one", "transforms", GOOD, metadata="")
    (plugin,) = (plugin for plugin in installed() if plugin.name == "transforms")
    assert (plugin.provider, len(plugin.specs)) == ("unknown", 1)


def test_facts_about_plugins_are_values(load):
    plugin = load(GOOD)
    assert attrs.evolve(plugin) == plugin
    assert hash(attrs.evolve(plugin)) == hash(plugin)


def test_discovery_is_clean_under_every_warning(tmp_path):
    (tmp_path / "mine.py").write_text(HEAD + GOOD)
    code = "from shapebias.plugins.discovery import discover\nassert not any(plugin.problems for plugin in discover())"
    environment = {**os.environ, "SHAPEBIAS_PLUGINS_DIR": str(tmp_path), "SHAPEBIAS_STRICT": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
