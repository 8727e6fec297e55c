"""Numbers that no computer can work with are refused by name, before anything is computed."""

from __future__ import annotations

import pytest

import shapebias
from shapebias.errors import ShapebiasError, SpellingError, StudyError
from shapebias.plugins.catalog import default_catalog
from shapebias.study import Study
from shapebias.training.recipe import Recipe


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("dataset", "stimuli:images=1000000000000", "images: must be <= 10000000, got 1000000000000"),
        ("dataset", "stimuli:size=1000000", "size: must be <= 8192, got 1000000"),
        ("dataset", f"stimuli:seed={2**63}", f"seed: must be < {2**63}, got {2**63}"),
        ("attack", f"pgd:steps={10**18}", f"steps: must be <= 10000000, got {10**18}"),
        ("attack", "pgd:eps=1e300", "eps: must be <= 1e15, got 1e300"),
        ("attack", "pgd:eps=1/255,1e300", "eps: must be <= 1e15, got 1e300"),
        ("transform", "saturate:p=1e300", "p: must be <= 1e15, got 1e300"),
        ("transform", "saturate:p=1e-300", "p: must be 0 or at least 1e-30 in magnitude, got 1e-300"),
        ("transform", "hue:degrees=-1e300", "degrees: must be >= -1e15, got -1e300"),
        ("transform", "hue:degrees=inf", "degrees: must be <= 1e15, got inf"),
        ("transform", f"saturate:p={'9' * 5000}", "p: must be <= 1e15, got inf"),
        ("model", "cnn:width=1000000000", "width: must be <= 4096, got 1000000000"),
        ("model", f"cnn:seed={2**64}", f"seed: must be < {2**63}"),
    ],
)
def test_texts(kind, text, words):
    with pytest.raises(SpellingError) as refused:
        default_catalog().component(kind, text)
    assert words in str(refused.value)


def test_a_whole_number_of_thousands_of_digits_in_python():
    settings = type(default_catalog().component("transform", "saturate").settings)
    with pytest.raises(SpellingError, match=r"p: must be <= 1e15, got a number of [0-9]+ bits"):
        settings(p=10**5000)


@pytest.mark.parametrize("read", [Study.from_toml, Recipe.from_toml])
@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("a = " + "[" * 1000 + "]" * 1000, "nested too deeply"),
        ("a = " + "{a=" * 1000 + "1" + "}" * 1000, "nested too deeply"),
        (f"seed = {'9' * 5000}", "is not valid TOML"),
    ],
)
def test_toml_that_goes_too_far(read, toml, words):
    with pytest.raises(StudyError, match=words):
        read(toml)


@pytest.mark.parametrize("field", ["seed", "limit", "saliency_limit"])
def test_whole_numbers_of_a_study_have_64_bits(field):
    with pytest.raises(StudyError, match=f"{field}: must be a whole number"):
        Study.from_toml(f'datasets = ["stimuli"]\nmodels = ["cnn"]\n{field} = {2**63}')


@pytest.mark.parametrize("name", ["batch_size", "chunk", "workers"])
@pytest.mark.parametrize("value", [True, 1.5, 2**70, "3", 0, -1, float("nan")])
def test_counts_in_python(name, value, tmp_path):
    study = Study("stimuli:images=8,size=32", "cnn:num_classes=8,width=4")
    with pytest.raises(ShapebiasError, match=f"{name} is .*; give a whole number from 1 to "):
        shapebias.run(study, tmp_path / "run.h5", **{name: value})
    assert not list(tmp_path.iterdir())
