"""When a stored answer is the requested one, and the message if it is not."""

from __future__ import annotations

import attrs
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import shapebias as sb
from shapebias.engine import identity
from shapebias.engine.identity import Recorder, current
from shapebias.plugins.catalog import Component, default_catalog
from shapebias.plugins.specs import ModelSpec

STIMULI = "stimuli:images=8,size=32"


def keys(study, precision="float32"):
    return [each.key for each in Recorder(study, precision).cells()]


def study(conditions="clean", saliency=(), **facts):
    return sb.Study(STIMULI, "cnn:8,width=4", conditions, saliency, **facts)


def test_spelling_does_not_matter():
    assert keys(study("saturate:p=8")) == keys(study("saturate:8.0")) == keys(study("mine=saturate:p=16/2"))


@pytest.mark.parametrize(
    "other",
    [
        {"conditions": "saturate:p=4"},
        {"conditions": "saturate:p=8+saturate:p=8"},
        {"seed": 1},
        {"logits": "top-2"},
        {"keep_images": True},
        {"aggregate": "sum"},
    ],
)
def test_what_changes_an_answer_changes_its_key(other):
    assert keys(study("saturate:p=8")) != keys(study(**{"conditions": "saturate:p=8", **other}))


def test_precision_is_of_predictions_and_not_of_maps():
    both = study("clean", "gradient")
    (answers, maps), (answers_16, maps_16) = keys(both), keys(both, "float16")
    assert answers != answers_16
    assert maps == maps_16


def test_which_images_are_asked_for_is_no_part_of_the_key():
    assert keys(study(limit=3)) == keys(study())


def test_a_weight_file_is_known_by_its_content(tmp_path):
    path = tmp_path / "net.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    component = default_catalog().component("model", f"checkpoint:{path}")
    before = component.fingerprints()
    save_file({"weight": torch.ones(2)}, path)
    assert list(before) == [str(path)]
    assert component.fingerprints() != before


def test_a_live_network_is_known_by_its_state():
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 8))
    first = keys(sb.Study(STIMULI, {"net": network}))
    assert keys(sb.Study(STIMULI, {"net": network})) == first
    with torch.no_grad():
        network[2].bias += 1
    assert keys(sb.Study(STIMULI, {"net": network})) != first


def test_a_parameter_that_came_later_at_its_old_behaviour_changes_nothing():
    asked = study("saturate:p=8")
    (cell,) = Recorder(asked, "float32").cells()
    older = attrs.evolve(cell.record, model=attrs.evolve(cell.record.model, canonical="cnn:num_classes=8,width=4"))
    assert older.key != cell.record.key
    assert current(older).key == cell.record.key


def test_a_text_that_nobody_here_can_read_stays_as_it_is():
    asked = study()
    (cell,) = Recorder(asked, "float32").cells()
    foreign = attrs.evolve(cell.record, model=attrs.evolve(cell.record.model, canonical="elsewhere:net"))
    assert current(foreign) == foreign


def test_every_cell_is_identified_once_in_a_run(tmp_path, monkeypatch):
    asked = sb.Study(STIMULI, "cnn:8,width=2,depth=2", ["clean", "saturate:p=8"], "gradient")
    titles, stored = [], []
    record, update = Recorder.cell, identity.current

    def cell(self, one):
        titles.append(one.title)
        return record(self, one)

    def current_of(one):
        stored.append(one.title)
        return update(one)

    monkeypatch.setattr(Recorder, "cell", cell)
    monkeypatch.setattr(identity, "current", current_of)
    for _ in range(2):
        sb.run(asked, tmp_path / "run.h5")
    expected = [one.title for one in asked.cells()]
    assert titles == 2 * expected
    assert sorted(stored) == sorted(expected)


@attrs.frozen
class Told:
    """A model that is told the classes; its texts are the names in a sentence."""

    sentence: str = sb.plugin.param("with {} for the name", default="a {}")

    def class_texts(self, classes):
        return [self.sentence.replace("{}", name) for name in classes]

    def load(self, device, *, classes):
        raise NotImplementedError


def test_a_model_that_is_told_the_classes_is_known_by_their_texts(tmp_path):
    told = Component(ModelSpec("told", Told, needs_classes=True), Told())
    plain = Component(ModelSpec("told", Told), Told())
    with_letters, with_digits = told.fingerprints(["a", "b"]), told.fingerprints(["1", "2"])
    assert with_letters != with_digits
    assert with_letters == told.fingerprints(["a", "b"])
    assert plain.fingerprints(["a", "b"]) == {}
    # Two data sets of one study have their own classes, and the key of a cell says which.
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (32, 32)).save(tmp_path / name / "a.png")
    both = sb.Study([STIMULI, f"folder:{tmp_path}"], [told])
    first, second = (cell.record.model.files for cell in Recorder(both, "float32").cells())
    assert first == told.fingerprints(both.datasets[0].settings.classes)
    assert second == told.fingerprints(both.datasets[1].settings.classes)
