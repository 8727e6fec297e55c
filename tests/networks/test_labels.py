"""Label spaces against torchvision, timm and the original study's list; and mappings as they are stored."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.data import ImageNetInfo
from torchvision.models import ResNet50_Weights

from shapebias.errors import LabelError
from shapebias.networks.label_matching import match_labels
from shapebias.networks.labels import (
    LabelMapping,
    class_groups,
    entry_level_classes,
    imagenet_names,
    imagenet_wnids,
)

# Geirhos et al. 2019: ImageNet-1k categories for each of the 16 entry-level classes.
ENTRY_LEVEL_SIZES = {
    "airplane": 1,
    "bear": 4,
    "bicycle": 2,
    "bird": 49,
    "boat": 5,
    "bottle": 7,
    "car": 3,
    "cat": 6,
    "chair": 4,
    "clock": 3,
    "dog": 109,
    "elephant": 2,
    "keyboard": 2,
    "knife": 1,
    "oven": 1,
    "truck": 8,
}
DESCRIPTIONS = [ImageNetInfo().index_to_description(index) for index in range(1000)]
FIRST_WORDS = [description.split(", ")[0] for description in DESCRIPTIONS]
CATEGORIES = ResNet50_Weights.IMAGENET1K_V2.meta["categories"]


# The facts.


def test_wnids_are_those_of_timm_in_index_order():
    assert list(imagenet_wnids()) == ImageNetInfo().label_names()


def test_names_are_those_of_torchvision_and_unique():
    assert len(set(imagenet_names())) == 1000
    # Some versions of torchvision call two classes "crane" and two "maillot".
    differing = {index for index in range(1000) if imagenet_names()[index] != CATEGORIES[index]}
    assert differing <= {134, 639}


def test_names_are_the_first_words_of_the_synsets_where_those_are_unique():
    differing = {index for index in range(1000) if imagenet_names()[index] != FIRST_WORDS[index]}
    assert differing == {134, 639}


def test_entry_level_classes_are_those_of_the_study(data_dir):
    published = json.loads((data_dir / "imagenet_to_16_classes.json").read_text())
    assert {name: list(indices) for name, indices in entry_level_classes().items()} == published


def test_entry_level_classes_have_the_published_sizes_and_share_nothing():
    assert {name: len(indices) for name, indices in entry_level_classes().items()} == ENTRY_LEVEL_SIZES
    indices = [index for group in entry_level_classes().values() for index in group]
    assert len(indices) == len(set(indices)) == 207
    assert set(indices) <= set(range(1000))


def test_no_entry_level_class_is_also_a_name_in_imagenet():
    assert not set(entry_level_classes()) & {*imagenet_names(), *DESCRIPTIONS, *FIRST_WORDS}


# Stored with the results.


@settings(max_examples=50)
@given(
    st.text(),
    st.text(),
    st.lists(st.tuples(st.text(), st.integers(1, 4)), min_size=1, max_size=10),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_json_gives_an_equal_mapping(name, source, sizes, untouched, random):
    indices = random.sample(range(1000), sum(size for _, size in sizes))
    groups = None if untouched else tuple(tuple(indices.pop() for _ in range(size)) for _, size in sizes)
    mapping = LabelMapping(name, source, tuple(class_name for class_name, _ in sizes), groups)
    assert LabelMapping.from_json(mapping.to_json()) == mapping
    assert hash(LabelMapping.from_json(mapping.to_json())) == hash(mapping)


def test_json_is_one_plain_object():
    stored = json.loads(match_labels(["cat", "dog"], 2, ["dog", "cat"]).to_json())
    assert stored == {
        "name": "reordered",
        "source": "2 classes (cat, dog)",
        "classes": ["dog", "cat"],
        "groups": [[1], [0]],
        "aggregate": "mean",
    }


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"name": "identical"}', "not json"])
def test_json_of_something_else_is_an_error(text):
    with pytest.raises(LabelError, match="not a label mapping as shapebias stores it"):
        LabelMapping.from_json(text)


@pytest.mark.parametrize("groups", [((0,),), ((0,), ()), ((0,), (1,), (2,))])
def test_each_class_needs_outputs(groups):
    with pytest.raises(LabelError, match="2 classes need as many groups of outputs, none of them empty"):
        LabelMapping("file:x", "3 unnamed outputs", ("cat", "dog"), groups)


def test_an_output_counts_for_one_class_only():
    with pytest.raises(LabelError, match=r"(?s)counts for one class only.*output 1 is used by 'cat' and 'dog'"):
        LabelMapping("file:x", "3 unnamed outputs", ("cat", "dog"), ((0, 1), (1, 2)))


def test_synonyms_of_refined_bias_are_merged():
    known = class_groups()["refined-bias-shape"]
    names = {name: {imagenet_names()[index] for index in group} for name, group in known.items()}
    assert names["clock"] == {"analog clock", "digital clock", "wall clock"}
    assert names["camera"] == {"Polaroid camera", "reflex camera"}


def test_the_aggregate_is_kept_with_the_mapping():
    mapping = match_labels(None, 1000, ["cat", "elephant"], aggregate="sum")
    assert LabelMapping.from_json(mapping.to_json()) == mapping
    assert mapping.aggregate == "sum"


def test_a_mapping_of_an_older_file_has_the_mean():
    stored = json.loads(match_labels(None, 1000, ["cat", "elephant"]).to_json())
    del stored["aggregate"]
    assert LabelMapping.from_json(json.dumps(stored)).aggregate == "mean"


def test_an_unknown_aggregate_is_refused():
    with pytest.raises(LabelError, match="aggregate is 'median'; give mean, sum, max"):
        LabelMapping("file:a.json", "4 outputs", ["a"], [[1]], "median")
