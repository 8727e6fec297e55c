"""Images of a class: which attacks they are, and that they go on after the class is answered."""

from __future__ import annotations

import pytest
import torch

import shapebias as sb
from shapebias.errors import StudyError
from shapebias.rendering.class_images import towards

STIMULI = "stimuli:images=56,size=32"


def test_names_and_indices_give_one_condition_for_each_class():
    conditions = towards(STIMULI, ["3", sb.Study(STIMULI, "planted").datasets[0].settings.classes[3], "0"])
    settings = [condition.attack.settings for condition in conditions]
    assert [each.target for each in settings] == [3, 0]
    assert {(each.keep, each.steps, round(255 * each.eps[0]), each.step_size) for each in settings} == {
        ("last", 120, 40, 1 / 40)
    }


def test_an_attack_of_ones_own_is_directed_and_named():
    (condition,) = towards(STIMULI, ["0"], ["pgd:norm=l2,eps=5,steps=3"])
    assert condition.attack.settings.norm == "l2"
    assert condition.title.endswith(", pgd:eps=5,norm=l2,steps=3")


@pytest.mark.parametrize(
    ("classes", "attacks", "message"),
    [
        (["whale"], (), "has no class 'whale'"),
        (["8"], (), "an index from 0 to 7"),
        (["0"], ["uniform-noise"], "no parameter target"),
    ],
)
def test_what_has_no_images(classes, attacks, message):
    with pytest.raises(StudyError, match=message):
        towards(STIMULI, classes, attacks)


def test_the_attack_goes_on_where_the_class_is_answered_already():
    attack = "pgd:eps=40/255,steps=10,step_size=0.1,random_start=false"
    model = "cnn:num_classes=8,width=4"
    network = sb.Study(STIMULI, model).models[0].settings.load(torch.device("cpu"))
    clean = sb.preview(STIMULI, "clean", images=6).images[:, 0]
    with network.evaluating(), torch.no_grad():
        answer = int(network(clean).argmax(dim=1).mode().values)
        (condition,) = towards(STIMULI, [str(answer)], [attack])
        shown = sb.preview(STIMULI, condition, model, images=6).images[:, 1]
        before, after = (network(images).log_softmax(dim=1)[:, answer] for images in (clean, shown))
    assert (shown - clean).abs().amax() == pytest.approx(40 / 255, abs=1e-6)
    assert (after >= before).all()
    assert (after > before).sum() >= 4  # an image whose label is the class is left alone


def test_each_model_has_a_column():
    models = {name: f"cnn:num_classes=8,width=4,seed={seed}" for seed, name in enumerate(["one", "other"])}
    (condition,) = towards(STIMULI, ["2"], ["fgsm:eps=40/255"])
    shown = sb.preview(STIMULI, ["grayscale", condition], models, images=3)
    assert shown.titles == ("clean", "grayscale", *(f"{name}: {condition.title}" for name in models))
    assert not torch.equal(shown.images[:, 2], shown.images[:, 3])
    alone = sb.preview(STIMULI, [condition], models["other"], images=3)
    assert torch.equal(alone.images[:, 1], shown.images[:, 3])
