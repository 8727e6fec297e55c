"""Earlier names of parameters and words: read where a text was stored, refused with a pointer where it was typed."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import attrs
import pytest

from shapebias.errors import SpellingError
from shapebias.spelling.former import FormerWords, former_spellings
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import build, param, spell

Aim: TypeAlias = Annotated[Literal["cross-entropy", "margin"], FormerWords({"loss": "cross-entropy"})]


@attrs.frozen
class Walk:
    aim: Aim = param("aim", default="margin")
    steps: int = param("number of steps", default=3)
    step_size: float = param("size of a step", default=0.5, formerly=("step", "stride"))
    last: Aim | None = param("aim of the last step", default=None)


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        ("walk:step=0.25", Walk(step_size=0.25)),
        ("walk:stride=0.25,steps=2", Walk(step_size=0.25, steps=2)),
        ("walk:aim=loss", Walk(aim="cross-entropy")),
        ("walk:loss", Walk(aim="cross-entropy")),  # a leading bare value belongs to the first parameter
        ("walk:last=loss,aim=margin", Walk(last="cross-entropy")),
        ("walk:aim=cross-entropy,step_size=1", Walk(aim="cross-entropy", step_size=1)),
    ],
)
def test_a_stored_text_means_what_it_meant(stored, meant):
    with former_spellings():
        assert build(Walk, parse(stored)) == meant
    assert "step=" not in spell("walk", meant)


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("walk:step=0.25", "step: is now called step_size"),
        ("walk:stride=0.25", "stride: is now called step_size"),
        ("walk:aim=loss", "got 'loss'; loss is now called cross-entropy"),
        ("walk:last=loss", "got 'loss'; loss is now called cross-entropy"),
    ],
)
def test_a_typed_text_is_refused_with_the_name_of_today(typed, advice):
    with pytest.raises(SpellingError, match=advice):
        build(Walk, parse(typed))


def test_python_users_are_told_too():
    with pytest.raises(SpellingError, match="loss is now called cross-entropy"):
        Walk(aim="loss")


def test_the_context_ends_also_after_an_error():
    with pytest.raises(ZeroDivisionError), former_spellings():
        _ = 1 / 0
    with pytest.raises(SpellingError):
        build(Walk, parse("walk:step=1"))


def test_both_names_of_a_parameter_at_once_are_refused():
    with former_spellings(), pytest.raises(SpellingError, match="step_size: is given twice"):
        build(Walk, parse("walk:step=1,step_size=1"))
