"""What the check before a run loads, refuses and leaves to the cells."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import nn

import shapebias as sb
from shapebias.errors import LabelError, StudyError, WeightsError
from shapebias.plugin import ModelSpec
from shapebias.plugins.catalog import Component

STIMULI = "stimuli:images=8,size=32"
SMALL = "cnn:num_classes=8,width=4"


@attrs.frozen
class Counting:
    """A model that counts how often it is loaded."""

    loads: list[str] = attrs.field(factory=list, eq=False, metadata={"spelled": False})
    error: Exception | None = attrs.field(default=None, metadata={"spelled": False})

    def load(self, device):
        self.loads.append(str(device))
        if self.error is not None:
            raise self.error
        network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 8))
        return sb.Classifier(network.to(device))


def component(settings):
    return Component(ModelSpec("counting", Counting), settings, label="counting")


def test_a_model_is_loaded_once_for_the_check_and_the_run(tmp_path):
    settings = Counting()
    sb.run(sb.Study([STIMULI, "stimuli:images=16,size=32"], [component(settings)]), tmp_path / "run.h5", device="cpu")
    assert settings.loads == ["cpu"]


def test_a_finished_study_loads_no_model(tmp_path):
    settings = Counting()
    study = sb.Study(STIMULI, [component(settings)])
    sb.run(study, tmp_path / "run.h5")
    sb.run(study, tmp_path / "run.h5")
    assert len(settings.loads) == 1


@pytest.mark.parametrize("error", [ZeroDivisionError("on purpose"), torch.OutOfMemoryError("full")])
def test_what_is_not_the_users_fault_is_left_to_the_cells(tmp_path, error):
    results = sb.run(sb.Study(STIMULI, [component(Counting(error=error)), SMALL]), tmp_path / "run.h5")
    assert [failure.record.model.title for failure in results.failures] == ["counting"]
    assert len(results.answers()) == 1


def test_one_fault_is_raised_as_it_is_and_several_are_listed(tmp_path):
    bad = component(Counting(error=WeightsError("do not fit")))
    with pytest.raises(WeightsError, match=r"^do not fit$"):
        sb.run(sb.Study([STIMULI, "stimuli:images=16,size=32"], [bad, SMALL]), tmp_path / "run.h5")
    with pytest.raises(StudyError, match=r"(?s)the study cannot run:.*counting: do not fit.*narrow: "):
        sb.run(sb.Study(STIMULI, [bad, "narrow=cnn:num_classes=5"]), tmp_path / "run.h5")
    assert [*tmp_path.iterdir()] == []


def test_a_live_network_for_other_classes_is_an_error_of_evaluate():
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10))
    with pytest.raises(LabelError, match="write a mapping file"):
        sb.evaluate(network, STIMULI)
