"""Every attack keeps to the contract of shapebias."""

from __future__ import annotations

from shapebias.testing import conformance

EXAMPLES = [
    "apgd:objective=dlr,norm=l2,eps=0.5,steps=10",
    "apgd:objective=targeted-dlr,eps=1/255,4/255,steps=8",
    "autoattack:eps=1/255,4/255,steps=5,targets=2,queries=20",
    "fab:eps=1/255,8/255,steps=5",
    "fab:norm=l2,eps=1,steps=5,restarts=2",
    "square:queries=40",
    "square:norm=l2,eps=1,queries=40,restarts=2",
]

test_conformance = conformance("shapebias-autoattack", EXAMPLES)
