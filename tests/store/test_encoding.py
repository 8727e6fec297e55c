"""Encodings: what is read is what was written, to the bit or to the documented bound."""

from __future__ import annotations

import io

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shapebias.errors import StoreError
from shapebias.store.encoding import decode, encode
from shapebias.store.group_writer import LIBVER, GroupWriter
from shapebias.store.sealing import digest, seal

modest = settings(max_examples=60, deadline=None)
floats32 = st.floats(-(2.0**126), 2.0**126, width=32)


def through_file(name, array, look=None):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=LIBVER) as file:
        GroupWriter(file).write_array(name, array)
    with h5py.File(buffer, "r") as file:
        return look(file) if look else decode(file[name], slice(None))


@modest
@given(
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_]),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4),
    )
)
def test_numbers_and_truth_values_come_back_bit_for_bit(array):
    back = through_file("values/x", array)
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()
    assert back.shape == array.shape


@modest
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=5))
def test_texts_come_back(texts):
    assert through_file("ids", np.array(texts, dtype=object)).tolist() == texts


def test_file_names_that_are_no_utf8_come_back():
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    assert through_file("ids", np.array([name], dtype=object)).tolist() == [name]


def test_texts_are_text_for_every_other_program():
    def look(file):
        return h5py.check_string_dtype(file["ids"].dtype), file["ids"].asstr()[:].tolist()

    (encoding, length), texts = through_file("ids", np.array(["a", "größe"], dtype=object), look)
    assert (encoding, length, texts) == ("utf-8", 7, ["a", "größe"])


@modest
@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=3, max_dims=4, max_side=4), elements=floats32))
def test_maps_are_rounded_no_more_than_documented(maps):
    error = np.abs(through_file("maps", maps).astype(np.float64) - maps)
    size = np.abs(maps).astype(np.float64)
    largest = size.max(axis=(-2, -1), keepdims=True)
    assert (error <= np.maximum(size / 2**11, largest / 2**39)).all()


@modest
@given(hnp.arrays(np.float32, (2, 3, 3), elements=floats32))
def test_maps_that_were_read_are_stored_again_without_loss(maps):
    once = through_file("maps", maps)
    np.testing.assert_array_equal(through_file("maps", once), once)


@pytest.mark.parametrize("largest", [1e-45, 1e-38, 1.0, 1.7e38])
def test_the_range_of_maps_is_that_of_float32(largest):
    maps = np.array([[[0.0, largest], [-largest, largest / 2]]], dtype=np.float32)
    np.testing.assert_allclose(through_file("maps", maps), maps, rtol=2**-11, atol=0)


def test_a_map_of_zeros_has_scale_one():
    values, scale = encode("maps", np.zeros((2, 3, 3), dtype=np.float32))
    assert scale.values.tolist() == [1, 1]
    assert not values.values.any()


def test_the_scale_is_a_power_of_two_and_uses_the_range_of_float16():
    maps = np.random.default_rng(0).normal(size=(50, 5, 5)) * 10.0 ** np.arange(-25, 25)[:, None, None]
    values, scale = encode("maps", maps)
    assert (np.frexp(scale.values)[0] == 0.5).all()
    largest = np.abs(values.values.astype(float)).max(axis=(1, 2))
    assert ((largest >= 2**14) & (largest <= 2**15)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_maps_must_be_finite(bad):
    with pytest.raises(StoreError, match=r"maps have NaN or Inf .* check the saliency method"):
        encode("maps", np.array([[[0, bad]]]))


@pytest.mark.parametrize(
    ("array", "message"),
    [(np.array(["a\0b"], dtype=object), "ids has text with a NUL"), (np.array([1j]), "ids is of type complex128")],
)
def test_what_hdf5_would_change_is_refused(array, message):
    with pytest.raises(StoreError, match=message):
        encode("ids", array)


def test_scores_and_classes_have_the_documented_types():
    types = {name: encode(name, np.zeros((1, 2)))[0].values.dtype for name in ("logits", "prediction", "values/x")}
    assert types == {"logits": np.float32, "prediction": np.int32, "values/x": np.float64}


@pytest.mark.parametrize(
    ("name", "shape", "chunks"),
    [
        ("maps", (5, 8, 6), (1, 8, 6)),
        ("maps", (5, 3, 8, 6), (1, 1, 8, 6)),
        ("images", (5, 2, 3, 8, 6), (1, 1, 3, 8, 6)),
        ("thumbnails", (5, 8, 6, 3), (1, 8, 6, 3)),
        ("logits", (5000, 1000), (262, 1000)),
        ("prediction", (5,), (5,)),
    ],
)
def test_maps_and_pictures_are_chunked_by_image_and_compressed(name, shape, chunks):
    def look(file):
        dataset = file[name]
        return dataset.chunks, dataset.fletcher32, dataset.compression, dataset.shuffle

    compressed = name in ("maps", "images", "thumbnails")
    assert through_file(name, np.zeros(shape, np.uint8), look) == (
        chunks,
        True,
        "gzip" if compressed else None,
        compressed,
    )


def test_an_encoding_of_a_later_version_asks_for_an_upgrade():
    with h5py.File(io.BytesIO(), "w") as file:
        GroupWriter(file).write_array("logits", np.zeros((1, 2)))
        file["logits"].attrs["encoding_version"] = 2
        with pytest.raises(StoreError, match=r"/logits has encoding 'array' version 2.*upgrade shapebias"):
            decode(file["logits"], slice(None))


def test_the_digest_covers_attributes_and_shapes_and_all_but_sealed_groups():
    with h5py.File(io.BytesIO(), "w") as file:
        group = file.create_group("cells/0000")
        group.attrs["text"] = "a"
        GroupWriter(group).write_array("values/x", np.zeros(3))
        inner = group.create_group("parts/0000")
        seal(inner)
        before = digest(group)
        inner.attrs["note"] = "sealed by itself"
        assert digest(group) == before
        group["values/x"].attrs["encoding"] = "scale"
        changed = digest(group)
        group.attrs["text"] = "b"
        assert len({before, changed, digest(group)}) == 3
