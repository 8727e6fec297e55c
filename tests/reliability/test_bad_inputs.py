"""Texts, files and images that a person or a program may get wrong: a clear error or a right result, nothing else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from amounts import amount
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from shapebias.errors import ShapebiasError
from shapebias.images.reading import read_image
from shapebias.plugins.catalog import default_catalog
from shapebias.study import Study
from shapebias.training.recipe import Recipe

many = settings(
    max_examples=amount(150, 4000), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
NAMES = ["saturate", "pgd", "cnn", "stimuli", "smoothgrad", "insertion", "accuracy", "folder", "timm", "clean", "x", ""]
KEYS = ["p", "eps", "steps", "size", "images", "seed", "width", "k", "samples", "path", "arg.x", "p.p", "", "é"]
ODD = ["8/255", "1/0", "nan", "inf", "-1", "1e300", "1e-300", "none", "true", "9" * 400, '"', "'", "\\", "\0", "\ud800"]
ODD += ["a,b", "a+b", "a=b", "a:b", "[", "{", "(" * 200, "../..", "/", "~nobody/x", "\u202e", "\x1b[31m", " ", "1e5"]
odd = st.text(max_size=12) | st.sampled_from(ODD)
numbers = st.floats() | st.integers(-(2**70), 2**70) | st.sampled_from([2**63, 2**64, 10**400])
pairs = st.tuples(st.sampled_from(KEYS), odd | numbers.map(str)).map("=".join)
texts = st.builds(
    lambda name, arguments, rest: f"{name}:{','.join(arguments)}{rest}",
    st.sampled_from(NAMES) | odd,
    st.lists(pairs | odd, max_size=4),
    st.sampled_from(["", "+", ",", ":", "+grayscale"]),
)
plain = st.booleans() | numbers | texts | st.none()
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
MOST_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # Pillow's own limit, about 179 million
KINDS = ["dataset", "model", "transform", "attack", "saliency", "probe", "metric"]


def only_our_errors(do, *arguments):
    try:
        return do(*arguments)
    except ShapebiasError as error:
        assert str(error)
        return None


@many
@given(st.sampled_from(KINDS), texts)
def test_texts_of_components(kind, text):
    component = only_our_errors(default_catalog().component, kind, text)
    if component is not None:
        assert default_catalog().component(kind, component.canonical) == component


@many
@given(st.dictionaries(st.sampled_from(["datasets", "models", "conditions", "saliency", "seed", "limit", "x"]), values))
def test_studies(content):
    study = only_our_errors(Study.from_mapping, content)
    if study is not None:
        assert Study.from_toml(study.to_toml()) == study


@many
@given(st.dictionaries(st.sampled_from(["model", "dataset", "attack", "epochs", "lr", "validation", "keep"]), values))
def test_recipes(content):
    recipe = only_our_errors(Recipe.from_mapping, content)
    if recipe is not None:
        assert Recipe.from_toml(recipe.to_toml()) == recipe


@many
@given(st.text(alphabet="abc=[]{}\"'.,#\n\t 0123456789-+_e\\\0é", max_size=80))
def test_texts_in_place_of_toml(text):
    only_our_errors(Study.from_toml, text)
    only_our_errors(Recipe.from_toml, text)


@many
@given(st.sampled_from(["saturate", "blur", "patch-shuffle", "hue"]), st.data())
def test_values_in_python(name, data):
    cls = type(default_catalog().component("transform", name).settings)
    field = cls.__attrs_attrs__[0].name
    only_our_errors(lambda: cls(**{field: data.draw(values)}))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM"])
def test_mangled_images(form):
    rng = np.random.default_rng(0)
    whole = io.BytesIO()
    Image.fromarray(rng.integers(256, size=(24, 24, 3), dtype=np.uint8)).save(whole, form)
    whole = whole.getvalue()
    refused = 0
    for _ in range(amount(25, 500)):
        mangled = bytearray(whole)
        for _ in range(rng.integers(1, 5)):
            mangled[rng.integers(len(mangled))] = rng.integers(256)
        if rng.random() < 0.3:
            mangled = mangled[: rng.integers(len(mangled))]
        image = only_our_errors(read_image, io.BytesIO(bytes(mangled)), f"x.{form}")
        refused += image is None
        if image is not None:
            assert image.mode == "RGB"
            assert image.width * image.height <= MOST_PIXELS
    assert refused
