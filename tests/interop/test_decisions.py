"""Published decisions into a store and back: sets, presentations, pairing with a study, and bad tables."""

from __future__ import annotations

import csv
import json

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


def test_the_ids_are_those_of_the_data_set(data_dir, tmp_path):
    import_decisions([data_dir / "decisions" / "humans"], tmp_path / "humans.h5")
    (dataset,) = Results(tmp_path / "humans.h5").store.datasets()
    stimuli = CueConflict(data_dir / "cue-conflict")
    assert dataset.classes == stimuli.classes
    positions = {image: position for position, image in enumerate(dataset.ids)}
    for entry in stimuli._listing[1]:
        position = positions[entry.file]
        assert (dataset.labels[position], dataset.texture_labels[position]) == (entry.label, entry.texture)


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
    assert [answers.classes[position] if position >= 0 else None for position in answers.prediction] == [
        "cat",
        None,
        "cat",
    ]
    assert [answers.classes[position] for position in answers.texture_labels] == ["dog", "cat", "cat"]
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
    with pytest.raises(StoreError, match=r"images of these tables.*cat/cat1-dog2.png(.|\n)*photos"):
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
        (TRIALS + TRIALS, HEAD, "answered 3 images more than once"),
        ("ann,1,1\n", HEAD, "line 2: has fewer values"),
        (TRIALS.replace("0.5,", "0.5,0,"), HEAD, "line 2: has more values"),
        (TRIALS, HEAD.replace("rt", "Session"), "several columns session"),
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


SCRAMBLED = "Condition,IMAGENAME,category,Object_Response,subj,Session,Trial,RT\n"


def test_headers_in_any_case_and_order_are_read(tmp_path):
    line = "c30,0002_cop_s01_c30_dog_10_n02_7.png,dog,cat,subject-01,1,2,0.5\n"
    import_decisions([table(tmp_path / "contrast", line, head=SCRAMBLED)], tmp_path / "ann.h5")
    (answers,) = Results(tmp_path / "ann.h5").answers()
    assert (answers.model, answers.condition, answers.ids) == ("subject-01", "c30", ("dog/n02_7.png",))
    assert [answers.classes[position] for position in (*answers.labels, *answers.prediction)] == ["dog", "cat"]


def trial(observer, picture, answer="dog", *, session=1, number=1, condition="0", code="nse", suffix=".png"):
    name = f"{number:04}_{code}_s01_{condition}_dog_10_{picture}{suffix}"
    return f"{observer},{session},{number},0.5,{answer},dog,{condition},{name}\n"


def test_a_picture_shown_again_is_a_stimulus_of_its_own_in_the_order_of_session_and_trial(tmp_path):
    folder = tmp_path / "noise"
    # The sessions are read in the order of the files: 10, 2; what counts is the number.
    table(folder, trial("net", "n1", "cat", session=10), "noise_net_session-10.csv")
    table(
        folder,
        trial("net", "n1", "dog", session=2) + trial("net", "n1", "bird", session=2, number=9),
        "noise_net_session-2.csv",
    )
    table(folder, trial("ann", "n1", "dog", number=5), "noise_ann_session_1.csv")
    assert import_decisions([folder], tmp_path / "all.h5") == {"ann": 1, "net": 3}
    results = Results(tmp_path / "all.h5")
    assert verify(tmp_path / "all.h5") == []
    (net,) = (answers for answers in results.answers() if answers.model == "net")
    assert net.ids == ("dog/n1.png", "dog/n1.png (2)", "dog/n1.png (3)")
    assert [net.classes[position] for position in net.prediction] == ["dog", "bird", "cat"]
    (pair,) = results.metric("error-consistency").to_dict("records")
    assert (pair["n"], pair["observed"]) == (1, 1)
    export_decisions(results, tmp_path / "out")
    import_decisions([tmp_path / "out"], tmp_path / "back.h5")
    back = {answers.model: answers for answers in Results(tmp_path / "back.h5").answers()}
    assert (back["net"].ids, back["net"].prediction.tolist()) == (net.ids, net.prediction.tolist())


def test_a_picture_under_two_conditions_is_one_picture_and_conditions_are_spelled_in_one_way(tmp_path):
    people = trial("subject-01", "n1", condition="0.10") + trial("subject-01", "n1", number=2, condition="0.00")
    net = trial("net", "n1", condition="0.1", suffix=".JPEG") + trial("net", "n1", number=2, condition="0.0")
    folder = table(table(tmp_path / "noise", people, "noise_subject-01_session_1.csv"), net, "noise_net_session-1.csv")
    import_decisions([folder], tmp_path / "all.h5")
    results = Results(tmp_path / "all.h5")
    cells = {(answers.model, answers.condition, answers.ids) for answers in results.answers()}
    assert cells == {(who, what, ("dog/n1.JPEG",)) for who in ("subject-01", "net") for what in ("clean", "0.1")}
    assert results.metric("error-consistency")["n"].tolist() == [1, 1]


def test_each_set_of_stimuli_is_a_data_set_and_an_observer_one_model(tmp_path):
    for name in ("colour", "sketch"):
        table(tmp_path / name, trial("subject-01", f"{name}-7", code=name), f"{name}_subject-01_session_1.csv")
    import_decisions([tmp_path / "colour", tmp_path / "sketch"], tmp_path / "all.h5")
    answers = Results(tmp_path / "all.h5").answers()
    assert {(one.dataset, one.model) for one in answers} == {("colour", "subject-01"), ("sketch", "subject-01")}


def named_study(path, ids, title="photos", classes=("cat", "dog")):
    """A store of one model that answers ``dog`` to every image; all images are dogs."""
    rows, record = np.arange(len(ids)), ComponentRecord(f"folder:path={title}", title)
    labels = np.ones(len(ids), dtype=int)
    with Writer(path, samples.HEADER) as writer:
        dataset = samples.dataset_part(np.arange(2), record)
        attributes = {**dataset.attributes, "classes": json.dumps(classes)}
        writer.write_dataset(DatasetPart(record, rows, tuple(ids), labels, labels, labels - 2, None, attributes))
        writer.write(Part(CellRecord(record, samples.MODEL, samples.CLEAN), rows, {"prediction": labels}))
        writer.pack()
    return path


@pytest.mark.parametrize(
    "form", ["session-1/0001_nse_dnn_{level}_dog_10_n{picture}_5.JPEG", "{level}/dog/n{picture}_5.JPEG"]
)
def test_answers_under_conditions_pair_with_a_models_answers_to_the_stimuli_that_were_shown(tmp_path, form):
    stimuli = [form.format(level=level, picture=picture) for picture, level in ((7, "0.10"), (8, "0.60"), (7, "0.60"))]
    run = named_study(tmp_path / "run.h5", stimuli)
    shown = [("n7_5", "dog", "0.1"), ("n8_5", "cat", "0.60"), ("n7_5", "na", "0.6"), ("n8_5", "dog", "0.35")]
    lines = [
        trial("subject-01", name, answer, number=at, condition=level) for at, (name, answer, level) in enumerate(shown)
    ]
    folder = table(tmp_path / "uniform-noise", "".join(lines), "uniform-noise_subject-01_session_1.csv")
    assert import_decisions([folder], tmp_path / "people.h5", beside=run) == {"subject-01": 3}
    (answers,) = Results(tmp_path / "people.h5").answers()
    assert (answers.condition, answers.prediction.tolist()) == ("clean", [1, 0, -1])
    merge([run, tmp_path / "people.h5"], tmp_path / "all.h5")
    (pair,) = Results(tmp_path / "all.h5").metric("error-consistency").to_dict("records")
    assert (pair["n"], pair["observed"]) == (3, pytest.approx(1 / 3))


def test_edges_are_not_taken_for_silhouettes_of_the_same_names(tmp_path):
    run = named_study(tmp_path / "run.h5", ["dog/dog1.png"], title="silhouettes")
    for name in ("edge", "silhouette"):
        table(tmp_path / name, trial("subject-01", "dog1", code=name[:3]), f"{name}_subject-01_session_1.csv")
    with pytest.raises(StoreError, match="no data set"):
        import_decisions([tmp_path / "edge"], tmp_path / "edge.h5", beside=run)
    both = [tmp_path / "edge", tmp_path / "silhouette"]
    assert import_decisions(both, tmp_path / "both.h5", beside=run) == {"subject-01": 1}
    plain = named_study(tmp_path / "plain.h5", ["dog/dog1.png"])
    with pytest.raises(StoreError, match=r"same names; import one at a time(.|\n)*edge(.|\n)*silhouette"):
        import_decisions(both, tmp_path / "none.h5", beside=plain)


def test_presentations_that_a_data_set_lacks_are_left_out_with_a_word(tmp_path, caplog):
    run = named_study(tmp_path / "run.h5", ["dog/n1.png"])
    folder = table(tmp_path / "noise", trial("net", "n1") + trial("net", "n1", number=2))
    assert import_decisions([folder], tmp_path / "net.h5", beside=run) == {"net": 1}
    assert "net: 1 repeated presentations are left out" in caplog.text


LANGUAGE = "image,timestamp,response,pred_label,pred_conf\n"
ANSWERS = 'cat1-dog2,12:00,H,cat,1\ndog2-cat7,12:01,"I am sorry, I cannot",None,\ndog1-cat1,12:02,h. Cat,Cat,0.9\n'


def test_tables_of_vision_language_models_pair_with_people(tmp_path):
    table(table(tmp_path / "tables"), ANSWERS, "gpt.csv", LANGUAGE)
    import_decisions([tmp_path / "tables"], tmp_path / "all.h5")
    results = Results(tmp_path / "all.h5")
    model = {answers.model: answers for answers in results.answers()}
    assert model["gpt"].dataset == "cue-conflict"
    assert model["gpt"].ids == model["ann"].ids == ("cat/cat1-dog2.png", "dog/dog1-cat1.png", "dog/dog2-cat7.png")
    cat = model["gpt"].classes.index("cat")
    assert model["gpt"].prediction.tolist() == [cat, cat, -1]
    assert results.metric("error-consistency")["n"].tolist() == [3]


def test_a_language_model_that_was_shown_unnamed_pictures_needs_a_study_beside(tmp_path):
    folder = table(tmp_path / "tables", "holiday,H,dog\n", "gpt.csv", "image,response,pred_label\n")
    with pytest.raises(DataError, match=r"gpt.csv, line 2: the class of 'holiday' is not given.*--beside"):
        import_decisions([folder], tmp_path / "gpt.h5")
    run = named_study(tmp_path / "run.h5", ["holiday.jpg"])
    assert import_decisions([folder], tmp_path / "gpt.h5", beside=run) == {"gpt": 1}


@pytest.mark.parametrize("name", ["session-1/0003_cop_dnn_c30_dog_10_n1_5.png", "c30/dog/n1_5.png"])
def test_stimuli_that_name_their_condition_are_exported_under_it(tmp_path, name):
    run = named_study(tmp_path / "run.h5", [name])
    (path,) = export_decisions(Results(run), tmp_path / "out")
    (row,) = csv.DictReader(path.read_text().splitlines())
    assert (row["condition"], row["category"]) == ("c30", "dog")
    assert row["imagename"].endswith("_c30_dog_00_n1_5.png")
