"""The types of parameters: what fits, what text becomes, what cannot be spelled."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from shapebias.errors import SpellingError
from shapebias.spelling.grammar import Argument
from shapebias.spelling.param_types import Options, fits, has_spelling, is_list, read, type_text


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (int, [0, -3], [1.0, True, "1", None, np.int64(1)]),
        (float, [0, 0.5, math.inf, np.float64(0.5)], [True, "1", None, math.nan]),
        (bool, [True, False], [0, 1, "true", None]),
        (str, ["", "a"], [Path("a"), 1, None]),
        (Path, [Path("a")], ["a", None]),
        (Literal["a", 1], ["a", 1], ["b", True, 1.0, "1"]),
        (tuple[int, ...], [(), (1, 2)], [[1], (1.0,), (True,), 1]),
        (float | None, [None, 1], ["none", False]),
        (tuple[str, ...] | None, [None, (), ("a",)], ["a", (1,)]),
        (Options, [Options(), Options(a=1)], [{}, {"a": 1}]),
    ],
)
def test_what_fits(kind, good, bad):
    assert [value for value in good if not fits(value, kind)] == []
    assert [value for value in bad if fits(value, kind)] == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (int, "a whole number"),
        (float | None, "a number or none"),
        (Literal["linf", "l2"], "one of linf|l2"),
        (Literal["auto"] | int, "auto or a whole number"),
        (Literal["true", True], 'one of "true"|true'),
        (tuple[Path, ...], "a list (each a path)"),
        (Options, "free options"),
    ],
)
def test_types_in_words(kind, text):
    assert type_text(kind) == text


def test_lists():
    assert [kind for kind in (int, str, Options, int | None, Literal["a"]) if is_list(kind)] == []
    assert is_list(tuple[int, ...])
    assert is_list(tuple[int, ...] | None)


@pytest.mark.parametrize(
    "kind",
    [
        *(dict[str, int], list[int], tuple[int, int], tuple[tuple[int, ...], ...], tuple[Options, ...]),
        *(Options | None, bytes, Any, None, Literal[b"a"]),
    ],
)
def test_types_that_have_no_spelling(kind):
    assert not has_spelling(kind)


@pytest.mark.parametrize(
    ("text", "quoted", "kind", "value"),
    [
        ("none", False, str | None, None),
        ("none", True, str | None, "none"),
        ("none", False, Literal["none"] | None, None),
        ("none", True, Literal["none"] | None, "none"),
        ("1", False, Literal["1"] | int, 1),
        ("1", True, Literal["1"] | int, "1"),
        ("1", False, Literal[1] | str, 1),
        ("1", True, Literal[1] | str, "1"),
        ("true", False, Literal[True, "auto"], True),
        ("auto", False, Literal[True, "auto"], "auto"),
        ("auto", True, Literal["auto"] | Path, "auto"),
        ("none", True, tuple[str, ...] | None, ("none",)),
        ("", False, tuple[str, ...], ()),
        ("", True, tuple[str, ...], ("",)),
        ("1e4", False, int, 10000),
        ("8/255", False, float, 8 / 255),
    ],
)
def test_quotes_mean_text_and_the_narrowest_type_wins(text, quoted, kind, value):
    found = read([Argument("x", text, quoted)], kind)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "quoted", "kind"),
    [
        ("1", True, int),
        ("1.5", False, int),
        ("4/2", False, int),
        ("1e400", False, int),
        ("1", False, bool),
        ("yes", False, bool),
        ("0.5", True, float),
        ("none", False, float),
        ("l3", False, Literal["linf", "l2"]),
        ("", False, int),
        ("a", False, tuple[float, ...]),
    ],
)
def test_what_cannot_be_read(text, quoted, kind):
    with pytest.raises(ValueError):  # noqa: PT011 - the caller has the words
        read([Argument("x", text, quoted)], kind)


def test_several_values_need_a_list():
    two = [Argument("x", "1"), Argument(None, "2")]
    assert read(two, tuple[int, ...] | None) == (1, 2)
    with pytest.raises(ValueError):  # noqa: PT011
        read(two, int | None)


def test_options_are_a_mapping_without_order():
    options = Options({"b": 2}, a=1)
    assert dict(options) == {"a": 1, "b": 2}
    assert options == Options(a=1, b=2)
    assert hash(options) == hash(Options(a=1, b=2))
    assert len(Options()) == 0
    with pytest.raises(KeyError):
        _ = options["c"]


@pytest.mark.parametrize("key", ["", "a-b", "a b", "a=b", "a,b"])
def test_an_option_has_a_name_that_can_be_spelled(key):
    with pytest.raises(SpellingError, match="use letters, digits"):
        Options({key: 1})


@pytest.mark.parametrize("value", [[1], {"a": 1}, (1,), math.nan, b"x"])
def test_an_option_has_a_value_that_can_be_spelled(value):
    with pytest.raises(SpellingError, match="option pad: must be a number, true, false, none or text, got"):
        Options(pad=value)
