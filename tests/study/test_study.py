"""A study: what it reads, what it refuses, and which cells it has."""

from __future__ import annotations

import itertools
import re

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from shapebias.errors import ShapebiasError, SpellingError, StudyError, UnknownNameError
from shapebias.models.cnn import Cnn
from shapebias.plugins.catalog import default_catalog
from shapebias.study import CLEAN, Condition, Study, read_toml
from shapebias.transforms.patch_shuffle import PatchShuffle
from shapebias.transforms.saturate import Saturate

DATASET = "stimuli:cue=conflict"
MODEL = "cnn:width=4"
TOML = """
datasets = ["stimuli:cue=conflict", "plain=stimuli"]
conditions = ["clean", "saturate:p=8", "both=patch-shuffle:k=4+pgd:eps=4/255"]
saliency = ["gradient"]
probes = ["insertion"]
seed = 7
limit = 100
saliency_limit = 10
mapping = "classes.json"
aggregate = "sum"
logits = "top-3"
keep_images = true

[models]
small = "cnn:width=4"
"a label = with signs" = "cnn:width=8"
"""


def titles(things):
    return [thing.title for thing in things]


def small(**more):
    return Study(DATASET, MODEL, **more)


# Conditions


def test_clean_has_no_steps():
    assert Condition.parse("clean") == CLEAN
    assert CLEAN.text == CLEAN.canonical == CLEAN.title == "clean"
    assert (CLEAN.before, CLEAN.attack, CLEAN.after, CLEAN.files) == ((), None, (), [])
    assert Condition.parse("as they are=clean").title == "as they are"


def test_a_chain_keeps_its_order_and_is_cut_at_the_attack():
    condition = Condition.parse("mine=saturate:p=8+patch-shuffle:k=4+pgd:eps=4/255+grayscale")
    assert [step.text for step in condition.before] == ["saturate:p=8", "patch-shuffle:k=4"]
    assert condition.attack.text == "pgd:eps=4/255"
    assert [step.text for step in condition.after] == ["grayscale"]
    assert condition.title == "mine"
    assert condition.before[0].settings == Saturate(p=8)


def test_without_an_attack_all_steps_come_before():
    condition = Condition.parse("grayscale+saturate")
    assert (len(condition.before), condition.attack, condition.after) == (2, None, ())


def test_the_label_and_spelled_defaults_do_not_count_for_equality():
    assert Condition.parse("saturate") == Condition.parse("strong=saturate:p=8")
    assert Condition.parse("saturate") != Condition.parse("saturate:p=16")
    assert Condition.parse("saturate+grayscale") != Condition.parse("grayscale+saturate")


@given(
    st.lists(
        st.one_of(
            st.floats(0.5, 1024).map(lambda p: f"saturate:p={p}"),
            st.integers(1, 16).map(lambda k: f"patch-shuffle:k={k}"),
            st.just("grayscale"),
        ),
        max_size=4,
    ),
    st.sampled_from([[], ["pgd:eps=1/255,2/255"], ["fgsm"]]),
)
@settings(max_examples=40, deadline=None)
def test_canonical_and_short_text_give_an_equal_condition(transforms, attack):
    condition = Condition.parse("+".join([*transforms, *attack]) or "clean")
    assert len(condition.steps) == len(transforms) + len(attack)
    assert Condition.parse(condition.canonical) == condition
    assert Condition.parse(condition.text) == condition


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("pgd+grayscale+fgsm", SpellingError, "has 2 attacks; a condition has at most one"),
        (
            "patch-shuffle+silhouette",
            SpellingError,
            "patch-shuffle moves pixels, so the mask no longer fits; put silhouette",
        ),
        ("satruate", UnknownNameError, r"no transform or attack is called 'satruate'; did you mean 'saturate'\?"),
        ("gradient", UnknownNameError, "'gradient' is of the kind saliency"),
        ("saturate:p=0", SpellingError, "p: must be > 0, got 0"),
        ("saturate:q=2", SpellingError, "q: unknown parameter"),
        ("grayscale+", SpellingError, "'' does not begin with a name"),
        ("", SpellingError, "'' does not begin with a name"),
    ],
)
def test_a_condition_that_cannot_be_read(text, error, message):
    with pytest.raises(error, match=message):
        Condition.parse(text)


# What a study accepts


def test_a_text_a_list_and_a_mapping_give_the_same_things():
    alone = Study(DATASET, MODEL)
    assert Study([DATASET], [MODEL]) == alone == Study({"a": DATASET}, {"b": MODEL})
    assert titles(Study({"a": DATASET}, {"b": MODEL}).models) == ["b"]
    assert titles(Study(f"a={DATASET}", f"b={MODEL}").models) == ["b"]


def test_settings_built_in_python_are_as_good_as_text():
    study = Study(DATASET, Cnn(width=4), ["clean", Saturate(p=16), [PatchShuffle(k=2), "pgd"]])
    assert study == Study(DATASET, MODEL, ["clean", "saturate:p=16", "patch-shuffle:k=2+pgd"])


def test_a_mapping_of_conditions_labels_chains_and_settings():
    study = small(conditions={"none": "clean", "strong": Saturate(p=64), "chain": "grayscale+fgsm:eps=8/255"})
    assert titles(study.conditions) == ["none", "strong", "chain"]
    assert [condition.text for condition in study.conditions] == [
        "clean",
        "saturate:p=64",
        "grayscale+fgsm:eps=8/255",
    ]


def test_components_are_taken_as_they_are():
    component = default_catalog().component("model", MODEL)
    assert Study(DATASET, component).models == (component,)


def test_a_live_network_comes_with_a_name_and_is_identified_by_its_content():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 8))
    study = Study(DATASET, {"mine": network, "other": MODEL})
    assert titles(study.models) == ["mine", "other"]
    assert study.models[0].settings.classifier.module is network
    assert study == Study(DATASET, {"mine": network, "other": MODEL})
    before = study.models[0].settings.fingerprint
    nn.init.zeros_(network[1].weight)
    assert Study(DATASET, {"mine": network}).models[0].settings.fingerprint != before


@pytest.mark.parametrize("given_as", [lambda network: network, lambda network: [network]])
def test_a_live_network_without_a_name_is_refused(given_as):
    with pytest.raises(StudyError, match=r"a live Linear needs a name: models=\{'mine': model\}"):
        Study(DATASET, given_as(nn.Linear(3, 8)))


# What a study refuses


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"datasets": []}, "datasets: is empty"),
        ({"models": {}}, "models: is empty"),
        ({"conditions": []}, "conditions: is empty"),
        ({"datasets": "timm:resnet18"}, "datasets: no dataset is called 'timm'; 'timm' is of the kind model"),
        ({"datasets": Cnn()}, f"no plugin provides {Cnn()} as a dataset"),
        ({"conditions": [Cnn()]}, " as a transform or attack; give text such as"),
        ({"models": [MODEL, "cnn:depth=4,width=4"]}, "is given twice, as 'cnn:num_classes=10,width=4'; remove one"),
        ({"models": {"a": MODEL, "b": MODEL}}, "is given twice, as 'a' and 'b'; remove one"),
        (
            {"conditions": ["clean", "x=grayscale", "x=saturate"]},
            "two have the name 'x'; give them labels: a=grayscale",
        ),
        ({"saliency": "saturate"}, "'saturate' is of the kind transform"),
        ({"probes": "insertion"}, "'insertion:steps=20' measures saliency maps, and the study has no saliency"),
        ({"seed": -1}, "seed: must be a whole number from 0 to 2**63 - 1, got -1"),
        ({"seed": 2**63}, "seed: must be a whole number from 0 to 2**63 - 1, got 9223372036854775808"),
        ({"seed": True}, "seed: must be a whole number from 0 to 2**63 - 1, got True"),
        ({"limit": 0}, "limit: must be a whole number of at least 1, got 0"),
        ({"limit": 2.5}, "limit: must be a whole number of at least 1, got 2.5"),
        ({"saliency_limit": "many"}, "saliency_limit: must be a whole number of at least 1, got 'many'"),
        ({"mapping": 3}, "mapping: must be a path, got 3"),
        ({"aggregate": "median"}, "aggregate: must be mean, sum or max, got 'median'"),
        (
            {"logits": "top-0"},
            "logits: must be 'full', or 'top-10' for the ten best classes of each image, got 'top-0'",
        ),
        ({"keep_images": 1}, "keep_images: must be true or false, got 1"),
    ],
)
def test_what_cannot_be_a_study(arguments, message):
    with pytest.raises(ShapebiasError, match=re.escape(message)):
        Study(**({"datasets": DATASET, "models": MODEL} | arguments))


def test_all_things_of_a_list_are_told_at_once_with_their_places():
    with pytest.raises(StudyError) as caught:
        small(conditions=["clean", "satruate", "pgd", "saturate:p=-1"])
    text = str(caught.value)
    assert [line.split(":")[0] for line in text.splitlines() if line[0] != " "] == ["conditions[1]", "conditions[3]"]
    assert [type(error) for error in caught.value.__cause__.exceptions] == [UnknownNameError, SpellingError]


def test_a_component_of_another_kind_is_refused():
    component = default_catalog().component("model", MODEL)
    with pytest.raises(StudyError, match="'cnn:num_classes=10,width=4' is a model; expected a dataset"):
        Study(component, MODEL)


# TOML


def test_a_study_file_is_what_python_makes():
    chain = "both=patch-shuffle:k=4+pgd:eps=4/255"
    assert Study.from_toml(TOML) == Study(
        ["stimuli:cue=conflict", "stimuli"],
        {"small": "cnn:width=4", "a label = with signs": "cnn:width=8"},
        ["clean", "saturate:p=8", chain],
        "gradient",
        "insertion",
        seed=7,
        limit=100,
        saliency_limit=10,
        mapping="classes.json",
        aggregate="sum",
        logits="top-3",
        keep_images=True,
    )


def test_a_study_survives_the_way_into_toml_and_back_with_its_labels():
    study = Study.from_toml(TOML)
    again = Study.from_toml(study.to_toml())
    assert again == study
    assert again.to_toml() == study.to_toml()
    for name in ("datasets", "models", "conditions", "saliency", "probes"):
        assert titles(getattr(again, name)) == titles(getattr(study, name))
    assert titles(study.models) == ["small", "a label = with signs"]


def test_defaults_are_not_asked_for():
    study = Study.from_toml(f'datasets = ["{DATASET}"]\nmodels = ["{MODEL}"]')
    assert study == small()
    assert study.conditions == (CLEAN,)


@given(
    st.dictionaries(st.text(min_size=1, max_size=12).filter(lambda text: text.strip()), st.integers(1, 64), min_size=1),
    st.integers(0, 2**63 - 1),
    st.none() | st.integers(1, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_any_label_seed_and_limit_survive(labels, seed, limit):
    widths = dict(zip(labels, itertools.count(1), strict=False))
    study = Study(DATASET, {label: f"cnn:width={width}" for label, width in widths.items()}, seed=seed, limit=limit)
    again = Study.from_toml(study.to_toml())
    assert again == study
    assert titles(again.models) == [*labels]


def test_all_problems_of_a_file_are_told_at_once_with_paths():
    text = """
    datasets = ["stimulii"]
    conditions = ["clean", "saturate:p=-1", "pgd+pgd"]
    sede = 3
    limit = 0
    [models]
    good = "cnn"
    bad = "cnn:width=wide"
    """
    with pytest.raises(StudyError) as caught:
        Study.from_toml(text, "my.toml")
    title, *lines = str(caught.value).splitlines()
    assert title == "my.toml cannot run:"
    paths = [line.strip().split(": ")[0] for line in lines if re.match("  [a-z]", line)]
    assert paths == ["sede", "datasets[0]", "models[1]", "conditions[1]", "conditions[2]", "limit"]
    assert "did you mean 'stimuli'?" in str(caught.value)
    assert "width: must be a whole number, got 'wide'" in str(caught.value)
    assert len(caught.value.__cause__.exceptions) == 5  # those of one list are one


def test_an_unknown_key_comes_with_what_was_meant_and_all_that_are_valid():
    with pytest.raises(StudyError) as caught:
        Study.from_toml(f'datasets = ["{DATASET}"]\nmodels = ["{MODEL}"]\nsalency = []')
    assert "salency: unknown key; did you mean 'saliency'? (valid: " in str(caught.value)
    assert all(field.name in str(caught.value).partition("(valid: ")[2] for field in attrs.fields(Study))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "datasets: is missing\n  models: is missing"),
        ('datasets = ["stimuli"]', "models: is missing"),
        ("datasets = [", "study is not valid TOML: "),
        ('datasets = "stimuli"\nmodels = 3', "datasets is 'stimuli'; write a list, ['stimuli'], or a table of labels"),
        ("[models]\nsmall = 3", "models.small is not text; a table maps labels to texts"),
        (
            '[models]\nsmall = "cnn"\nseed = 3',
            "models.seed is not text; a table maps labels to texts; put values such as",
        ),
        (
            'datasets = ["stimuli"]\nmodels = ["cnn"]\nseed = "3"',
            "seed: must be a whole number from 0 to 2**63 - 1, got '3'",
        ),
        ('datasets = ["stimuli"]\nmodels = ["cnn"]\nprobes = ["insertion"]', "the study has no saliency"),
    ],
)
def test_a_file_that_is_no_study(text, message):
    with pytest.raises(StudyError, match=re.escape(message)):
        Study.from_toml(text)


def test_a_table_of_labels_is_read_in_its_order():
    text = '[models]\nb = "cnn:width=1"\na = "cnn:width=2"\n"4 = 2" = "cnn:width=3"'
    models = read_toml(text)["models"]
    assert titles(Study(DATASET, models).models) == ["b", "a", "4 = 2"]


# Cells


@given(*[st.integers(0, 3)] * 5)
@settings(max_examples=30, deadline=None)
def test_cells_are_the_product(datasets, models, conditions, saliency, maps_probes):
    study = Study(
        [f"stimuli:seed={position}" for position in range(datasets + 1)],
        [f"cnn:seed={position}" for position in range(models + 1)],
        [f"saturate:p={position + 3}" for position in range(conditions + 1)],
        [f"smoothgrad:samples={position + 1}" for position in range(saliency)],
        [f"insertion:steps={position + 1}" for position in range(maps_probes if saliency else 0)],
    )
    wanted = set()
    for position in itertools.product(titles(study.datasets), titles(study.models), titles(study.conditions)):
        wanted.add(position)
        for method in titles(study.saliency):
            wanted.add((*position, method))
            wanted |= {(*position, method, probe) for probe in titles(study.probes)}
    found = [tuple(cell.title.split(" | ")) for cell in study.cells()]
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_predictions_come_before_what_explains_them():
    study = small(conditions=["clean", "grayscale"], saliency="gradient", probes=["insertion", "deletion"])
    assert [cell.kind for cell in study.cells()] == ["prediction", "saliency", "probe", "probe"] * 2


def test_a_probe_without_saliency_is_of_the_kind_probe():
    (_, probe) = small(probes="gradient-spectrum").cells()
    assert (probe.kind, probe.saliency) == ("probe", None)
