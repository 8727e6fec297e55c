"""The conditions that count, against the paper's list written out."""

from __future__ import annotations

from shapebias.published.human_sets import human_sets

LEFT_OUT = {
    "colour": "cr",
    "contrast": "c100 c03 c01",
    "high-pass": "inf 0.55 0.45 0.4",
    "low-pass": "clean 15 40",
    "phase-scrambling": "clean 150 180",
    "power-equalisation": "clean",
    "false-colour": "true",
    "rotation": "clean",
    "eidolonI": "1-10-10 64-10-10 128-10-10",
    "eidolonII": "1-3-10 32-3-10 64-3-10 128-3-10",
    "eidolonIII": "1-0-10 16-0-10 32-0-10 64-0-10 128-0-10",
    "uniform-noise": "clean 0.6 0.9",
}


def test_the_conditions_left_out_are_those_of_the_paper():
    left_out = {name: {each for each, counts in those.items() if not counts} for name, those in human_sets().items()}
    assert {name: those for name, those in left_out.items() if those} == {
        name: set(words.split()) for name, words in LEFT_OUT.items()
    }


def test_there_are_17_sets_5_of_them_without_a_parameter():
    alone = [name for name, conditions in human_sets().items() if list(conditions) == ["clean"]]
    assert len(human_sets()) == 17
    assert alone == ["cue-conflict", "edge", "silhouette", "sketch", "stylized"]
