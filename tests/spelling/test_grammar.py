"""The text that everything is spelled in: what is written is read back, whatever it is."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shapebias.errors import SpellingError
from shapebias.spelling.grammar import (
    Argument,
    Spelling,
    parse,
    parse_number,
    quote,
    read_literal,
    spell_label,
    spell_scalar,
    split,
    split_label,
)

NASTY = ["a,b", "a+b", "a=b", "a:b", '"', "'", "\\", '\\"', "\\\n", "\n", " ", "", "none", "true", "8/255", "nan", "é"]
texts = st.one_of(st.text(max_size=20), st.text(",+=:\"'\\ \n/ab1.", max_size=12), st.sampled_from(NASTY))
names = st.from_regex(r"([A-Za-z0-9][A-Za-z0-9_.-]*/)?[a-z][a-z0-9-]*", fullmatch=True)
keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]*", fullmatch=True)


@given(names, st.lists(st.tuples(st.none() | keys, texts), max_size=5))
def test_any_name_with_any_quoted_values_is_read_back(name, pairs):
    pieces = [quote(value) if key is None else f"{key}={quote(value)}" for key, value in pairs]
    wanted = tuple(Argument(key, value, quoted=True) for key, value in pairs)
    assert parse(f"{name}:{','.join(pieces)}" if pieces else name) == Spelling(name, wanted)


@given(st.lists(texts, min_size=1, max_size=5), st.sampled_from(",+"))
def test_no_separator_in_quotes_separates(values, separator):
    pieces = [f"x={quote(value)}" for value in values]
    assert split(separator.join(pieces), separator) == pieces


@given(st.lists(st.text("ab :=1", min_size=1, max_size=5), min_size=1, max_size=5))
def test_without_quotes_every_separator_separates(pieces):
    assert split("+".join(pieces), "+") == pieces == "+".join(pieces).split("+")


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("folder", []),
        ("folder:", []),
        ("folder:photos/val", [Argument(None, "photos/val")]),
        ("folder:'it\\'s, \"here\"'", [Argument(None, 'it\'s, "here"', quoted=True)]),
        ("folder:it's", [Argument(None, "it's")]),
        ('folder:path="a,b",size=64', [Argument("path", "a,b", quoted=True), Argument("size", "64")]),
        ('folder: path = "a, b" , size = 64 ', [Argument("path", "a, b", quoted=True), Argument("size", "64")]),
        ("timm:hf-hub:org/net", [Argument(None, "hf-hub:org/net")]),
        ("timm:x,arg.a.b=c=d", [Argument(None, "x"), Argument("arg.a.b", "c=d")]),
        ("pgd:eps=1/255,2/255", [Argument("eps", "1/255"), Argument(None, "2/255")]),
        ("pgd:eps=", [Argument("eps", "")]),
        ("pgd:,", [Argument(None, ""), Argument(None, "")]),
    ],
)
def test_arguments_by_hand(text, arguments):
    assert parse(text).arguments == tuple(arguments)


@pytest.mark.parametrize("text", ["", " ", ":p=8", "Saturate", "8bit", "a b", "p=8", "a_b:p=8", "/saturate", "a/b/c"])
def test_a_text_without_a_name_is_refused(text):
    with pytest.raises(SpellingError, match="does not begin with a name such as 'saturate'"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('folder:"a,b', "the quote before 'a,b' is never closed"),
        ("folder:x='a", "the quote before 'a' is never closed"),
        ('folder:"a"b', "'\"a\"b' continues after its closing quote; put the whole value into quotes"),
    ],
)
def test_broken_quotes_are_refused(text, message):
    with pytest.raises(SpellingError) as caught:
        parse(text)
    assert str(caught.value).endswith(message)
    assert repr(text) in str(caught.value) or repr(text.partition(":")[2]) in str(caught.value)


@pytest.mark.parametrize(("number", "text"), [(1, "1"), (1e4, "10000"), (0.1, "0.1"), (1e-9, "1e-09"), (1e20, "1e20")])
def test_numbers_are_short(number, text):
    assert spell_scalar(number) == text


@given(st.integers(1, 254))
def test_pixel_values_are_fractions_of_255(numerator):
    fraction = Fraction(numerator, 255)
    text = spell_scalar(numerator / 255)
    short = {51: "0.2", 102: "0.4", 153: "0.6", 204: "0.8"}
    usual = f"{numerator}/255" if fraction.denominator > 5 else f"{fraction.numerator}/{fraction.denominator}"
    assert text == short.get(numerator, usual)


@given(st.floats(allow_nan=False) | st.integers())
@example(math.inf)
@example(-math.inf)
@example(1e20)
@example(1e-9)
@example(2**53 + 1)
@example(5e-324)
def test_every_number_is_read_back_exactly(number):
    text = spell_scalar(number)
    assert read_literal(text) == number
    assert "+" not in text  # it would begin another step of a condition
    if isinstance(number, float):
        assert parse_number(text) == number


@given(st.integers(-300, 300), st.integers(1, 1000))
def test_a_fraction_is_its_quotient(numerator, denominator):
    assert parse_number(f"{numerator}/{denominator}") == numerator / denominator


@pytest.mark.parametrize("text", ["", "x", "1/0", "1/", "/2", "1/2/3", "nan", "inf/inf", "0x10"])
def test_what_is_no_number(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the caller has the words
        parse_number(text)
    assert read_literal(text) == text


@given(texts)
def test_text_is_never_taken_for_something_else(text):
    (argument,) = parse(f"x:{spell_scalar(text)}").arguments
    assert argument.text == text
    assert argument.quoted or read_literal(argument.text) == text


@pytest.mark.parametrize("path", ["photos/val", "a,b", "a+b", "C:\\photos", "it's", 'the "old" ones', "a=b", "none"])
def test_paths_are_read_back(path):
    assert parse(f"folder:path={spell_scalar(Path(path))}").arguments[0].text == path


@pytest.mark.parametrize("text", ["resnet50.a1_in1k", "photos/val", "hf-hub:org/net@main", "~/x", "a*b", "größe"])
def test_usual_text_needs_no_quotes(text):
    assert spell_scalar(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("none", None), ("None", None), ("true", True), ("False", False), ("3", 3), ("-3", -3), ("1/2", 0.5), ("a", "a")],
)
def test_literals(text, value):
    assert read_literal(text) == value
    assert type(read_literal(text)) is type(value)


def test_a_whole_number_stays_whole_and_a_flag_is_no_number():
    assert [spell_scalar(value) for value in (True, 1, 1.0, False, None)] == ["true", "1", "1", "false", "none"]


@pytest.mark.parametrize("value", [b"x", [1], {"a": 1}, object])
def test_what_cannot_be_spelled(value):
    with pytest.raises(TypeError, match=f"of type {type(value).__name__} cannot be spelled as text"):
        spell_scalar(value)


@given(st.text(min_size=1, max_size=12) | st.sampled_from([text for text in NASTY if text]), names, texts)
def test_any_label_is_read_back(label, name, value):
    thing = f"{name}:x={spell_scalar(value)}"
    assert split_label(spell_label(label, thing)) == (label, thing)


@given(names, texts)
def test_no_label_is_read_back(name, value):
    for thing in (name, f"{name}:x={quote(value)}+{name}"):
        assert spell_label(None, thing) == thing
        assert split_label(thing) == (None, thing)


@pytest.mark.parametrize(
    ("text", "label", "thing"),
    [
        ("mine=checkpoint:a=b", "mine", "checkpoint:a=b"),
        ("my model = clean", "my model", " clean"),
        ("at=grayscale+pgd:eps=1", "at", "grayscale+pgd:eps=1"),
        ("grayscale+pgd:eps=1", None, "grayscale+pgd:eps=1"),
    ],
)
def test_labels_by_hand(text, label, thing):
    assert split_label(text) == (label, thing)


@pytest.mark.parametrize("text", ["=saturate", " =saturate:p=8", '""=saturate'])
def test_an_empty_label_is_refused(text):
    with pytest.raises(SpellingError, match="label before '=' is empty"):
        split_label(text)


@pytest.mark.parametrize("text", [f"{step}/255" for step in range(1, 255) if step % 51 and step % 85])
def test_steps_of_8_bit_pixels_keep_their_denominator(text):
    assert spell_scalar(parse_number(text)) == text


@pytest.mark.parametrize("text", ["1/3", "2/3", "1/7", "0.2", "1/1000"])
def test_other_fractions_are_as_short_as_is_exact(text):
    assert parse_number(spell_scalar(parse_number(text))) == parse_number(text)
    assert len(spell_scalar(parse_number(text))) <= len(text)
