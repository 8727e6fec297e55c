from __future__ import annotations

import pytest
import torch

BROKEN = [
    ("gives named arrays, one row an image", lambda images: images.mean(dim=(1, 2, 3))),
    ("gives named arrays, one row an image", lambda images: {"mean": images.mean()[None]}),
    ("treats an image alone as in a batch", lambda images: {"rank": images.mean((1, 2, 3)).argsort()}),
    ("gives the same for the same random numbers", lambda images: {"any": torch.rand(len(images))}),
    ("leaves its arguments, the model and global random state alone", lambda images: {"any": torch.rand(len(images))}),
]


@pytest.mark.parametrize(("rule", "measure"), BROKEN)
def test_each_rule_finds_who_breaks_it(failures, plugin, rule, measure):
    assert rule in failures("probe", plugin(lambda _self, _model, images, _targets, _maps, _rng: measure(images)))


def test_a_probe_of_maps_is_given_maps(failures, plugin):
    def measure(_self, _model, _images, _targets, maps, _rng):
        return {"mass": maps.sum(dim=(1, 2))}

    assert failures("probe", plugin(measure), needs_maps=True) == {}
    assert "AttributeError" in failures("probe", plugin(measure))["gives named arrays, one row an image"]
