"""The small table, against counts of the stored answers."""

from __future__ import annotations

from shapebias.reporting.summary import Number, _heading, _range, summary


def test_each_model_has_a_row_with_counts_behind_each_share(results):
    found = summary(results)
    assert [model for model, _ in found.rows] == results.models
    assert found.columns[0] == ("shape bias", "share of decisions by shape")
    for model, numbers in found.rows:
        (view,) = (view for view in results.answers() if view.model == model and view.condition == "clean")
        shape, texture = ((view.prediction == labels).sum() for labels in (view.shape_labels, view.texture_labels))
        assert numbers[0].counts == f"{shape} of {shape + texture}"
        assert numbers[0].value == f"{100 * shape / (shape + texture):.0f} %"


def test_several_people_are_a_mean_and_a_range():
    rows = [{"value": 0.9, "n": 100}, {"value": 1.0, "n": 50}, {"value": None, "n": 0}]
    assert _range(rows) == Number("95 %", "90 to 100", "140 of 150")


def test_a_condition_that_destroys_a_cue_is_not_said_to_leave_the_other_alone():
    outline = _heading(("shape", "accuracy", "silhouettes", "clean"), several=False)
    assert outline == ("accuracy, clean", "only the shape says the class")
    shuffled = _heading(("texture", "accuracy", "photos", "patch-shuffle:k=2"), several=True)
    assert shuffled == ("accuracy, patch-shuffle:k=2", "photos: a condition that destroys shape")
