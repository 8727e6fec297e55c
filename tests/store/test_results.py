"""The user's view: what matches a request, in which order, under which names, and the message if nothing matches."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import store_samples as samples

from shapebias.errors import SpellingError, StoreError, UnknownNameError
from shapebias.metrics.accuracy import Accuracy
from shapebias.store import Results, Store, Writer
from shapebias.store.results import open_store

ROWS = np.arange(samples.IMAGES)
PHOTOS = "photos | timm:resnet50"


@pytest.fixture
def results(any_store):
    return Results(any_store)


def truth(cell, name, eps=None):
    """Give an array of the samples; at one eps, if there are several."""
    array = samples.arrays(cell, ROWS)[name]
    return array if eps is None else array[:, samples.EPS.index(eps)]


def store_of(path, *cells, study="", rows=samples.PARTS[0]):
    """Write the prediction of the samples under other names."""
    with Writer(path, attrs.evolve(samples.HEADER, study=study)) as writer:
        for cell in cells:
            writer.write_dataset(samples.dataset_part(rows, cell.dataset))
            writer.write(attrs.evolve(samples.part(samples.PREDICTION, rows), cell=cell))
    return Results(path)


def model(text, title="", **files):
    return attrs.evolve(samples.PREDICTION, model=samples.component(text, title, **files))


def condition(text, title=""):
    return attrs.evolve(samples.PREDICTION, condition=samples.component(text, title))


# What is there.


def test_every_kind_of_array_is_found(results):
    np.testing.assert_array_equal(results.logits(condition="clean"), truth(samples.PREDICTION, "logits"))
    np.testing.assert_array_equal(results.prediction(condition="clean"), truth(samples.PREDICTION, "prediction"))
    np.testing.assert_array_equal(results.images(condition="clean"), truth(samples.PREDICTION, "images"))
    for eps in samples.EPS:
        np.testing.assert_array_equal(results.logits(eps=eps), truth(samples.ATTACKED, "logits", eps))
        np.testing.assert_array_equal(results.saliency(eps=eps), truth(samples.SALIENCY, "maps", eps))
    values = results.probe()
    assert set(values) == {"auc", "curve", "word"}
    np.testing.assert_array_equal(values["curve"], truth(samples.PROBE, "values/curve"))
    (maps, *_) = results.maps()
    assert set(maps.extras) == {"completeness"}
    assert results.seed == 7


def test_answers_come_with_the_ids_and_labels_of_their_images(results):
    clean, *attacked = results.answers()
    assert clean.ids == samples.ids(ROWS)
    assert clean.classes == samples.CLASSES
    assert (clean.dataset, clean.model, clean.condition, clean.eps) == ("photos", "timm:resnet50", "clean", None)
    np.testing.assert_array_equal(clean.labels, ROWS % 3)
    np.testing.assert_array_equal(clean.texture_labels, (ROWS + 1) % 3)
    assert [answers.eps for answers in attacked] == list(samples.EPS)
    for answers in attacked:  # the condition changed them
        np.testing.assert_array_equal(answers.texture_labels, truth(samples.ATTACKED, "texture_labels"))
        np.testing.assert_array_equal(answers.shape_labels, ROWS % 3)


def test_the_best_classes_are_ranked_and_a_tie_goes_to_the_lower_index(tmp_path):
    logits = np.array([[1, 3, 2], [2, 5, 5], [0, 0, 0]], np.float32)
    with Writer(tmp_path / "run.h5", samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(range(3)))
        arrays = {"prediction": logits.argmax(axis=1), "logits": logits}
        writer.write(attrs.evolve(samples.part(samples.PREDICTION, range(3)), arrays=arrays))
    (answers,) = Results(tmp_path / "run.h5").answers()
    assert answers.top(2).tolist() == [[1, 2], [1, 2], [0, 1]]
    assert answers.top(9).shape == (3, 3)


def test_without_scores_the_kept_classes_are_ranked(tmp_path):
    kept = {"top_classes": np.array([[2, 0]]), "top_scores": np.array([[0.5, 0.25]]), "prediction": np.array([2])}
    with Writer(tmp_path / "run.h5", samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part([4]))
        writer.write(attrs.evolve(samples.part(samples.PREDICTION, [4]), arrays=kept))
    results = Results(tmp_path / "run.h5")
    (answers,) = results.answers()
    assert answers.logits is None
    assert answers.top(5).tolist() == [[2, 0]]
    with pytest.raises(StoreError, match=r"holds no 'logits'; it holds prediction, top_classes, top_scores"):
        results.logits()


def test_printed_they_say_what_they_are(results):
    counts = [len(set(results.cells()[role])) for role in ("dataset", "model", "condition")]
    words = ("data set", "model", "condition")
    written = ", ".join(f"{count} {word}{'s' * (count > 1)}" for count, word in zip(counts, words, strict=True))
    assert repr(results) == f"<Results of {results.store.path}: {written}>"


def test_an_overview_has_one_row_a_cell(results):
    cells = results.cells()
    assert len(cells) == 4
    assert set(cells.images) == {samples.IMAGES}
    assert set(cells.status) == {"done"}
    assert set(cells.seconds) == {0.5 * len(samples.PARTS)}
    assert cells.saliency.notna().sum() == 2
    assert cells.probe.notna().sum() == 1


def test_what_failed_is_listed_and_the_images_that_did_not_fail_count(tmp_path):
    with Writer(tmp_path / "run.h5", samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(range(8)))
        writer.write(samples.part(samples.PREDICTION, range(5)))
        writer.write(samples.failed(samples.PREDICTION, range(5, 8)))
        writer.write(samples.failed(samples.ATTACKED, range(8)))
    with open_store(tmp_path / "run.h5") as results:
        assert [(failure.record.condition.title, len(failure.rows)) for failure in results.failures] == [
            ("clean", 3),
            ("pgd:eps=0,1/4,1/2", 8),
        ]
        assert set(results.cells().status) == {"failed"}
        (answers,) = results.answers()
        assert answers.ids == samples.ids(range(5))


# What the user calls it.


@pytest.mark.parametrize(
    "text", ["pgd:eps=0,1/4,1/2", "pgd", "pgd:steps=20", "pgd:0,0.25,0.5", "pgd:eps=0,1/4,1/2,steps=20"]
)
def test_any_text_that_says_enough_will_do(results, text):
    np.testing.assert_array_equal(results.logits(condition=text, eps=0.25), truth(samples.ATTACKED, "logits", 0.25))


def test_a_label_of_ones_own_is_found(tmp_path):
    results = store_of(tmp_path / "run.h5", model("timm:a", "old one"), model("timm:b", "new: one"))
    for label in ("old one", "new: one"):
        assert len(results.prediction(model=label)) == samples.PART


def test_an_exact_name_goes_before_one_that_fits(tmp_path):
    results = store_of(tmp_path / "run.h5", condition("saturate:p=8,clip=true", "saturate:p=8"), condition("saturate"))
    assert results.answers()[0].components["condition"].canonical == "saturate"
    assert len(results.prediction(condition="saturate")) == samples.PART


def test_components_of_one_title_are_told_apart(tmp_path):
    twins = [model("timm:a,seed=1", "net"), model("timm:a,seed=2", "net"), model("timm:c", "c")]
    assert set(store_of(tmp_path / "run.h5", *twins).cells().model) == {"timm:a,seed=1", "timm:a,seed=2", "c"}
    files = [model("timm:a", "net", weights=digit * 64) for digit in "12"]
    names = set(store_of(tmp_path / "files.h5", *files).cells().model)
    assert names == {f"timm:a ({cell.model.key[:8]})" for cell in files}


# In which order.


def test_the_order_is_that_of_the_study_and_what_it_no_longer_has_comes_last(tmp_path):
    texts = ["saturate:p=16", "saturate:p=1024", "saturate:p=4", "clean"]
    study = 'conditions = ["clean", "saturate:p=16", "sharp=saturate:p=1024"]\nmodels = ["z=timm:z", "timm:a"]\n'
    cells = [
        attrs.evolve(condition(text, "sharp" if "1024" in text else ""), model=samples.component(name))
        for text in texts
        for name in ("timm:a", "timm:z")
    ]
    results = store_of(tmp_path / "run.h5", *cells, study=study)
    order = [(answers.model, answers.condition) for answers in results.answers()]
    titles = ["clean", "saturate:p=16", "sharp", "saturate:p=4"]
    assert order == [(name, title) for name in ("timm:z", "timm:a") for title in titles]
    assert list(results.cells()[["model", "condition"]].itertuples(index=False, name=None)) == order
    assert results.metric(Accuracy(top=(1,))).condition.tolist() == titles * 2


def test_what_the_study_does_not_list_is_sorted_by_the_numbers_in_it(tmp_path):
    values = ["saturate:p=1", "saturate:p=4", "saturate:p=8", "saturate:p=16", "saturate:p=64", "saturate:p=1024"]
    titles = ["clean", "0.05", "0.5", "3", "10", "pgd:eps=1/255", "pgd:eps=10/255", *values]
    results = store_of(tmp_path / "run.h5", *(condition(text) for text in reversed(titles)))
    assert [answers.condition for answers in results.answers()] == titles
    assert results.cells().condition.tolist() == titles
    assert results.metric(Accuracy(top=(1,))).condition.tolist() == titles


# What is said where nothing fits.


def test_several_fit(results):
    with pytest.raises(StoreError) as caught:
        results.logits()
    assert str(caught.value) == (
        "4 answers fit anything; say which:\n"
        f"  {PHOTOS} | clean\n"
        f"  {PHOTOS} | pgd:eps=0,1/4,1/2 | eps=0\n"
        f"  {PHOTOS} | pgd:eps=0,1/4,1/2 | eps=0.25\n"
        f"  {PHOTOS} | pgd:eps=0,1/4,1/2 | eps=0.5"
    )
    with pytest.raises(StoreError, match=r"^3 answers fit model='timm:resnet50', condition='pgd'; say which:\n"):
        results.prediction(model="timm:resnet50", condition="pgd")


def test_none_fits(results):
    with pytest.raises(StoreError) as caught:
        results.saliency(condition="clean", method="smoothgrad")
    assert str(caught.value).startswith(
        f"no maps fit condition='clean', saliency='smoothgrad'; there are:\n  {PHOTOS} | pgd:eps=0,1/4,1/2 | smoothgrad"
    )
    with pytest.raises(StoreError, match=r"^no probes fit probe='deletion'; there are:\n.* \| insertion$"):
        results.probe("deletion")


def test_none_fits_because_there_is_none(tmp_path):
    with pytest.raises(StoreError, match=r"^no maps fit anything; there are:\n  none at all$"):
        store_of(tmp_path / "run.h5", samples.PREDICTION).saliency()


def test_an_eps_that_was_not_computed(results, tmp_path):
    with pytest.raises(StoreError, match=r"^nothing was computed at eps=0.1; there are 0, 0.25, 0.5$"):
        results.logits(eps=0.1)
    plain = store_of(tmp_path / "plain.h5", samples.PREDICTION)
    with pytest.raises(StoreError, match=r"^nothing was computed at eps=0.1; there are none$"):
        plain.prediction(eps=0.1)


def test_a_metric_or_parameter_that_does_not_exist(results):
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        results.metric("acuracy")
    with pytest.raises(SpellingError, match=r"^Accuracy: tap: unknown parameter; did you mean 'top'\?; known: top$"):
        results.metric("accuracy", tap=5)


def test_a_data_set_that_is_missing(tmp_path):
    with Writer(tmp_path / "run.h5", samples.HEADER) as writer:
        writer.write(samples.part(samples.PREDICTION, range(4)))
    message = r"run.h5: photos \| timm:resnet50 \| clean: its data set is missing; see 'shapebias verify'"
    with pytest.raises(StoreError, match=message):
        Results(tmp_path / "run.h5").answers()


def test_a_results_object_closes_what_it_opened(packed):
    with open_store(packed) as results:
        (answers, *_) = results.answers()
    with pytest.raises(StoreError, match="was closed"):
        _ = answers.prediction
    store = Store(packed)
    assert Results(store).store is store


# Masks, and what conditions do to pictures.


def masked(rows, *, known=True):
    """Half of each picture is the object; without ``known`` the last image has no mask."""
    masks = np.zeros((len(rows), 8, 8), np.int8)
    masks[:, :4] = 1
    if not known:
        masks[-1] = -1
    return masks


def store_with_masks(path, *masks, condition="clean"):
    cell = attrs.evolve(samples.SALIENCY, condition=samples.component(condition))
    with Writer(path, samples.HEADER) as writer:
        for rows, of_part in zip(samples.PARTS, masks, strict=False):
            writer.write_dataset(attrs.evolve(samples.dataset_part(rows), masks=of_part))
            arrays = {"maps": np.ones((len(rows), 8, 8), np.float32)}
            writer.write(attrs.evolve(samples.part(samples.SALIENCY, rows), cell=cell, arrays=arrays, attributes={}))
        writer.pack()
    (maps,) = Results(path).maps()
    return maps


def test_masks_come_with_the_maps_of_their_images(tmp_path):
    rows = samples.PARTS[0]
    maps = store_with_masks(tmp_path / "run.h5", masked(rows), masked(rows)[:, ::-1])
    assert maps.masks.dtype == bool
    np.testing.assert_array_equal(maps.masks[:8], masked(rows) == 1)
    np.testing.assert_array_equal(maps.masks[8:], masked(rows)[:, ::-1] == 1)


def test_there_are_no_masks_where_an_image_or_an_earlier_version_has_none(tmp_path, packed):
    rows = samples.PARTS[0]
    assert store_with_masks(tmp_path / "one.h5", masked(rows, known=False)).masks is None
    assert store_with_masks(tmp_path / "part.h5", masked(rows), None).masks is None
    assert all(maps.masks is None for maps in Results(packed).maps())


def test_there_are_no_masks_where_the_condition_moves_pixels_or_is_not_known_here(tmp_path):
    rows = samples.PARTS[0]
    for name, text, moves in (("a", "saturate:p=8", False), ("b", "patch-shuffle:k=4", True), ("c", "gone:x=1", True)):
        maps = store_with_masks(tmp_path / f"{name}.h5", masked(rows), condition=text)
        assert (maps.moves_pixels, maps.masks is None) == (moves, moves)
        assert maps.texts["condition"] == text


def test_what_a_condition_destroys_is_what_its_transforms_say(tmp_path):
    texts = [
        "clean",
        "saturate:p=8",
        "saturate:p=1",
        "patch-shuffle:k=1",
        "patch-shuffle:k=4+pgd:eps=1/255",
        "patch-shuffle:k=2+saturate:p=8",
        "gone:x=1",
    ]
    found = store_of(tmp_path / "run.h5", *map(condition, texts)).answers()
    assert {answers.condition: set(answers.destroys) for answers in found} == {
        "clean": set(),
        "saturate:p=8": {"texture"},
        "saturate:p=1": set(),  # it takes contrast away
        "patch-shuffle:k=1": set(),
        "patch-shuffle:k=4+pgd:eps=1/255": {"shape"},
        "patch-shuffle:k=2+saturate:p=8": {"shape", "texture"},
        "gone:x=1": set(),
    }
