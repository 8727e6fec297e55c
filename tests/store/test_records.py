"""Identity: what makes two cells the same cell."""

from __future__ import annotations

import attrs
import store_samples as samples


def test_titles_and_providers_are_no_identity():
    renamed = attrs.evolve(samples.MODEL, title="mine", provider="other 2.0")
    cell = attrs.evolve(samples.PREDICTION, model=renamed)
    assert cell == samples.PREDICTION
    assert cell.key == samples.PREDICTION.key
    assert renamed.key == samples.MODEL.key


def test_texts_files_settings_and_roles_are():
    change = [
        {"model": attrs.evolve(samples.MODEL, canonical="timm:architecture=resnet18")},
        {"model": attrs.evolve(samples.MODEL, files={"weights": "b" * 64})},
        {"settings": {**samples.SETTINGS, "seed": 8}},
        {"saliency": samples.SMOOTHGRAD},
        {"probe": samples.SMOOTHGRAD},
    ]
    keys = [attrs.evolve(samples.PREDICTION, **each).key for each in change]
    assert len({samples.PREDICTION.key, *keys}) == 6


def test_the_order_of_settings_and_files_does_not_matter():
    turned = attrs.evolve(samples.PREDICTION, settings=dict(reversed(samples.SETTINGS.items())))
    assert turned.key == samples.PREDICTION.key


def test_the_title_is_what_people_call_it():
    assert samples.SALIENCY.title == "photos | timm:resnet50 | pgd:eps=0,1/4,1/2 | smoothgrad"
