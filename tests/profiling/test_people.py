"""People's published answers beside a model's, for stimuli that are laid out as published."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import shapebias as sb
from shapebias.profiling import people

SUITE = "humans:sets=rotation"
ALWAYS = 10  # the class "dog" of the 16
SHOWN = [(turn, name, number) for turn in ("0", "90", "270") for name in ("dog", "cat") for number in range(4)]
HEAD = "subj,Session,trial,rt,object_response,category,condition,imagename"


def file_name(position, observer):
    turn, name, number = SHOWN[position]
    return f"{position + 1:04}_rot_{observer}_{turn}_{name}_20_n0{position}_{number}.png"


@pytest.fixture
def answered(tmp_path, monkeypatch):
    """Lay out images of one set, and the answers of two people to them: dog, and cat from the second image on."""
    monkeypatch.setenv("SHAPEBIAS_DATA", str(tmp_path))
    session = tmp_path / "model-vs-human" / "rotation" / "dnn" / "session-1"
    tables = tmp_path / "answers" / "rotation"
    session.mkdir(parents=True)
    tables.mkdir(parents=True)
    for position in range(len(SHOWN)):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(session / file_name(position, "dnn"))
    for person, answers in (("01", ["dog"] * len(SHOWN)), ("02", ["dog"] + ["cat"] * (len(SHOWN) - 1))):
        lines = [
            f"subject-{person},1,{position},1,{answer},{name},{turn},{file_name(position, f's{person}')}"
            for position, (answer, (turn, name, _)) in enumerate(zip(answers, SHOWN, strict=True))
        ]
        (tables / f"rotation_subject-{person}_session_1.csv").write_text("\n".join([HEAD, *lines]) + "\n")
    monkeypatch.setattr(people, "local_data", lambda _: SimpleNamespace(folder=tmp_path / "answers"))


def test_a_model_is_compared_with_people_under_the_conditions_of_the_stimuli(answered):
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 16))
    torch.nn.init.zeros_(network[-1].weight)
    network[-1].bias.data = torch.eye(16)[ALWAYS]
    found = sb.profile(network, SUITE).table.set_index("measure")
    # 90 and 270 degrees count, 0 does not: always like the first person, never like the second, under both.
    assert found.n.unique().tolist() == [16]
    assert found.value.to_dict() == pytest.approx(
        {
            "accuracy difference from people, squared": 0,
            "observed consistency with people": 0.5,
            "error consistency with people": 0,  # the mean of 1 and -1
            "accuracy, out of distribution": 0.5,
        }
    )
