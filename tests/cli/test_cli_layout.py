"""Tables are as narrow as the page, and the caption states what they leave out."""

from __future__ import annotations

import pytest

from shapebias.cli._layout import Table, shortened, wrapped

LONG = ["pgd:eps=4/255,norm=l2,steps=10", "pgd:eps=8/255,norm=l2,steps=10", "clean", "patch-shuffle:k=4+grayscale"]


def table(**settings):
    rows = [["photos", label, f"0.{number}", "1"] for number, label in enumerate(LONG)]
    return Table(["dataset", "condition", "value", "n"], rows, [False, False, True, True], **settings)


def test_what_is_the_same_in_every_row_is_said_once():
    made = table(kept=frozenset({"n"}))
    made.without_constants()
    assert made.columns == ["condition", "value", "n"]
    assert made.caption == ["In every row: dataset photos"]


def test_a_single_row_keeps_its_columns():
    made = Table(["model", "value"], [["a", "1"]], [False, True])
    made.without_constants()
    assert made.columns == ["model", "value"]


@pytest.mark.parametrize("width", [120, 48, 40, 28])
def test_a_table_fits_and_says_every_label_in_full(width):
    made = table(labels=frozenset({"condition"}), droppable=True)
    made.without_constants()
    made.fit(width, wrap=True)
    lines = made.lines()
    assert max(map(len, lines)) <= width
    said = "\n".join([*lines, *made.caption])
    assert all(label in said for label in LONG)
    assert len({row[0] for row in made.rows}) == len(LONG)


def test_numbers_are_left_out_last_and_by_name():
    made = Table(["a", "b", "c"], [["1" * 10, "2" * 10, "3" * 10]], [True] * 3, droppable=True)
    made.fit(20, wrap=True)
    assert made.columns == ["a"]
    assert "b, c" in made.caption[0]


def test_a_number_that_tells_rows_apart_is_not_left_out():
    rows = [["net", f"0.{band}", "150", str(band), "0.534"] for band in range(7)]
    made = Table(["model", "value", "n", "band", "without noise"], rows, [False, *[True] * 4], droppable=True)
    made.fit(15, wrap=True)
    assert made.columns == ["model", "value", "band"]
    assert "n, without noise" in made.caption[0]


def test_headings_are_wrapped_at_spaces_above_their_column():
    made = Table(["model", "texture hits"], [["net", "12"]], [False, True])
    assert made.lines()[0] == "model  texture hits"
    made.fit(15, wrap=True)
    assert made.lines() == ["       texture", "model     hits", "net         12"]
    assert made.heading_lines == 2


@pytest.mark.parametrize(
    ("labels", "short"),
    [
        (["timm:resnet50", "timm:vgg16"], ["resnet50", "vgg16"]),
        (["timm:resnet50", "torchvision:resnet50"], ["timm:resnet50", "torchvision:resnet50"]),
        (["saturate:p=8", "saturate:p=64", "clean"], ["saturate:p=8", "saturate:p=64", "clean"]),
        (["saturate:p=8", "clean"], ["saturate", "clean"]),
        (["folder:/data/a/val", "folder:/data/a/test"], ["val", "test"]),
        (["my label, with: signs", "other"], ["my label, with: signs", "other"]),
        (["pgd:eps=1/255,2/255,steps=5", "pgd:eps=4/255,steps=5"], ["pgd:eps=1/255,2/255", "pgd:eps=4/255"]),
        (["clean", "saturate", "saturate:p=64"], ["clean", "saturate", "saturate:p=64"]),
    ],
)
def test_labels_keep_what_tells_them_apart(labels, short):
    assert list(shortened(labels).values()) == short


def test_a_word_is_not_broken_and_a_percent_sign_stays_with_its_number():
    assert wrapped("Wilson 95 %", 9) == ["Wilson", "95 %"]
    assert wrapped("unbreakable", 4) == ["unbreakable"]
