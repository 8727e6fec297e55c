"""Texts of classes against the names and templates that were published."""

from __future__ import annotations

import json

import pytest

from shapebias.errors import LabelError, SpellingError
from shapebias.networks.labels import entry_level_classes, imagenet_names, imagenet_wnids
from shapebias.networks.prompts import as_templates, class_prompts, class_words, prompts


def test_names_of_folders_and_entry_level_classes_are_their_words():
    assert class_words([*entry_level_classes()]) == [*entry_level_classes()]
    assert class_words(["garden_hose", "T-shirt"]) == ["garden hose", "T-shirt"]


def test_imagenet_has_the_names_of_clip_whatever_its_classes_are_called():
    words = class_words(imagenet_wnids())
    assert words == class_words(imagenet_names())
    # Radford et al. 2021, section 3.1.4, on names that mean two things: cranes, and the two kinds of maillot.
    assert (words[134], words[517]) == ("crane bird", "construction crane")
    assert len(words) == 1000


def test_a_few_wordnet_ids_have_names_and_unknown_ones_are_refused(tmp_path):
    assert class_words(["n02129165", "n02123045"]) == ["lion", "tabby cat"]
    with pytest.raises(LabelError, match="n00000001"):
        class_words(["n02129165", "n00000001"])
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"n00000001": "okapi"}))
    assert class_words(["n02129165", "n00000001"], names) == ["lion", "okapi"]


@pytest.mark.parametrize("content", ["[]", '{"a": 3}', "{", '{"b": "x"}'])
def test_files_of_names_that_do_not_fit_are_refused(tmp_path, content):
    names = tmp_path / "names.json"
    names.write_text(content)
    with pytest.raises(LabelError, match=r"names\.json"):
        class_words(["a"], names)


@pytest.mark.parametrize("template", ["a photo", "{} and {}", ("a {}", "imagenet")])
def test_templates_without_one_place_for_the_name_are_refused(template):
    with pytest.raises(SpellingError, match="once"):
        as_templates(template)


def test_the_templates_of_imagenet_are_80_different_texts():
    (texts,) = prompts(["cat"], as_templates("imagenet"))
    assert len({*texts}) == 80
    assert {"a photo of a cat.", "a tattoo of the cat.", "itap of my cat."} <= {*texts}


def test_the_texts_of_a_model_are_by_class_and_imagenets_where_it_scores_imagenet():
    texts = class_prompts(["sea_lion", "dog"], ["a {}.", "no {}."])
    assert texts == {"sea_lion": ["a sea lion.", "no sea lion."], "dog": ["a dog.", "no dog."]}
    texts = class_prompts(["dog"], (), imagenet=True)
    assert tuple(texts) == imagenet_wnids()
    assert texts["n02124075"] == ["Egyptian Mau"]
