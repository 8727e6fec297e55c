"""Every attack keeps to the contract of shapebias."""

from __future__ import annotations

import pytest

import shapebias as sb
from shapebias.testing import conformance

EXAMPLES = [
    "apgd:objective=targeted-dlr,norm=l2,eps=0.5,steps=5",
    "autoattack:eps=1/255,4/255,steps=3,targets=2,queries=6",
    "fab:norm=l2,eps=1,steps=3,targets=2,restarts=2",
    "square:norm=l2,eps=1,queries=10,restarts=2",
]

test_conformance = conformance("shapebias-autoattack", EXAMPLES)


@pytest.mark.parametrize("name", ["apgd", "autoattack", "fab", "square"])
def test_a_radius_in_steps_of_255_is_refused(name):
    with pytest.raises(sb.ShapebiasError, match=f"{name}: eps=8 is more than the range of a pixel value"):
        sb.Condition.parse(f"{name}:eps=8,norm=linf")
    sb.Condition.parse(f"{name}:eps=8,norm=l2")
