"""Published values: the tables are whole, and say what their sources say."""

from __future__ import annotations

import math
from importlib.resources import files

import pytest

from shapebias.errors import DataError
from shapebias.plugins.catalog import default_catalog
from shapebias.published.references import COLUMNS, read_references, references

HEAD = ",".join(COLUMNS) + "\n"


def value(measure, model):
    (one,) = (one for one in references(measure) if one.model == model)
    return one.value


@pytest.mark.parametrize(
    ("model", "bias"),
    [
        ("tv_resnet50", 0.2146),
        ("resnet50_trained_on_SIN", 0.8139),
        *zip(
            (f"robust_resnet50_l2_eps{eps}" for eps in ("0", "0.25", "0.5", "1", "3", "5")),
            (0.2072, 0.3388, 0.4085, 0.4845, 0.6475, 0.6949),
            strict=True,
        ),
        *zip(
            (f"robust_resnet50_linf_eps{eps}" for eps in ("0.5", "1.0", "2.0", "4.0", "8.0")),
            (0.3680, 0.4517, 0.5414, 0.6232, 0.7195),
            strict=True,
        ),
        ("resnet50 (texture-vs-shape)", 162 / 734),
        ("CLIP ViT-L/14 (80 templates)", 615 / 1009),
        ("CLIP RN50 (class name alone)", 179 / 862),
        ("resnet50 (torchvision)", 180 / 808),
        ("InternVL", 732 / 1072),
        ("GPT-4V", 401 / 837),
        ("subject-01", 0.9617),
        ("subject-03", 0.9673),
    ],
)
def test_shape_biases(model, bias):
    assert value("shape-bias", model) == pytest.approx(bias, abs=1.01e-4)  # sources round the fourth digit differently


def test_human_consistency_has_people_and_models_of_the_benchmark():
    measures = ("accuracy-difference", "observed-consistency", "error-consistency", "ood-accuracy")
    rows = {"resnet50": (0.087, 0.665, 0.208, 0.559), "BagNet-33": (0.156, 0.567, 0.137, 0.398)}
    for model, values in {**rows, "CLIP ViT-B": (0.023, 0.758, 0.281, 0.708)}.items():
        assert [value(f"human-consistency:{measure}", model) for measure in measures] == list(values)
    whole = [one for one in references("human-consistency:error-consistency") if one.dataset.endswith("17 sets")]
    assert [one.value for one in whole if one.model == "people"] == [0.4312]


def test_a_critical_band_that_is_not_defined_has_a_reason_and_no_value():
    rows = {one.model: one for one in references("critical-band:bandwidth") if one.paper.startswith("Subramanian")}
    assert len(rows) == 85  # of 86 files, two of which are the same
    undefined = {model for model, one in rows.items() if math.isnan(one.value)}
    assert {"alexnet", "bagnet9", "resnet50_l2_eps5"} <= undefined
    assert all(("no value: no more than half right" in one.where) == (name in undefined) for name, one in rows.items())
    assert max(one.value for name, one in rows.items() if name not in undefined) < 20


def test_each_table_has_its_source_and_licence_beside_it():
    folder = files("shapebias").joinpath("resources/references")
    readme = folder.joinpath("README.md").read_text(encoding="utf-8")
    tables = [file.name for file in folder.iterdir() if file.name.endswith(".csv")]
    assert len(tables) > 4
    for name in tables:
        (line,) = (line for line in readme.splitlines() if line.startswith(f"| `{name}`"))
        assert "CC-BY" in line or "facts only" in line


def test_measures_that_are_computed_here_have_the_metrics_name():
    known = default_catalog().names("metric")
    assert {one.measure.partition(":")[0] for one in references()} <= {*known}


def test_no_value_is_there_twice():
    keys = [(one.measure, one.model, one.dataset, one.paper) for one in references()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,value\n", "has the columns measure, model"),
        (HEAD + "a,b,1,,,,d,p\n", "line 2: does not have one value for each column"),
        (HEAD + "a,b,one,,,,d,p,w\n", "line 2: could not convert"),
        (HEAD + "a,b,0.5,0.6,0.7,3,d,p,w\n", "0.5 is not within 0.6 and 0.7"),
        (HEAD + "a,b,,,,3,d,p,w\n", "the value is empty; give it, or say in 'where' why"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        read_references(text, "mine.csv")
