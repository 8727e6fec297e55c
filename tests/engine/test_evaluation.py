"""One model and one batch: targets, the axis of eps, and what is kept of the scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import shapebias as sb
from shapebias.engine.evaluation import eps_values
from shapebias.errors import EvaluationError, PluginError, StudyError
from shapebias.networks.features import Features
from shapebias.runtime.result_checks import check_scores

STIMULI = "stimuli:cue=conflict,images=24,size=32"


def test_eps_of_a_condition():
    assert eps_values(sb.Condition.parse("clean")) == []
    assert eps_values(sb.Condition.parse("saturate:p=8")) == []
    assert eps_values(sb.Condition.parse("pgd:eps=1/255,2/255")) == [1 / 255, 2 / 255]
    assert eps_values(sb.Condition.parse("grayscale+pgd:eps=4/255")) == [4 / 255]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (torch.zeros(3, 8), r"returned \(3, 8\) for 4 images; it must return \(N, C\)"),
        (torch.zeros(4), r"returned \(4,\) for 4 images"),
        (torch.zeros(4, 8).index_fill(0, torch.tensor([1, 2]), float("inf")), "infinite scores for 2 of 4 images"),
        (torch.zeros(4, 8).index_fill(1, torch.tensor([5]), float("nan")), "NaN or infinite scores for 4 of 4 images"),
    ],
)
def test_outputs_that_are_no_scores_are_refused(scores, message):
    with pytest.raises(PluginError, match=message):
        check_scores(scores, 4)


def test_a_tie_goes_to_the_class_that_comes_first():
    class Tied(torch.nn.Module):
        def forward(self, images):
            scores = torch.zeros(len(images), 8)
            scores[:, [2, 5, 6]] = 1
            return scores

    assert set(sb.evaluate(Tied(), STIMULI).prediction()) == {2}
    study = sb.Study(STIMULI, {"tied": Tied()}, logits="top-3")
    assert (sb.evaluate(Tied(), STIMULI).answers()[0].top(3) == [2, 5, 6]).all()
    assert study.logits == "top-3"


def test_a_target_that_is_a_class_is_explained_for_every_image(plugins, network):
    maps = {
        target: sb.evaluate(network, STIMULI, saliency=f"target-maps:target={target}")
        for target in ("3", "prediction", "label")
    }
    assert (maps["3"].saliency() == 3).all()
    np.testing.assert_array_equal(maps["prediction"].saliency()[:, 0, 0], maps["prediction"].prediction())
    np.testing.assert_array_equal(maps["label"].saliency()[:, 0, 0], maps["label"].answers()[0].labels)


def test_a_target_that_is_no_class_is_refused_in_words(plugins, network):
    message = "target=8 is not a class of the data set; give label, prediction, or a number from 0 to 7"
    with pytest.raises(StudyError, match=message):
        sb.evaluate(network, STIMULI, saliency="target-maps:target=8")


def test_a_method_that_reads_features_needs_a_model_that_declares_them(plugins, network):
    with pytest.raises(EvaluationError, match="feature-maps reads a feature layer") as caught:
        sb.evaluate(network, STIMULI, saliency=["feature-maps", "target-maps"])
    results = caught.value.results
    (failure,) = results.failures
    assert "feature-maps reads a feature layer, and Sequential declares none" in failure.error
    assert len(results.maps()) == 1
    layered = sb.Classifier(network, features=Features(network[0]))
    assert not sb.evaluate(layered, STIMULI, saliency="feature-maps").failures


def test_each_eps_has_maps_and_values_of_its_own(plugins, network):
    results = sb.evaluate(
        network, STIMULI, conditions="add:eps=0.1,0.2", saliency="target-maps", probes="image-brightness"
    )
    assert [view.eps for view in results.maps()] == [0.1, 0.2]
    weak, strong = (results.probe("image-brightness", eps=eps)["mean"] for eps in (0.1, 0.2))
    clean = sb.evaluate(network, STIMULI, probes="image-brightness").probe()["mean"]
    np.testing.assert_allclose(weak, clean + 0.1, atol=1e-3)  # few pixels of these pictures are brighter than 0.9
    np.testing.assert_allclose(strong, clean + 0.2, atol=1e-2)
