"""Which outputs belong to which class: the rules one by one."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.data import ImageNetInfo
from torchvision.models import ResNet50_Weights

from shapebias.errors import LabelError
from shapebias.networks.label_matching import match_labels
from shapebias.networks.labels import LabelMapping, entry_level_classes, imagenet_names, imagenet_wnids

# Doshi et al. 2025: ImageNet-1k indices of each animal of the visual anagrams.
ANIMALS = {
    "bear": [294, 295, 296, 297],
    "bunny": [330, 331, 332],
    "cat": [281, 282, 283, 284, 285],
    "elephant": [101, 385, 386],
    "frog": [30, 31, 32],
    "lizard": list(range(38, 49)),
    "tiger": list(range(286, 294)),
    "turtle": list(range(33, 38)),
    "wolf": list(range(269, 276)),
}
# The ten classes of Imagenette with their published ImageNet-1k indices.
IMAGENETTE = {
    "n01440764": 0,
    "n02102040": 217,
    "n02979186": 482,
    "n03000684": 491,
    "n03028079": 497,
    "n03394916": 566,
    "n03417042": 569,
    "n03425413": 571,
    "n03445777": 574,
    "n03888257": 701,
}
DESCRIPTIONS = [ImageNetInfo().index_to_description(index) for index in range(1000)]
FIRST_WORDS = [description.split(", ")[0] for description in DESCRIPTIONS]
CATEGORIES = ResNet50_Weights.IMAGENET1K_V2.meta["categories"]
AMBIGUOUS = {"crane", "maillot"}


def mapping_file(folder, content):
    path = folder / "classes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


# Identical and reordered.


def test_equal_classes_pass_untouched():
    mapping = match_labels(["cat", "dog"], 2, ("cat", "dog"))
    assert mapping == LabelMapping("identical", "2 classes (cat, dog)", ("cat", "dog"), None)


NAMES = st.lists(st.text(min_size=1), min_size=2, max_size=30, unique=True)


@settings(max_examples=50)
@given(NAMES.flatmap(lambda names: st.tuples(st.just(names), st.permutations(names))))
def test_any_order_sends_each_class_to_itself(orders):
    model_classes, dataset_classes = orders
    mapping = match_labels(model_classes, len(model_classes), dataset_classes)
    assert mapping.classes == tuple(dataset_classes)
    if model_classes == dataset_classes:
        assert (mapping.name, mapping.groups) == ("identical", None)
    else:
        assert mapping.name == "reordered"
        assert [[model_classes[index] for index in group] for group in mapping.groups] == [[n] for n in dataset_classes]


def test_a_model_with_the_names_of_torchvision_meets_them_in_another_order():
    mapping = match_labels(imagenet_names(), 1000, imagenet_names()[::-1])
    assert mapping.name == "reordered"
    assert mapping.groups == tuple((index,) for index in range(999, -1, -1))


SPELLINGS = {
    "wnids": ImageNetInfo().label_names(),
    "torchvision's names": CATEGORIES,
    "first words, two of them repeated": FIRST_WORDS,
    "timm's descriptions, one of them repeated": DESCRIPTIONS,
    "those of the Hugging Face hub": [*DESCRIPTIONS[:517], "crane2", *DESCRIPTIONS[518:]],
    "indices": [str(index) for index in range(1000)],
}


@pytest.mark.parametrize("model_classes", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("dataset_classes", SPELLINGS.values(), ids=SPELLINGS)
def test_all_of_imagenet_is_identical_however_it_is_written(model_classes, dataset_classes):
    mapping = match_labels(model_classes, 1000, dataset_classes)
    assert (mapping.name, mapping.groups) == ("identical", None)
    assert mapping.source == "ImageNet-1k (1,000 classes)"
    assert mapping.classes == tuple(dataset_classes)


def test_a_thousand_unnamed_outputs_are_assumed_to_be_imagenet_and_say_so():
    mapping = match_labels(None, 1000, imagenet_wnids())
    assert (mapping.name, mapping.source) == ("identical", "ImageNet-1k (assumed from 1,000 outputs)")


# Subsets of ImageNet-1k.


def test_imagenette_finds_its_published_indices(data_dir):
    folders = sorted(folder.name for folder in (data_dir / "imagenette96" / "val").iterdir() if folder.is_dir())
    mapping = match_labels(None, 1000, folders)
    assert mapping.name == "imagenet-1k -> subset"
    assert mapping.groups == tuple((IMAGENETTE[folder],) for folder in folders)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 999), st.sampled_from(sorted(SPELLINGS))),
        min_size=1,
        max_size=20,
        unique_by=lambda choice: choice[0],
    ),
    st.sampled_from([None, *SPELLINGS]),
)
def test_any_subset_in_any_spelling_finds_its_indices(choices, model):
    choices = [(index, kind) for index, kind in choices if SPELLINGS[kind][index] not in AMBIGUOUS] or [(7, "indices")]
    mapping = match_labels(SPELLINGS.get(model), 1000, [SPELLINGS[kind][index] for index, kind in choices])
    assert mapping.name == "imagenet-1k -> subset"
    assert mapping.groups == tuple((index,) for index, _ in choices)


def test_indices_sorted_as_text_go_to_their_own_outputs():
    folders = sorted(str(index) for index in range(1000))
    assert match_labels(None, 1000, folders).groups == tuple((int(folder),) for folder in folders)


def test_ambiguous_are_exactly_the_texts_that_mean_two_classes():
    meanings: dict[str, set[int]] = {}
    for texts in SPELLINGS.values():
        for index, text in enumerate(texts):
            meanings.setdefault(text, set()).add(index)
    assert {text for text, indices in meanings.items() if len(indices) > 1} == AMBIGUOUS


def test_ambiguous_names_are_an_error_that_says_which_wnids():
    with pytest.raises(LabelError) as caught:
        match_labels(None, 1000, ["tench", "crane", "maillot"])
    assert "'crane' is ambiguous, write which: output 134 (n02012849) or 517 (n03126707)" in str(caught.value)
    assert "'maillot' is ambiguous, write which: output 638 (n03710637) or 639 (n03710721)" in str(caught.value)


def test_one_class_under_two_names_is_an_error():
    with pytest.raises(LabelError, match="output 0 is used by 'tench' and 'n01440764'"):
        match_labels(None, 1000, ["tench", "goldfish", "n01440764"])


# The 16 entry-level classes.


@pytest.mark.parametrize("model_classes", [None, imagenet_wnids(), CATEGORIES], ids=["unnamed", "wnids", "names"])
def test_the_sixteen_classes_gather_their_indices(model_classes):
    mapping = match_labels(model_classes, 1000, sorted(entry_level_classes()))
    assert mapping.name == "imagenet-1k -> entry-level-16"
    assert dict(zip(mapping.classes, mapping.groups, strict=True)) == entry_level_classes()


@settings(max_examples=30)
@given(st.lists(st.sampled_from(sorted(entry_level_classes())), min_size=1, unique=True))
def test_some_of_the_sixteen_in_any_order_keep_their_indices(classes):
    mapping = match_labels(None, 1000, classes)
    assert mapping.name == "imagenet-1k -> entry-level-16"
    assert mapping.groups == tuple(entry_level_classes()[name] for name in classes)


def test_a_model_of_the_sixteen_classes_is_not_mapped():
    assert match_labels(sorted(entry_level_classes()), 16, sorted(entry_level_classes())).groups is None


def test_the_sixteen_do_not_mix_with_imagenet():
    with pytest.raises(LabelError, match=r"entry-level classes \(dog\) do not mix with classes of ImageNet-1k"):
        match_labels(None, 1000, ["dog", "tench"])


# By position, and no rule.


def test_unnamed_outputs_as_many_as_classes_go_by_position():
    mapping = match_labels(None, 3, ["a", "b", "c"])
    assert mapping == LabelMapping("by position", "3 unnamed outputs", ("a", "b", "c"), None)


def test_a_thousand_foreign_classes_go_by_position_and_not_as_imagenet():
    mapping = match_labels(None, 1000, [f"product {number}" for number in range(1000)])
    assert (mapping.name, mapping.source, mapping.groups) == ("by position", "1,000 unnamed outputs", None)


def test_named_outputs_never_go_by_position():
    with pytest.raises(LabelError) as caught:
        match_labels(["cat", "dog", "horse"], 3, ["cat", "dogs", "lamp"])
    *facts, way_out = str(caught.value).splitlines()
    assert facts == [
        "the model's outputs do not match the data set's classes",
        "  the model: 3 classes (cat, dog, horse)",
        "  the data set: 3 classes (cat, dogs, lamp)",
        "  the model has no class 'dogs'; did you mean 'dog'?",
        "  the model has no class 'lamp'",
    ]
    assert way_out == (
        "  to map them yourself, write a mapping file: a JSON object from each class of the data set to outputs of the "
        'model, as in {"dog": ["beagle", 207]}'
    )


FOREIGN = {
    "1,000 foreign classes": ([f"product {number}" for number in range(1000)], 1000),
    "ten foreign classes": ([f"product {number}" for number in range(10)], 10),
    "ten unnamed outputs": (None, 10),
}


@pytest.mark.parametrize(("model_classes", "outputs"), FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("dataset_classes", [imagenet_wnids(), ["tench"], ["cat", "dog"]], ids=["all", "some", "16"])
def test_only_an_imagenet_model_is_mapped_from_imagenet(model_classes, outputs, dataset_classes):
    with pytest.raises(LabelError, match="the model's outputs do not match the data set's classes"):
        match_labels(model_classes, outputs, dataset_classes)


def test_classes_that_imagenet_lacks_are_named_and_the_others_are_not():
    with pytest.raises(LabelError) as caught:
        match_labels(imagenet_wnids(), 1000, ["tench", "dog", "great_white_shark", "Hogwarts"])
    message = str(caught.value)
    assert "the model: ImageNet-1k (1,000 classes)" in message
    assert "no class 'great_white_shark'; did you mean 'great white shark'?" in message
    assert "no class 'Hogwarts'" in message
    assert "no class 'tench'" not in message
    assert "no class 'dog'" not in message
    assert "do not mix" not in message


def test_many_foreign_classes_are_counted():
    with pytest.raises(LabelError) as caught:
        match_labels(None, 1000, [f"product {number}" for number in range(100)])
    message = str(caught.value)
    assert "the data set: 100 classes (product 0, product 1, product 2, product 3, ...)" in message
    assert message.count("the model has no class") == 20
    assert "nor 80 other classes of the data set" in message


def test_unnamed_outputs_of_another_number_show_both_numbers():
    with pytest.raises(
        LabelError, match=r"(?s)the model: 10 unnamed outputs.*the data set: 2 classes \(a, b\)"
    ) as caught:
        match_labels(None, 10, ["a", "b"])
    assert "can have as many outputs: num_classes=2\n" in str(caught.value)


@pytest.mark.parametrize(("outputs", "classes", "told"), [(1, "ab", True), (1, "abc", False), (2, "abc", False)])
def test_one_output_for_two_classes_is_perhaps_a_binary_network(outputs, classes, told):
    with pytest.raises(LabelError) as caught:
        match_labels(None, outputs, list(classes))
    assert ("needs binary=true" in str(caught.value)) == told


def test_a_model_must_name_all_its_outputs():
    with pytest.raises(LabelError, match="the model has 4 outputs but names 2 classes: a, b"):
        match_labels(["a", "b"], 4, ["a", "b"])


def test_a_data_set_must_have_classes():
    with pytest.raises(LabelError, match="the data set has no class names"):
        match_labels(None, 1000, [])


@pytest.mark.parametrize("model_classes", [None, ["cat", "dog", "lamp"]])
def test_two_classes_of_one_name_are_an_error(model_classes):
    with pytest.raises(LabelError, match="several classes named cat; give each class its own name"):
        match_labels(model_classes, 3, ["cat", "dog", "cat"])


# Mapping files.


def test_the_published_list_as_a_mapping_file_gives_the_built_in_groups(data_dir):
    path = data_dir / "imagenet_to_16_classes.json"
    mapping = match_labels(None, 1000, sorted(entry_level_classes()), path)
    assert mapping.name == "file:imagenet_to_16_classes.json"
    assert mapping.groups == match_labels(None, 1000, sorted(entry_level_classes())).groups


def test_a_mapping_file_takes_names_wnids_and_indices(tmp_path):
    path = mapping_file(tmp_path, {"bear": ["brown bear", "n02133161", 296, "297"], "bird": ["crane bird"]})
    mapping = match_labels(None, 1000, ["bird", "bear"], str(path))
    assert mapping == LabelMapping(
        "file:classes.json",
        "ImageNet-1k (assumed from 1,000 outputs)",
        ("bird", "bear"),
        ((134,), (294, 295, 296, 297)),
    )


def test_a_mapping_file_wins_over_every_rule(tmp_path):
    path = mapping_file(tmp_path, {"cat": ["dog"], "dog": ["cat"]})
    assert match_labels(["cat", "dog"], 2, ["cat", "dog"], path).groups == ((1,), (0,))


def test_digits_in_quotes_are_a_name_of_the_model(tmp_path):
    path = mapping_file(tmp_path, {"text": ["2"], "number": [2]})
    assert match_labels(["2", "1", "0"], 3, ["text", "number"], path).groups == ((0,), (2,))


def test_all_problems_of_a_mapping_file_are_reported_at_once(tmp_path):
    path = mapping_file(
        tmp_path,
        """{"cat": ["tabbyy", 1000, -1, true, 2.0, "crane"], "cat": [281, 282, 281],
            "dgo": [207], "bear": [], "bird": "jay", "boat": [281]}""",
    )
    with pytest.raises(LabelError) as caught:
        match_labels(imagenet_wnids(), 1000, ["cat", "dog", "bear", "bird", "boat"], path)
    assert str(caught.value).splitlines() == [
        f"mapping file {path} does not fit a model with ImageNet-1k (1,000 classes):",
        "  class 'cat': the model has no output 'tabbyy'; did you mean 'tabby'?",
        "  class 'cat': index 1000 is not in 0..999",
        "  class 'cat': index -1 is not in 0..999",
        "  class 'cat': true is neither an index nor a name",
        "  class 'cat': 2.0 is neither an index nor a name",
        "  class 'cat': 'crane' is ambiguous, write which: output 134 (n02012849) or 517 (n03126707)",
        "  class 'cat' is written twice",
        "  the data set has no class 'dgo'; did you mean 'dog'?",
        "  class 'bear' needs a list of one or more outputs",
        "  class 'bird' needs a list of one or more outputs",
        "  class 'dog' is missing",
        "  output 281 is used by 'cat' and 'cat' and 'boat'",
    ]


def test_a_name_that_the_model_gives_to_two_outputs_is_ambiguous(tmp_path):
    path = mapping_file(tmp_path, {"cat": ["a"]})
    with pytest.raises(LabelError, match="class 'cat': 'a' is ambiguous, write which: output 0 or 2"):
        match_labels(["a", "b", "a"], 3, ["cat"], path)


def test_unnamed_outputs_are_found_by_index_only(tmp_path):
    assert match_labels(None, 3, ["cat"], mapping_file(tmp_path, {"cat": [2, 0]})).groups == ((2, 0),)
    with pytest.raises(LabelError, match="no output 'tabby'; its outputs have no names, write indices"):
        match_labels(None, 3, ["cat"], mapping_file(tmp_path, {"cat": ["tabby"]}))


@pytest.mark.parametrize("content", ["", "{", "[[", '{"cat": [281],}'])
def test_a_mapping_file_that_is_not_json_is_an_error(tmp_path, content):
    with pytest.raises(LabelError, match=r"classes\.json cannot be read as JSON"):
        match_labels(None, 1000, ["cat"], mapping_file(tmp_path, content))


@pytest.mark.parametrize("content", ["[]", '[["cat", [281]]]', '"cat"', "281", "null"])
def test_a_mapping_file_must_hold_an_object(tmp_path, content):
    with pytest.raises(LabelError, match=r"classes\.json must hold a JSON object"):
        match_labels(None, 1000, ["cat"], mapping_file(tmp_path, content))


def test_a_mapping_file_that_is_absent_is_an_error(tmp_path):
    with pytest.raises(LabelError, match=r"none\.json cannot be read"):
        match_labels(None, 1000, ["cat"], tmp_path / "none.json")


def test_importing_the_rules_imports_nothing_heavy():
    code = (
        "import sys, shapebias.networks.label_matching as matching; matching.match_labels(None, 1000, ['cat', 'dog']);"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "shapebias" in loaded
    assert not {"torch", "torchvision", "timm", "numpy", "pandas", "h5py"} & set(loaded)


def test_the_nine_animals_are_mapped_as_published():
    groups = match_labels(None, 1000, sorted(ANIMALS)).groups
    assert {name: list(group) for name, group in zip(sorted(ANIMALS), groups, strict=True)} == ANIMALS


def test_some_of_the_nine_animals_are_not_taken_for_the_published_set():
    mapping = match_labels(None, 1000, ["tiger", "zebra"])
    assert (mapping.name, mapping.groups) == ("imagenet-1k -> subset", ((292,), (340,)))
