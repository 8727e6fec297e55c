"""Merging: the whole from its pieces, and a refusal that names what disagrees."""

from __future__ import annotations

import subprocess
import sys

import attrs
import numpy as np
import pytest
import store_samples as samples

from shapebias.errors import StoreError
from shapebias.store import Part, Store, Writer, merge, verify

HALVES = samples.PARTS[:2], samples.PARTS[2:]


def write(path, *parts, header=samples.HEADER, pack=True):
    with Writer(path, header) as writer:
        for one in parts:
            samples.put(writer, one)
        if pack:
            writer.pack()
    return path


def facts(cells, rows):
    """Give the parts of some cells for some images, and of the data set."""
    return [samples.dataset_part(rows), *(samples.part(cell, rows) for cell in cells)]


def content(path):
    """Read everything but the cells' facts about their parts, also in the index, which depend on who wrote what."""
    found = samples.dump(path).items()
    return {name: value for name, value in found if "/parts/" not in name and name not in ("@index", "@digest")}


@pytest.mark.parametrize("pack", [True, False])
def test_stores_of_other_images_become_the_store_of_all(tmp_path, packed, pack):
    pieces = [
        write(tmp_path / f"{number}.h5", *(one for rows in half for one in facts(samples.CELLS, rows)), pack=pack)
        for number, half in enumerate(HALVES)
    ]
    merge(pieces, tmp_path / "whole.h5")
    assert content(tmp_path / "whole.h5") == content(packed)
    assert verify(tmp_path / "whole.h5") == []
    assert not (tmp_path / "whole.h5.parts").exists()


@pytest.mark.parametrize("setting", [{"aggregate": "sum"}, {"mapping": "0123"}])
def test_scores_that_do_not_compare_stay_apart(tmp_path, setting):
    first, second = samples.CELLS[:2]
    assert (first.dataset, first.model) == (second.dataset, second.model)
    second = attrs.evolve(second, settings={**second.settings, **setting})
    rows = range(samples.IMAGES)
    pieces = [write(tmp_path / "a.h5", *facts([first], rows)), write(tmp_path / "b.h5", *facts([second], rows))]
    with pytest.raises(StoreError, match="do not compare; keep them apart"):
        merge(pieces, tmp_path / "whole.h5")


def test_stores_of_other_cells_that_share_images_become_the_store_of_all(tmp_path, packed):
    rows = range(samples.IMAGES)
    pieces = [
        write(tmp_path / "a.h5", *facts(samples.CELLS[:3], rows)),
        write(tmp_path / "b.h5", *facts(samples.CELLS[1:], rows)),
    ]
    merge(pieces, tmp_path / "whole.h5")
    seconds = {name for name in content(packed) if name.endswith(("@seconds", "@digest"))}
    whole, expected = content(tmp_path / "whole.h5"), content(packed)
    assert whole.keys() == expected.keys()
    assert all(whole[name] == expected[name] for name in whole.keys() - seconds)
    assert verify(tmp_path / "whole.h5") == []


def test_an_answer_makes_good_the_failure_of_another_store(tmp_path):
    rows = samples.PARTS[0]
    done = write(tmp_path / "done.h5", *facts([samples.PREDICTION], rows))
    failed = write(tmp_path / "failed.h5", samples.failed(samples.PREDICTION, rows))
    for number, pieces in enumerate([(done, failed), (failed, done)]):
        merge(pieces, tmp_path / f"{number}.h5")
        with Store(tmp_path / f"{number}.h5") as store:
            (cell,) = store.cells()
            assert (cell.status, cell.rows.tolist()) == ("done", rows.tolist())


def test_the_study_is_that_of_the_last(tmp_path):
    headers = [attrs.evolve(samples.HEADER, study=f'models = ["{name}"]\n') for name in "ab"]
    pieces = [write(tmp_path / f"{number}.h5", header=header) for number, header in enumerate(headers)]
    merge(pieces, tmp_path / "whole.h5")
    with Store(tmp_path / "whole.h5") as store:
        assert store.header == headers[1]


# What is refused: nothing is written then.


def changed(cell, rows, **arrays):
    return attrs.evolve(samples.part(cell, rows), arrays={**samples.arrays(cell, rows), **arrays})


ROWS = samples.PARTS[0]
FLIPPED = samples.arrays(samples.PREDICTION, ROWS)["prediction"].copy()
FLIPPED[3] = (FLIPPED[3] + 1) % 3
OTHER_FILES = attrs.evolve(samples.PREDICTION, dataset=attrs.evolve(samples.DATASET, files={"photos": "b" * 64}))
OTHER_SETTINGS = attrs.evolve(samples.PREDICTION, settings={**samples.SETTINGS, "precision": "bfloat16"})
CLEAN = r"photos \| timm:resnet50 \| clean"


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (changed(samples.PREDICTION, ROWS, prediction=FLIPPED), f"have {CLEAN}, with different answers; keep"),
        (samples.part(OTHER_SETTINGS, ROWS), f"have {CLEAN}, computed with precision float32 and bfloat16; keep"),
        (samples.part(OTHER_FILES, ROWS), f"have {CLEAN}, computed with different files of the dataset; keep"),
        (
            attrs.evolve(samples.dataset_part(ROWS), labels=np.zeros(len(ROWS), int)),
            "have different images or labels under the name photos; keep them apart, or compute one of them again",
        ),
        (
            attrs.evolve(samples.dataset_part(ROWS), ids=samples.ids(ROWS + 1)),
            "have different images or labels under the name photos",
        ),
    ],
)
def test_stores_that_disagree_are_refused_by_name(tmp_path, second, message):
    first = write(tmp_path / "a.h5", *facts(samples.CELLS, ROWS))
    write(tmp_path / "b.h5", second)
    with pytest.raises(StoreError, match=rf"a\.h5 and \S*b\.h5 {message}"):
        merge([first, tmp_path / "b.h5"], tmp_path / "both.h5")
    assert not (tmp_path / "both.h5").exists()


def test_a_disagreement_of_any_two_of_several_is_found(tmp_path):
    pieces = [
        write(tmp_path / "a.h5", *facts([samples.PREDICTION], ROWS)),
        write(tmp_path / "b.h5", *facts([samples.ATTACKED], ROWS)),
        write(tmp_path / "c.h5", changed(samples.PREDICTION, ROWS, prediction=FLIPPED)),
    ]
    merge(pieces[:2], tmp_path / "fine.h5")
    with pytest.raises(StoreError, match=rf"a\.h5 and \S*c\.h5 have {CLEAN}, with different answers"):
        merge(pieces, tmp_path / "all.h5")


def test_other_answers_for_other_images_are_no_disagreement(tmp_path):
    first = write(tmp_path / "a.h5", samples.dataset_part(ROWS), samples.part(samples.PREDICTION, ROWS))
    second = write(tmp_path / "b.h5", samples.dataset_part(ROWS + 8), samples.part(samples.PREDICTION, ROWS + 8))
    merge([first, second], tmp_path / "both.h5")
    with Store(tmp_path / "both.h5") as store:
        assert store.cells()[0].rows.tolist() == list(range(16))


def test_other_seeds_are_refused(tmp_path):
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5", header=attrs.evolve(samples.HEADER, seed=8))
    message = r"a\.h5 has seed 7 and \S*b\.h5 has seed 8: their random numbers differ; keep them apart, or compute one"
    with pytest.raises(StoreError, match=message):
        merge([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "both.h5")


def test_parts_that_hold_other_arrays_are_refused(tmp_path):
    first = write(tmp_path / "a.h5", samples.dataset_part(ROWS), samples.part(samples.PREDICTION, ROWS))
    less = Part(samples.PREDICTION, ROWS + 8, {"prediction": np.zeros(8, int)})
    second = write(tmp_path / "b.h5", samples.dataset_part(ROWS + 8), less)
    with pytest.raises(StoreError, match=rf"{CLEAN}: some of its parts have images, logits and others do not"):
        merge([first, second], tmp_path / "both.h5")
    assert sorted(path.name for path in tmp_path.glob("both*")) == []


@pytest.mark.parametrize("pack", [True, False])
def test_an_output_that_exists_is_refused_and_left_alone(tmp_path, packed, pack):
    write(tmp_path / "both.h5", *facts([samples.PREDICTION], ROWS), pack=pack)
    before = {path: path.read_bytes() for path in tmp_path.rglob("both*/**/*.h5")}
    for output in (tmp_path / "both.h5", packed):
        with pytest.raises(StoreError, match=rf"{output.name} exists already; choose another output"):
            merge([packed], output)
    assert {path: path.read_bytes() for path in before} == before


def test_an_output_that_is_being_written_is_refused(tmp_path, packed):
    code = "import sys, time; from shapebias.store import Header, Writer; w = Writer(sys.argv[1], Header('', 0))\n"
    command = [sys.executable, "-c", code + "print('ready', flush=True); sys.stdin.read()", str(tmp_path / "both.h5")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "ready\n"
        with pytest.raises(StoreError, match=rf"both.h5 is being written by another process \(process {other.pid} on"):
            merge([packed], tmp_path / "both.h5")


def test_a_store_that_is_not_there_is_named(tmp_path, packed):
    with pytest.raises(StoreError, match=r"nothing.h5: there is no store"):
        merge([packed, tmp_path / "nothing.h5"], tmp_path / "both.h5")


def test_nothing_to_join_is_said(tmp_path):
    with pytest.raises(StoreError, match="there is nothing to join; name at least one results file"):
        merge([], tmp_path / "out.h5")
