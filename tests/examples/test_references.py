"""The comparison with published values, on networks that stand in for those that must be downloaded."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import shapebias as sb

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "references.py"))
# Shape biases as the papers print them, to four digits.
VALUES = {
    "torchvision:resnet50,weights=IMAGENET1K_V1": 0.2146,
    "robust:resnet50_l2_eps0": 0.2072,
    "robust:resnet50_l2_eps3": 0.6475,
    "robust:resnet50_l2_eps5": 0.6949,
    "robust:resnet50_linf_eps4.0": 0.6232,
    "sin:resnet50": 0.8139,
    "open-clip:ViT-L-14,pretrained=openai,templates=imagenet": 615 / (615 + 394),
}


def test_every_network_has_a_published_value():
    published = SCRIPT["published_values"]()
    found = {each.spelled: published[each.model, each.paper] for each in SCRIPT["NETWORKS"]}
    assert len(found) == 14
    for spelled, value in VALUES.items():
        assert found[spelled] == pytest.approx(value, abs=2e-4)


def test_every_network_can_be_spelled():
    for each in SCRIPT["NETWORKS"]:
        if not each.spelled.startswith("open-clip:"):  # a package of its own
            assert sb.default_catalog().component("model", each.spelled).text


def test_the_table_has_the_difference(tmp_path):
    chosen = SCRIPT["NETWORKS"][:2]
    stand_ins = {each.spelled: f"planted:reliance={share}" for each, share in zip(chosen, (1, 0.25), strict=True)}
    stimuli = "stimuli:cue=conflict,images=112,size=64"
    table = SCRIPT["compare"](chosen, stimuli, str(tmp_path / "run.h5"), stand_ins)
    assert table.model.tolist() == [each.spelled for each in chosen]
    assert table.here[0] > table.here[1]
    assert (table.difference == table.here - table.published).all()
