from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.in_memory import InMemoryAnswers
from shapebias.reporting.finding import evidence, finding
from shapebias.study import Condition


class View(InMemoryAnswers):
    """Answers that know the steps of their condition, as those of a store do."""

    @property
    def steps(self):
        return Condition.parse(self.condition).steps


def view(model, prediction, *, condition="clean", shape, texture=None, dataset="pictures", texts=None):
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
        texts=texts or {},
        destroys={word for step in Condition.parse(condition).steps for word in step.destroys},
    )


def results(*views):
    people = {view.model for view in views if view.model.startswith("subject")}
    found = SimpleNamespace(seed=0, answers=lambda: list(views), people=people)
    found.metric = lambda name: default_catalog().component("metric", name).settings(found)
    return found


CATS, DOGS = [0] * 40, [1] * 40


def test_each_model_has_a_sentence_with_its_share_and_the_counts():
    eye, net = finding(
        results(
            view("eye", [0] * 36 + [1] * 4, shape=CATS, texture=DOGS),
            view("net", [0] * 4 + [1] * 32 + [2] * 4, shape=CATS, texture=DOGS),
        )
    )
    assert str(eye) == "eye follows the shape in 90 % of its decisions (36 of 40)."
    assert str(net) == "net follows the texture in 89 % of its decisions (32 of 36)."


def test_a_model_without_conflicting_images_has_its_sentence_too():
    views = [view("eye", [0] * 36 + [1] * 4, shape=CATS, texture=DOGS)]
    views += [view("net", [0] * 40, shape=CATS, dataset="photos", texts={"condition": "clean"})]
    destroyed = {"condition": "saturate:p=8", "dataset": "photos", "shape": CATS}
    views += [view("net", [0] * 10 + [1] * 30, texts={"condition": "saturate:p=8"}, **destroyed)]
    eye, net = finding(results(*views))
    assert eye.model == "eye"
    assert str(net) == "net keeps, of the images it knows, 25 % without texture (10 of 40, saturate:p=8)."


def test_models_are_compared_on_the_same_images():
    answers = {"eye": [0] * 36 + [1] * 4, "net": [0] * 4 + [1] * 36}
    (sentence,) = evidence(results(*(view(name, said, shape=CATS, texture=DOGS) for name, said in answers.items())))
    assert "Shape bias of net against eye, on the same images of pictures: -80 points" in sentence
    assert "chance" not in sentence


def test_a_difference_that_may_be_chance_is_called_so():
    answers = ([0] * 36 + [1] * 4, [0] * 34 + [1] * 6)
    (sentence,) = evidence(
        results(*(view(name, said, shape=CATS, texture=DOGS) for name, said in zip("ab", answers, strict=True)))
    )
    assert "b against a, on the same images of pictures: -5 points" in sentence
    assert sentence.endswith("which may be chance.")


def test_where_the_interval_has_one_half_in_it_chance_is_named():
    (sentence,) = finding(results(view("net", [0] * 20 + [1] * 20, shape=CATS, texture=DOGS)))
    assert "in 50 % of its decisions (20 of 40), which may be chance" in str(sentence)


def test_answers_that_follow_no_cue_are_told_with_their_number():
    (sentence,) = finding(results(view("net", [2] * 40, shape=CATS, texture=DOGS)))
    assert "none of its answers to 40 images is the shape or the texture" in str(sentence)


def test_of_many_models_the_two_ends_are_named_and_the_others_counted():
    hits = (20, 3, 30, 9, 33, 10, 12)
    views = [view(f"net{n}", [0] * n + [1] * (40 - n), shape=CATS, texture=DOGS) for n in hits]
    lowest, highest, others = finding(results(*views))
    assert [lowest.model, highest.model] == ["net3", "net33"]
    assert "The 5 other models" in str(others)


def test_people_are_named_together_beside_networks():
    hits = {"net": 10, "subject-01": 38, "subject-02": 40}
    views = [view(name, [0] * n + [1] * (40 - n), shape=CATS, texture=DOGS) for name, n in hits.items()]
    net, people = finding(results(*views))
    assert str(net) == "net follows the texture in 75 % of its decisions (30 of 40)."
    assert people.people
    assert str(people) == "2 people follow the shape in 95 to 100 % of their decisions (78 of 80 together)."


def test_published_people_stand_in_where_the_results_have_none():
    texts = {"dataset": "cue-conflict:path=stimuli"}
    net = view("net", [0] * 10 + [1] * 30, shape=CATS, texture=DOGS, texts=texts)
    assert str(finding(results(net))[-1]).startswith("People follow the shape in 95 % of their decisions (published:")


def test_without_conflict_the_sentence_says_what_survives():
    (sentence,) = finding(
        results(
            view("net", CATS, shape=CATS),
            view("net", [0] * 10 + [1] * 30, condition="saturate:p=8", shape=CATS),
            view("net", [0] * 30 + [1] * 10, condition="patch-shuffle:k=4", shape=CATS),
        )
    )
    assert str(sentence) == (
        "net keeps, of the images it knows, 25 % without texture (10 of 40, saturate:p=8) and 75 % without shape "
        "(30 of 40, patch-shuffle:k=4)."
    )


def test_what_survives_without_texture_and_without_shape_is_compared():
    (sentence,) = evidence(
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
    sentences = evidence(
        results(view("net", CATS, shape=CATS), view("net", CATS, condition="saturate:p=8", shape=CATS))
    )
    assert "No condition destroys shape" in sentences[-1]


@pytest.mark.parametrize("conditions", [["clean"], ["clean", "grayscale"], ["clean", "pgd:eps=1/255"]])
def test_results_that_cannot_say_anything_say_so(conditions):
    (sentence,) = finding(results(*(view("net", CATS, condition=each, shape=CATS) for each in conditions)))
    assert str(sentence).startswith("These results cannot say")
