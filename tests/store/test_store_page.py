"""The page that describes the store: a reader with h5py and numpy alone gets what shapebias gives."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import store_samples as samples
from click.testing import CliRunner

from shapebias.cli import main
from shapebias.store import layout
from shapebias.store.encoding import VERSIONS
from shapebias.store.results import open_store

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the file that the page's own command makes."""
    folder = tmp_path_factory.mktemp("page")
    (command,) = re.findall(r"^\$ (shapebias run .*)$", PAGE, re.MULTILINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(main, [*shlex.split(command)[1:], "-q"])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def read(folder, monkeypatch):
    """What the page's examples have read, by the names that they give it."""
    monkeypatch.chdir(folder)
    examples = doctest.DocTestParser().get_doctest(PAGE, {}, "store.md", None, 0)
    outcome = doctest.DocTestRunner(verbose=False).run(examples, clear_globs=False)
    assert outcome.attempted > 15
    assert outcome.failed == 0
    return examples.globs


def test_the_examples_read_the_same_as_shapebias(read, folder, monkeypatch):
    with open_store(folder / "run.h5") as results:
        np.testing.assert_array_equal(read["logits"], results.logits(condition="clean"))
        np.testing.assert_array_equal(read["maps"], results.saliency(condition="saturate:p=8"))
        fooled = results.prediction(condition="pgd", eps=4 / 255) != results.prediction(condition="clean")
        np.testing.assert_array_equal(read["fooled"], fooled)
        table = results.metric("shape-bias").query("averaging == 'micro'").set_index("condition").value
    with read["h5py"].File(folder / "run.h5") as read["file"]:
        assert [read["shape_bias"](title) for title in ("clean", "saturate:p=8")] == [
            table["clean"],
            table["saturate:p=8"],
        ]


def test_the_example_of_a_digest_holds_for_every_kind_of_group(read, packed):
    """Also for extras, values, text and eps: ``store_samples`` has all of them."""
    with read["h5py"].File(packed) as file:
        groups = [*file["cells"].values(), *file["datasets"].values(), *file["cells/0000/parts"].values()]
        assert {read["digest"](group) == group.attrs["digest"] for group in groups} == {True}
        text = read["json"].dumps({"arrays": {}, "attributes": read["attributes"](file)}, sort_keys=True)
        assert read["sha256"](text.encode()).hexdigest() == file.attrs["digest"]


def test_every_attribute_array_and_encoding_is_described(read, folder, packed):
    described = set(re.findall(r"`(\w+)`", PAGE)) | set(layout.ROLES)
    described |= {role + suffix for role in layout.ROLES for suffix in ("_title", "_provider", "_files")}
    mentioned = set(re.findall(r"`([\w-]+)`", PAGE))
    assert set(VERSIONS) <= mentioned
    own = set(samples.attributes(samples.PREDICTION))  # facts that the samples made up
    for path in (folder / "run.h5", packed):
        for name in samples.dump(path):
            position, _, attribute = name.partition("@")
            array = position.rpartition("/")[2]
            assert not attribute or attribute in described | own | {"encoding", "encoding_version"}, name
            if not attribute:
                assert array in described or position.split("/")[-2] in ("extras", "values"), name


def test_the_version_on_the_page_is_the_one_that_is_written():
    assert f"| `format`, `format_version` | `{layout.FORMAT}`, {layout.FORMAT_VERSION} |" in PAGE
