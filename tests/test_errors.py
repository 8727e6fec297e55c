"""Messages name the way out, and one parent catches every error that is raised on purpose."""

from __future__ import annotations

import traceback

import pytest

from shapebias import errors
from shapebias.errors import LabelError, ShapebiasError, listed, reason, suggestion

NAMES = ["saturate", "grayscale", "patch-shuffle"]


def test_one_parent_catches_all():
    children = [thing for name, thing in vars(errors).items() if name.endswith("Error")]
    assert len(children) == 13
    assert all(issubclass(child, ShapebiasError) for child in children)
    assert not issubclass(ShapebiasError, ValueError)  # a plugin's own ValueError is told apart


@pytest.mark.parametrize(
    ("word", "meant"), [("satruate", "saturate"), ("patch_shuffle", "patch-shuffle"), ("greyscale", "grayscale")]
)
def test_a_slip_gets_a_suggestion(word, meant):
    assert suggestion(word, NAMES) == f"; did you mean '{meant}'?"


@pytest.mark.parametrize("word", ["zebra", ""])
def test_anything_else_gets_none(word):
    assert not suggestion(word, NAMES)


def test_a_suggestion_takes_any_iterable():
    assert suggestion("satruate", (name for name in NAMES)) == suggestion("satruate", dict.fromkeys(NAMES))


def test_a_problem_of_several_lines_stays_together():
    assert listed("title:", ["a: wrong\nknown: x", "b: wrong"]) == "title:\n  a: wrong\n  known: x\n  b: wrong"


def test_no_problems_leave_the_title():
    assert listed("title:", []) == "title:"


def test_the_reason_of_a_failure_is_what_its_exception_says():
    def fail():
        try:
            {}["key"]
        except KeyError as error:
            raise LabelError(listed("5 outputs and 8 classes", ["write a mapping"])) from error

    with pytest.raises(LabelError) as caught:
        fail()
    assert reason("".join(traceback.format_exception(caught.value))) == (
        "LabelError: 5 outputs and 8 classes\n  write a mapping"
    )
