"""The published answers of people and of models give the published numbers."""

from __future__ import annotations

import pytest

from shapebias.interop import import_decisions
from shapebias.metrics.human_consistency import MEASURES
from shapebias.store import Results, verify

# People with people, mean over pairs and the conditions kept.
PEOPLE = {
    "sketch": (0.00358, 0.89988, 0.36962),
    "stylized": (0.00854, 0.75025, 0.50058),
    "colour": (0.00075, 0.88281, 0.41543),
    "contrast": (0.00813, 0.78021, 0.43703),
    "low-pass": (0.00168, 0.79083, 0.46888),
    "uniform-noise": (0.00191, 0.78229, 0.43406),
    "eidolonIII": (0.01103, 0.77882, 0.45953),
    "rotation": (0.00103, 0.84253, 0.43851),
}

HITS = {
    "subject-01": (829, 33),
    "subject-03": (1006, 34),
    "resnet50": (162, 572),
    "ViT_L_14_openai_None": (615, 394),
    "clip_RN50_openai_CLS": (179, 683),
    "tv_resnet50": (180, 628),
    "20240214_121600_internvl_chat": (732, 340),
    "20240228_002836_openai_vision": (401, 436),
}


@pytest.fixture(scope="module")
def published(data_dir, tmp_path_factory):
    """The answers to the cue-conflict stimuli: five people, two networks, five models of a later paper."""
    path = tmp_path_factory.mktemp("published") / "conflict.h5"
    folders = [data_dir / "decisions" / name for name in ("humans", "models", "multimodal")]
    assert sum(import_decisions(folders, path).values()) == 12 * 1280
    assert verify(path) == []
    with Results(path) as results:
        yield results


@pytest.fixture(scope="module")
def people(data_dir, tmp_path_factory):
    """The answers of people to the other sets."""
    path = tmp_path_factory.mktemp("people") / "people.h5"
    taken = import_decisions([data_dir / "decisions" / "benchmark"], path)
    assert sum(taken.values()) == 69_120
    with Results(path) as results:
        yield results


@pytest.mark.slow
def test_every_table_is_read_into_its_set(people):
    datasets = {dataset.record.title: len(dataset.ids) for dataset in people.store.datasets()}
    few = {
        "sketch": 800,
        "stylized": 800,
        **dict.fromkeys(("false-colour", "phase-scrambling", "power-equalisation"), 1120),
    }
    assert len(datasets) == 14
    assert datasets == dict.fromkeys(datasets, 1280) | few


@pytest.mark.slow
def test_people_with_people(people):
    table = people.metric("human-consistency")
    table = table[table["averaging"] == "set"]
    values = table.pivot_table(index="dataset", columns="measure", values="value")
    for dataset, expected in PEOPLE.items():
        assert values.loc[dataset, list(MEASURES[:3])].tolist() == pytest.approx(expected, abs=5.1e-6)
    assert (table["model"] == "people").all()
    assert ((table["low"] < table["value"]) & (table["value"] < table["high"])).all()


def test_shape_and_texture_hits(published):
    bias = published.metric("shape-bias")
    bias = bias[bias["averaging"] == "micro"].set_index("model")
    for model, hits in HITS.items():
        assert tuple(bias.loc[model, ["shape_hits", "texture_hits"]]) == hits
    assert (bias["n_conflict"] == 1200).all()
    assert bias.loc["resnet50", "value"] == pytest.approx(0.2207, abs=5e-5)


def test_refusals_are_no_answer(published):
    (answers,) = (one for one in published.answers() if one.model == "20240228_002836_openai_vision")
    assert (answers.prediction == -1).sum() == 131


def test_people_fail_on_the_same_stimuli_as_other_people_more_than_networks_do(published):
    table = published.metric("error-consistency")
    kappa = table.set_index(["model", "other"])["value"]
    people = [value for (one, other), value in kappa.items() if one.startswith("subj") and other.startswith("subj")]
    networks = [
        value for pair, value in kappa.items() if set(pair) & {"resnet50"} and any("subj" in one for one in pair)
    ]
    assert (len(people), len(networks)) == (10, 5)
    assert min(people) > max(networks)
