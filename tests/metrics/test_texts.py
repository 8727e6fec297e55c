"""One number of a text: its position, and texts without one."""

from __future__ import annotations

import pytest

from shapebias.metrics._texts import number_in


@pytest.mark.parametrize(
    ("text", "parameter", "found"),
    [
        ("stimuli:cue=conflict,contrast=0.12,size=64", "contrast", ("stimuli:cue=conflict,contrast=*,size=64", 0.12)),
        (
            "contrast:factor=0.5+corrupt:kind=fog,severity=3",
            "severity",
            ("contrast:factor=0.5+corrupt:kind=fog,severity=*", 3),
        ),
        ("pgd:eps=8/255,steps=20", "eps", ("pgd:eps=*,steps=20", 8 / 255)),
        ("top:stop=8,p=8", "p", ("top:stop=8,p=*", 8)),
        ("pgd:eps=1/255,2/255,steps=20", "eps", None),
        ("blur:sigma=1+blur:sigma=2", "sigma", None),
        ("x:severity='3'", "severity", None),
        ("x:severity=high", "severity", None),
        ("clean", "severity", None),
        ("not a ' spelling", "severity", None),
    ],
)
def test_the_number_and_the_rest(text, parameter, found):
    assert number_in(text, parameter) == found
