from __future__ import annotations

import re
import shlex

import attrs
import pytest

from shapebias.cli.show import example
from shapebias.plugins.catalog import default_catalog
from shapebias.spelling.params import describe

BUILT_IN = sorted((entry.spec.kind, entry.spec.name) for entry in default_catalog())

SMEAR = """
import attrs
from shapebias.plugin import TransformSpec, hookimpl, param

@attrs.frozen
class Smear:
    sigma: float = param("width of the Gaussian", default=2.0, gt=0, unit="pixels")

@hookimpl
def shapebias_transforms():
    yield TransformSpec("smear", Smear, summary="smooths", references="Author 1999, Title",
                        destroys=("texture", "shape"), moves_pixels=True)
"""


def test_it_shows_all_there_is_to_know(cli, plugins_dir):
    (plugins_dir / "smearing.py").write_text(SMEAR)
    lines = cli("--plugins-dir", plugins_dir, "show", "transform", "smear").stdout.splitlines()
    assert lines[0] == "transform smear: smooths"
    table = lines.index("name   type      default  unit    bounds  help")
    assert lines[table + 1] == "sigma  a number  2        pixels  > 0     width of the Gaussian"
    facts = dict(line.split(":", 1) for line in lines[table + 3 :])
    assert {heading: text.strip() for heading, text in facts.items()} == {
        "destroys": "texture, shape",
        "moves pixels": "yes",
        "reference": "Author 1999, Title",
        "provider": f"smearing ({plugins_dir / 'smearing.py'})",
        "example": "-t smear:sigma=2",
    }


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_every_built_in_is_shown_with_all_its_parameters(cli, kind, name):
    text = cli("show", kind, name).stdout
    for field in attrs.fields(default_catalog().find(kind, name).spec.load()):
        assert any(line.startswith(field.name) and field.metadata["help"] in line for line in text.splitlines())


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_the_example_is_a_spelling_of_the_thing(kind, name):
    spec = default_catalog().find(kind, name).spec
    parameters = describe(spec.load())
    text = shlex.split(example(spec, parameters))[-1]
    placeholders = {row.name.upper(): row for row in parameters if row.default == "(required)"}
    if not placeholders:
        assert default_catalog().component(kind, text).name == name
    assert all(placeholder in text for placeholder in placeholders)


def test_facts_stand_in_a_column_however_long_their_names_are(cli):
    shown = cli("show", "saliency", "grad-cam").stdout
    facts = shown.rpartition("\n\n")[2].splitlines()
    assert facts[0] == "needs features: yes"
    assert {re.match(r"[a-z ]+: +", line).end() for line in facts} == {len("needs features: ")}


def test_a_name_alone_shows_everything_of_that_name(cli):
    assert cli("show", "saturate").stdout == cli("show", "transforms", "saturate").stdout
    assert cli("show", "torchvision").stdout == "\n".join(
        cli("show", kind, "torchvision").stdout for kind in ("dataset", "model")
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["satruate"], "nothing is called 'satruate'; did you mean 'saturate'?"),
        (["transfroms", "saturate"], "'transfroms' is not one of 'model'"),
        (["transfrom", "saturate"], "'transfrom' is not one of 'model'"),
        (["attack", "saturate"], "'saturate' is of the kind transform"),
        (["transform", "saturate", "grayscale"], "give one NAME"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_shown_is_status_2_and_says_why(cli, words, message):
    result = cli("show", *words)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_target_that_does_not_import_is_an_error_and_says_what_to_do(cli, plugins_dir):
    (plugins_dir / "lost.py").write_text(
        "from shapebias.plugin import TransformSpec, hookimpl\n"
        "@hookimpl\n"
        "def shapebias_transforms():\n"
        "    yield TransformSpec('lost', 'no_such_library:Lost')\n"
    )
    result = cli("--plugins-dir", plugins_dir, "show", "transform", "lost")
    assert result.exit_code == 2
    assert "No module named 'no_such_library'" in result.stderr
    assert "shapebias plugins --traceback" in result.stderr


def test_a_published_network_is_shown_with_its_file(cli):
    shown = cli("show", "model", "robustbench:Rebuffi2021Fixing_R18_ddpm,dataset=cifar100").stdout
    facts = dict(line.split(":", 1) for line in shown.rpartition("\n\n")[2].splitlines())
    assert facts["settings"].strip().startswith("robustbench:name=Rebuffi2021Fixing_R18_ddpm,dataset=cifar100")
    assert facts["address"].strip().endswith("id=1-Qcph_EXw1SCYhDIl8cwqTQQy0sJKO8N")
    assert facts["licence"].strip() == "Apache-2.0"
    assert "SHA-256 begins with b4aa5238" in cli("show", "sin:alexnet").stdout


def test_the_published_names_are_shown(cli):
    shown = cli("show", "robustbench").stdout
    assert "Salman2020Do_R50" in next(line for line in shown.splitlines() if line.startswith("imagenet Linf:"))
    assert "resnet18_l2_eps0.05" in cli("show", "robust").stdout


def test_a_published_network_that_there_is_not_is_refused(cli):
    result = cli("show", "robustbench:Carmon2019Unlabelled")
    assert result.exit_code == 2
    assert "did you mean 'Carmon2019Unlabeled'" in result.stderr
