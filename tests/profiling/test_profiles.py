"""A profile runs what is missing, and sets each number beside people, published models and another model."""

from __future__ import annotations

import attrs
import pandas as pd
import pytest
import torch

import shapebias as sb
from shapebias import engine, plugin
from shapebias.errors import DataError, StudyError, UnknownNameError
from shapebias.plugins.catalog import Component
from shapebias.profiling import choice, people, table

IMAGES = "quick:images=56"


@attrs.frozen
class Known:
    """Shape bias on drawn stimuli, beside values that are made up."""

    human_answers = ("sketch",)
    published_models = ("best (one)", "worst")

    def study(self, models, limit=None):
        return sb.Study("stimuli:cue=conflict,images=56", models, limit=limit)

    def headline(self, results):
        table = sb.default_catalog().component("metric", "shape-bias").settings(results)
        return table[table.averaging == "micro"].assign(measure="shape bias")

    def references(self):
        values = {"best (one)": 0.9, "good": 0.8, "worst": 0.1, "people": 0.95, "subject-01": 0.99}
        return {
            "shape bias": [
                plugin.Reference(
                    "shape-bias", model, value, value - 0.01, value + 0.01, 9, "stimuli", "Me 2026", "here"
                )
                for model, value in values.items()
            ]
        }


KNOWN = Component(plugin.SuiteSpec("known", Known, summary="known"), Known())


@pytest.fixture(scope="module")
def known():
    """Return a profile of two models; people's answers cannot be fetched."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(people, "local_data", lambda source: (_ for _ in ()).throw(DataError("no network")))
        return sb.profile({"half": "planted:reliance=0.5"}, KNOWN, against={"shape": "planted:reliance=1"})


def test_a_value_lies_beside_people_and_published_models(known):
    (row,) = known.table.to_dict("records")
    (measured,) = (
        row
        for row in known.results.metric("shape-bias").to_dict("records")
        if row["averaging"] == "micro" and row["model"] == "half"
    )
    assert (row["value"], row["low"], row["high"], row["n"]) == tuple(
        measured[name] for name in ("value", "low", "high", "n")
    )
    assert 0.1 < row["value"] < 0.8
    assert (row["people"], row["people_low"], row["people_source"]) == (0.95, 0.94, "Me 2026")
    assert (row["best (one)"], row["worst"]) == (0.9, 0.1)
    assert (row["rank"], row["ranked"]) == (3, 4)  # people are not ranked


def test_a_model_is_compared_with_another_on_the_same_images(known):
    (row,) = known.table.to_dict("records")
    paired = known.results.metric("paired-difference:against=shape,of=shape-bias").iloc[0]
    assert (row["against"], row["against_value"]) == ("shape", 1.0)
    assert (row["difference"], row["p"]) == (paired.value, paired.p)
    assert row["difference"] == pytest.approx(row["value"] - 1)


def test_the_table_in_words_has_short_names_and_no_empty_columns(known):
    columns, (row,) = known.in_words()
    assert columns == ["measure", "model", "value", "people", "best", "worst", "rank", "shape", "difference", "p"]
    words = dict(zip(columns, row, strict=True))
    assert words["people"] == "0.950 (0.940 to 0.960)"
    assert words["rank"] == "3 of 4"
    assert words["difference"].startswith("-0.")


def test_the_notes_say_why_people_are_missing_and_what_is_published(known):
    text = "\n".join(known.notes)
    assert "known: people's answers are left out: no network" in text
    assert "best (one), worst: Me 2026" in text
    assert "1 is the largest of 3 published values and this one" in text


def test_the_page_has_the_table_on_its_first_screen(known, tmp_path):
    text = known.report(tmp_path / "page.html").read_text()
    assert text.index('id="finding"') < text.index('id="profile"') < text.index("<h2>")
    assert "<td>3 of 4</td>" in text
    assert "2 models on 1 data set" in text


def test_what_the_file_has_is_not_computed_again(tmp_path, monkeypatch):
    path = tmp_path / "profile.h5"
    first = sb.profile("planted:reliance=1", IMAGES, output=path, limit=16)
    computed = []
    again = sb.profile("planted:reliance=1", IMAGES, output=path, limit=16, progress=computed.append)
    assert computed == []
    assert again.table.equals(first.table)
    other = sb.profile({"texture": "planted:reliance=0"}, IMAGES, output=path, limit=16)
    assert set(other.table.model) == {"texture"}
    assert "planted:reliance=1" not in other.report(tmp_path / "page.html").read_text().partition('id="study"')[0]


def test_a_live_network_is_profiled_by_name():
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 8))
    found = sb.profile(network, IMAGES, name="mine", limit=16)
    assert found.table.model.tolist() == ["mine"] * 4
    assert found.table["rank"].isna().all()


def test_a_cell_that_fails_is_reported_and_the_others_are_there(failing_network):
    found = sb.profile({"good": "planted:reliance=1", "bad": failing_network}, IMAGES, limit=8)
    assert set(found.table.model) == {"good"}
    assert {failure.record.model.title for failure in found.failures} == {"bad"}
    assert len(found.failures) == 4


def test_two_suites_share_a_file_and_a_table(tmp_path):
    found = sb.profile("planted:reliance=1", "quick:images=8,paper:stimuli:images=8,maps=0", output=tmp_path / "p.h5")
    assert found.table.groupby("suite").size().to_dict() == {
        "quick": 4,
        "paper": 10,
    }
    assert found.in_words()[0][0] == "suite"


@pytest.mark.parametrize(
    ("text", "suites"),
    [
        ("cue-conflict", ["cue-conflict"]),
        ("cue-conflict, quick:images=8", ["cue-conflict", "quick:images=8"]),
        (
            "quick:images=8,contrast=0.2,humans:sets=sketch,stylized",
            ["quick:images=8,contrast=0.2", "humans:sets=sketch,stylized"],
        ),
        (["cue-conflict", "quick:images=8"], ["cue-conflict", "quick:images=8"]),
        ('paper:"folder:photos,size=224",cue-conflict', ['paper:"folder:photos,size=224"', "cue-conflict"]),
    ],
)
def test_commas_separate_suites_and_settings(text, suites):
    assert [suite.text for suite in choice.chosen_suites(text)] == suites


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("cue-conflikt", UnknownNameError, "did you mean 'cue-conflict'"),
        ("cue-conflict,quik", UnknownNameError, "did you mean 'quick'"),
        ("quick,quick", StudyError, "named twice"),
        ([], StudyError, "no suite is named"),
    ],
)
def test_a_wrong_choice_of_suites_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        choice.chosen_suites(given)


def test_a_model_is_not_compared_with_itself(monkeypatch):
    monkeypatch.setattr(engine, "run", lambda *_, **__: pytest.fail("refused before the run"))
    with pytest.raises(StudyError, match="compared with itself"):
        sb.profile("planted", IMAGES, against="planted:reliance=0.5")
    with pytest.raises(StudyError, match="name one model, not 2"):
        sb.profile("planted", IMAGES, against=["planted", "cnn:8"])


def test_an_interval_of_people_is_mentioned_only_where_it_is_known():
    rows = {"measure": ["a", "b"], "people_source": ["Me 2025", "You 2026"], "people_low": [None, 0.9], "rank": None}
    assert table.sentences(pd.DataFrame({**rows, "ranked": None}), []) == [
        "people: Me 2025; their answers to these images are not here",
        "people: You 2026, with a 95 % interval; their answers to these images are not here",
    ]
