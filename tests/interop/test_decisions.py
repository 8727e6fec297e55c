"""Published decisions: the counts that others have published, the way back, pairing with a study, and bad tables."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import store_samples as samples

from shapebias.datasets.cue_conflict import CueConflict
from shapebias.errors import DataError, StoreError
from shapebias.interop import export_decisions, import_decisions
from shapebias.store import (
    CellRecord,
    ComponentRecord,
    DatasetPart,
    Part,
    Results,
    Writer,
    merge,
    verify,
)

HEAD = "subj,session,trial,rt,object_response,category,condition,imagename\n"
TRIALS = (
    "ann,1,1,0.5,cat,cat,0,0001_s5n_s01_0_cat_00_cat1-dog2.png\n"
    "ann,1,2,NaN,na,dog,0,0002_s5n_s01_0_dog_00_dog1-cat1.png\n"
    "ann,1,3,0.4,cat,dog,0,0003_s5n_s01_0_dog_00_dog2-cat7.png\n"
)


def table(folder, text=TRIALS, name="ann.csv", head=HEAD):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(head + text)
    return folder


def study(path, ids=("cat/cat1-dog2.png", "dog/dog2-cat7.png"), seed=7):
    """A store of one model's answers to pictures of the same names, of the classes cat, dog and Bär."""
    rows = np.arange(len(ids))
    labels = np.array([0, 1])[: len(ids)]
    record = ComponentRecord("folder:path=photos", "photos")
    cell = CellRecord(record, samples.MODEL, samples.CLEAN, settings={"seed": seed})
    with Writer(path, samples.HEADER) as writer:
        dataset = samples.dataset_part(rows, record)
        facts = (dataset.thumbnails, dataset.attributes)
        writer.write_dataset(DatasetPart(record, rows, tuple(ids), labels, labels, 1 - labels, *facts))
        writer.write(Part(cell, rows, {"prediction": labels}))
        writer.pack()
    return path


def micro(results):
    bias = results.metric("shape-bias")
    return bias[bias["averaging"] == "micro"].set_index("model")


def test_the_published_answers_give_the_published_counts(data_dir, tmp_path):
    published = data_dir / "decisions"
    taken = import_decisions([published / "humans", published / "models"], tmp_path / "humans.h5")
    assert sum(taken.values()) == 7 * 1280
    assert verify(tmp_path / "humans.h5") == []
    results = Results(tmp_path / "humans.h5")
    table = micro(results)
    for model, shape, texture in (("subject-01", 829, 33), ("subject-03", 1006, 34), ("resnet50", 162, 572)):
        assert table.loc[model, ["shape_hits", "texture_hits"]].tolist() == [shape, texture]
    assert table.loc["resnet50", "value"] == pytest.approx(0.2207, abs=5e-5)
    kappa = results.metric("error-consistency").set_index(["model", "other"])["value"]
    people = [kappa[f"subject-0{one}", f"subject-0{other}"] for one in range(1, 6) for other in range(one + 1, 6)]
    # People fail on the same stimuli as other people, more than networks do with people.
    assert min(people) > max(kappa["resnet50", f"subject-0{one}"] for one in range(1, 6))


def test_the_ids_are_those_of_the_data_set(data_dir, tmp_path):
    import_decisions([data_dir / "decisions" / "humans"], tmp_path / "humans.h5")
    (dataset,) = Results(tmp_path / "humans.h5").store.datasets()
    stimuli = CueConflict(data_dir / "cue-conflict")
    assert dataset.classes == stimuli.classes
    places = {image: place for place, image in enumerate(dataset.ids)}
    for entry in stimuli._listing[1]:
        place = places[entry.file]
        assert (dataset.labels[place], dataset.texture_labels[place]) == (entry.label, entry.texture)


def test_what_is_exported_comes_back(data_dir, tmp_path):
    import_decisions([data_dir / "decisions" / "humans"], tmp_path / "one.h5")
    written = export_decisions(Results(tmp_path / "one.h5"), tmp_path / "tables")
    assert [path.name for path in written] == [f"cue-conflict_subject-0{one}_session_1.csv" for one in range(1, 6)]
    import_decisions([tmp_path / "tables"], tmp_path / "two.h5")
    for one, two in zip(Results(tmp_path / "one.h5").answers(), Results(tmp_path / "two.h5").answers(), strict=True):
        assert (one.model, one.ids, one.condition) == (two.model, two.ids, two.condition)
        for name in ("prediction", "labels", "shape_labels", "texture_labels"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    published = data_dir / "decisions" / "humans" / "cue-conflict_subject-01_session_1.csv"
    columns = [next(csv.reader(path.open(newline=""))) for path in (published, written[0])]
    assert columns[0] == columns[1]


def test_no_answer_is_none_and_classes_are_those_of_the_tables(tmp_path):
    import_decisions([table(tmp_path / "tables")], tmp_path / "ann.h5")
    (answers,) = Results(tmp_path / "ann.h5").answers()
    assert answers.ids == ("cat/cat1-dog2.png", "dog/dog1-cat1.png", "dog/dog2-cat7.png")
    assert [answers.classes[place] if place >= 0 else None for place in answers.prediction] == ["cat", None, "cat"]
    assert [answers.classes[place] for place in answers.texture_labels] == ["dog", "cat", "cat"]
    assert answers.logits is None
    assert answers.top(1).ravel().tolist() == answers.prediction.tolist()


def test_beside_a_study_people_answer_its_images_and_the_two_can_be_merged(tmp_path):
    run = study(tmp_path / "run.h5")
    taken = import_decisions([table(tmp_path / "tables")], tmp_path / "ann.h5", beside=run)
    assert taken == {"ann": 2}
    for inputs in (["run.h5", "ann.h5"], ["ann.h5", "run.h5"]):
        output = tmp_path / f"{inputs[0]}-first.h5"
        merge([tmp_path / name for name in inputs], output)
        results = Results(output)
        assert verify(output) == []
        assert {answers.dataset for answers in results.answers()} == {"photos"}
        assert results.store.header.study == samples.HEADER.study
        (pair,) = results.metric("error-consistency").to_dict("records")
        assert (pair["n"], {pair["model"], pair["other"]}) == (2, {"timm:resnet50", "ann"})
    np.testing.assert_array_equal(Results(tmp_path / "ann.h5").prediction(), [0, 0])


def test_beside_a_study_without_these_pictures_there_is_nothing_to_import(tmp_path):
    run = study(tmp_path / "run.h5", ids=("other.png",))
    with pytest.raises(StoreError, match=r"pictures of these tables.*cat/cat1-dog2.png(.|\n)*photos"):
        import_decisions([table(tmp_path / "tables")], tmp_path / "ann.h5", beside=run)
    assert not (tmp_path / "ann.h5").exists()


def test_conditions_other_than_none_keep_their_names(tmp_path):
    changed = TRIALS.replace(",0,", ",0.3,")
    import_decisions([table(table(tmp_path / "tables"), changed, "noise.csv")], tmp_path / "ann.h5")
    assert {answers.condition for answers in Results(tmp_path / "ann.h5").answers()} == {"clean", "0.3"}


@pytest.mark.parametrize(
    ("text", "head", "message"),
    [
        (TRIALS, HEAD.replace("imagename", "image"), "no column imagename"),
        (TRIALS + TRIALS, HEAD, "answered 3 pictures more than once"),
        ("ann,1,1\n", HEAD, "line 2: has fewer values"),
    ],
)
def test_bad_tables_are_refused_in_words(tmp_path, text, head, message):
    with pytest.raises(DataError, match=message):
        import_decisions([table(tmp_path / "tables", text, head=head)], tmp_path / "ann.h5")


def test_an_answer_that_is_no_class_of_the_study_is_refused_with_its_place(tmp_path):
    folder = table(tmp_path / "tables", TRIALS.replace("cat,cat,0", "kat,cat,0"))
    with pytest.raises(DataError, match=r"ann.csv, line 2: the answer 'kat' is not a class of photos.*cat, dog, Bär"):
        import_decisions([folder], tmp_path / "ann.h5", beside=study(tmp_path / "run.h5"))


def test_nothing_is_overwritten_and_an_empty_folder_is_refused(tmp_path):
    folder = table(tmp_path / "tables")
    import_decisions([folder], tmp_path / "ann.h5")
    with pytest.raises(StoreError, match="exists already"):
        import_decisions([folder], tmp_path / "ann.h5")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no CSV files"):
        import_decisions([tmp_path / "empty"], tmp_path / "none.h5")
    export_decisions(Results(tmp_path / "ann.h5"), tmp_path / "out")
    with pytest.raises(StoreError, match="exists already"):
        export_decisions(Results(tmp_path / "ann.h5"), tmp_path / "out")


def test_names_with_separators_do_not_break_the_tables(tmp_path):
    rows = np.arange(2)
    record, name = ComponentRecord("folder:path=a_b", 'a_"b"/c, d'), ComponentRecord("x", "my_net: a/b")
    with Writer(tmp_path / "run.h5", samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(rows, record))
        writer.write(Part(CellRecord(record, name, samples.CLEAN), rows, {"prediction": rows}))
    (path,) = export_decisions(Results(tmp_path / "run.h5"), tmp_path / "out")
    assert path.parent == tmp_path / "out"
    with path.open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert [row["category"] for row in written] == ["cat", "dog"]
    assert [row["imagename"].split("_", 6)[-1] for row in written] == ["0 ü.png", "1 ü.png"]
