"""Every attack keeps to the contract of shapebias."""

from __future__ import annotations

import pytest

import shapebias as sb
from shapebias.testing import checks, conformance, outcomes

EXAMPLES = [
    "foolbox-adam-pgd:eps=2/255,8/255,steps=4",
    "foolbox-blur:steps=10",
    "foolbox-boundary:eps=0.5,5,steps=40,starts=5",
    "foolbox-carlini-wagner:steps=10,searches=3",
    "foolbox-carlini-wagner:steps=10,searches=3,abort=false,eps=0.1,1",
    "foolbox-contrast-reduction:norm=l2,eps=1,20",
    "foolbox-ddn:eps=0.1,1,steps=10",
    "foolbox-deep-fool:norm=l2,eps=0.1,1",
    "foolbox-ead:steps=10,searches=3,rule=elastic-net",
    "foolbox-fmn:eps=2/255,8/255,steps=10",
    "foolbox-fmn:norm=l2,eps=0.5,steps=10",
    "foolbox-fmn:norm=l1,eps=10,steps=10",
    "foolbox-hop-skip-jump:eps=2/255,8/255,steps=2,samples=10,starts=5",
    "foolbox-mi-fgsm:eps=2/255,8/255,steps=4",
    "foolbox-pgd:steps=4",
    "foolbox-pgd:norm=l2,eps=0.25,0.5,steps=4",
    "foolbox-salt-and-pepper:steps=20",
    "foolbox-sparse-l1-descent:eps=5,10,steps=4",
    "foolbox-spatial:rotations=2,shifts=2",
]
COMPILED = "foolbox-brendel-bethge"  # takes half a minute

test_conformance = conformance("shapebias-foolbox", EXAMPLES, without=[COMPILED])


@pytest.mark.slow
def test_what_is_compiled_conforms_too():
    listed = checks("shapebias-foolbox", [f"{COMPILED}:eps=2/255,8/255,steps=20,starts=5"])
    ended = list(outcomes(check for check in listed if COMPILED in check.name))
    assert sum(outcome.status == "passed" for outcome in ended) > 10
    assert [outcome.message for outcome in ended if outcome.status == "failed"] == []


@pytest.mark.parametrize(
    "name", ["pgd", "adam-pgd", "mi-fgsm", "deep-fool", "fmn", "brendel-bethge", "hop-skip-jump", "blur"]
)
def test_a_radius_in_steps_of_255_is_refused(name):
    with pytest.raises(sb.ShapebiasError, match=f"foolbox-{name}: eps=8 is more than the range of a pixel value"):
        sb.Condition.parse(f"foolbox-{name}:eps=8,norm=linf")
    sb.Condition.parse(f"foolbox-{name}:eps=8,norm=l2")
