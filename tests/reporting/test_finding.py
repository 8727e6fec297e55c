from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.in_memory import InMemoryAnswers
from shapebias.reporting.finding import finding
from shapebias.study import Condition


class View(InMemoryAnswers):
    """Answers that know the steps of their condition, as those of a store do."""

    @property
    def steps(self):
        return Condition.parse(self.condition).steps


def view(model, prediction, *, condition="clean", shape, texture=None, dataset="pictures"):
    shape = np.array(shape)
    texture = np.full_like(shape, -1) if texture is None else np.array(texture)
    return View(
        prediction,
        shape,
        shape,
        texture,
        dataset=dataset,
        model=model,
        condition=condition,
        classes=("cat", "dog", "ship"),
        destroys={word for step in Condition.parse(condition).steps for word in step.spec.destroys},
    )


def results(*views):
    people = {view.model for view in views if view.model.startswith("subject")}
    found = SimpleNamespace(seed=0, answers=lambda: list(views), people=people)
    found.metric = lambda name: default_catalog().component("metric", name).settings(found)
    return found


CATS, DOGS = [0] * 40, [1] * 40


def test_models_that_follow_one_cue_are_said_to_lean_on_it():
    (sentence,) = finding(
        results(
            view("eye", [0] * 36 + [1] * 4, shape=CATS, texture=DOGS),
            view("net", [0] * 4 + [1] * 36, shape=CATS, texture=DOGS),
        )
    )
    assert "40 images" in sentence
    assert "eye in 90 % [77, 96] (36 of 40)" in sentence
    assert "net in 10 % [4, 23] (4 of 40)" in sentence
    assert "eye leans on shape; net leans on texture" in sentence
    assert "net against eye on the same images: -80 points" in sentence
    assert "chance" not in sentence


def test_a_difference_that_may_be_chance_is_called_so():
    answers = ([0] * 36 + [1] * 4, [0] * 34 + [1] * 6)
    (sentence,) = finding(
        results(*(view(name, said, shape=CATS, texture=DOGS) for name, said in zip("ab", answers, strict=True)))
    )
    assert "b against a on the same images: -5 points" in sentence
    assert sentence.endswith("which may be chance.")


def test_where_the_interval_has_one_half_in_it_nothing_is_said():
    (sentence,) = finding(results(view("net", [0] * 20 + [1] * 20, shape=CATS, texture=DOGS)))
    assert "for net neither can be said" in sentence


def test_answers_that_follow_no_cue_say_nothing():
    (sentence,) = finding(results(view("net", [2] * 40, shape=CATS, texture=DOGS)))
    assert "No model has answered any image" in sentence


def test_of_many_models_the_two_ends_are_named():
    views = [
        view(f"net{hits}", [0] * hits + [1] * (40 - hits), shape=CATS, texture=DOGS) for hits in (20, 3, 30, 9, 33)
    ]
    (sentence,) = finding(results(*views))
    assert re.findall(r"net\d+ in", sentence) == ["net3 in", "net33 in"]


def test_people_are_named_together_beside_networks():
    hits = {"net": 10, "subject-01": 38, "subject-02": 40}
    views = [view(name, [0] * n + [1] * (40 - n), shape=CATS, texture=DOGS) for name, n in hits.items()]
    (sentence,) = finding(results(*views))
    assert "net in 25 %" in sentence
    assert "subject" not in sentence
    assert sentence.endswith("for 2 people it is 95 to 100 %.")


def test_what_survives_without_texture_and_without_shape_is_compared():
    (sentence,) = finding(
        results(
            view("net", CATS, shape=CATS),
            view("net", [0] * 10 + [1] * 30, condition="saturate:p=8", shape=CATS),
            view("net", [0] * 30 + [1] * 10, condition="patch-shuffle:k=4", shape=CATS),
            view("net", [0] * 1 + [1] * 39, condition="patch-shuffle:k=8", shape=CATS),
            view("net", DOGS, condition="grayscale", shape=CATS),
        )
    )
    assert "saturate:p=8, which destroys texture, leaves net 25 % [14, 40]" in sentence
    assert "patch-shuffle:k=4, which destroys shape, leaves net 75 % [60, 86]" in sentence
    assert "grayscale" not in sentence


def test_what_is_missing_is_said():
    sentences = finding(results(view("net", CATS, shape=CATS), view("net", CATS, condition="saturate:p=8", shape=CATS)))
    assert "No condition destroys shape" in sentences[-1]


@pytest.mark.parametrize("conditions", [["clean"], ["clean", "grayscale"], ["clean", "pgd:eps=1/255"]])
def test_results_that_cannot_say_anything_say_so(conditions):
    (sentence,) = finding(results(*(view("net", CATS, condition=each, shape=CATS) for each in conditions)))
    assert sentence.startswith("These results cannot say")
