"""Sheets of pictures: each picture is where its captions say, and no caption is cut off."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shapebias.rendering.contact_sheet import _font, _wrapped, contact_sheet

CHAIN = "grayscale+low-pass:radius=8+patch-shuffle:k=2"


def pixels(*arguments, **options):
    return np.asarray(contact_sheet(*arguments, **options))


def positions(sheet, colour):
    """Return rows and columns from which to which a colour goes."""
    rows, columns = np.where((sheet == colour).all(axis=2))
    assert len(rows) == (rows.max() + 1 - rows.min()) * (columns.max() + 1 - columns.min())
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


@pytest.mark.parametrize(
    ("size", "shown"),
    [((32, 32), (128, 128)), ((100, 50), (200, 100)), ((224, 224), (224, 224)), ((512, 256), (256, 128))],
)
def test_pictures_stand_in_rows_and_columns_at_a_size_for_the_eye(size, shown):
    images = torch.zeros(2, 3, 3, *size)
    images[:, :, 0] = torch.tensor([[10, 20, 30], [40, 50, 60]]).view(2, 3, 1, 1) / 255
    images[:, :, 1] = 1
    sheet = pixels(images, ["a", "b", "c"], [("x", ""), ("y", "")])
    found = [[positions(sheet, (value, 255, 0)) for value in row] for row in ((10, 20, 30), (40, 50, 60))]
    for row in found:
        assert len({position[:2] for position in row}) == 1
        assert [position[2] for position in row] == sorted(position[2] for position in row)
        assert {(bottom - top, right - left) for top, bottom, left, right in row} == {shown}
    assert found[0][0][1] < found[1][0][0]
    assert found[0][0][2:] == found[1][0][2:]


def test_small_pictures_keep_every_pixel():
    image = torch.randint(0, 256, (1, 1, 3, 32, 32))
    sheet = pixels(image / 255, ["t"], [("x", "")])
    wanted = image[0, 0].permute(1, 2, 0).numpy().repeat(4, axis=0).repeat(4, axis=1)
    found = np.lib.stride_tricks.sliding_window_view(sheet, wanted.shape)[:, :, 0]
    assert (found == wanted).all(axis=(2, 3, 4)).sum() == 1


@pytest.mark.parametrize("titles", [["short"], [CHAIN], ["x" * 300]])
@pytest.mark.parametrize("captions", [[("class", "id")], [("a class with a long name", "folder/" * 20 + "file.png")]])
def test_the_border_stays_white_so_nothing_is_cut_off(titles, captions):
    sheet = pixels(torch.zeros(1, 1, 3, 64, 64), titles, captions)
    for border in (sheet[:4], sheet[-4:], sheet[:, :4], sheet[:, -4:]):
        assert (border == 255).all()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (CHAIN, ["grayscale+", "low-pass:radius=8+", "patch-shuffle:k=2"]),
        ("pgd:eps=8/255,32/255 at 8/255", ["pgd:eps=8/255,", "32/255 at 8/255"]),
        ("clean", ["clean"]),
        ("", []),
    ],
)
def test_texts_are_broken_where_a_step_or_a_setting_ends(text, lines):
    assert _wrapped(text, 128) == lines


@pytest.mark.parametrize("text", [CHAIN, "images/0c7ac4a8c9dfa802.jpg", "W" * 99, "a b " * 40])
def test_broken_texts_lose_nothing_and_fit(text):
    lines = _wrapped(text, 100)
    assert "".join(lines) == text
    assert max(map(_font().getlength, lines)) <= 100
