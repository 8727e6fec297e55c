"""Results that an earlier version stored under names that have changed since: nothing is computed again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import shapebias as sb
from shapebias.errors import StudyError
from shapebias.plugins.catalog import default_catalog
from shapebias.reporting.provenance import provenance
from shapebias.study.stored_text import current_text

OLD = Path(__file__).parents[1] / "store" / "old" / "before-step-size.h5"  # step=, objective=loss; never made again
CONDITIONS = ["clean", "pgd:eps=1/255,4/255,steps=2", "spatial:eps=0.5,steps=2"]


@pytest.fixture
def old(tmp_path):
    return Path(shutil.copy(OLD, tmp_path / "run.h5"))


def test_a_rerun_computes_nothing(old):
    study = sb.Study(
        "stimuli:images=8,size=16", {"small": "cnn:num_classes=8,width=2"}, CONDITIONS, "gradient", saliency_limit=2
    )
    computed = []
    results = sb.run(study, old, progress=lambda progress: computed.append(progress.done))
    assert computed == []
    assert len(results.cells()) == 6


def test_stored_results_are_found_by_the_names_of_today(old):
    results = sb.Results(old)
    assert {row["condition"] for row in results.metric("robust-accuracy").to_dict("records")} == set(CONDITIONS[1:])
    logits = results.logits(condition="spatial:step_size=0.25", eps=0.5)
    assert logits.shape == (8, 8)
    (view,) = [view for view in results.answers() if view.condition == CONDITIONS[2]]
    assert "step_size=0.25" in view.texts["condition"]
    assert [step.name for step in view.steps] == ["spatial"]


def test_the_page_shows_a_study_that_can_be_run_and_says_that_it_repeats_all(old):
    found = provenance(sb.Results(old))
    assert "repeats it" in found.repeats
    assert len(list(sb.Study.from_toml(found.study).cells())) == 6
    with pytest.raises(StudyError, match="is now called step_size"):
        sb.Study.from_toml(sb.Results(old).store.header.study)


@pytest.mark.parametrize(
    ("role", "stored", "today"),
    [
        ("condition", "saturate:p=8+pgd:eps=1/255,step=0.5,objective=loss", "step_size=0.5"),
        ("attack", "spatial:step=0.5", "step_size=0.5"),
        ("saliency", "smoothgrad:objective=loss", "objective=cross-entropy"),
        ("probe", "gradient-spectrum:objective=loss", "objective=cross-entropy"),
    ],
)
def test_every_kind_of_text_is_brought_up_to_date(role, stored, today):
    assert today in current_text(role, stored)


def test_no_component_has_two_parameters_whose_names_differ_by_one_letter():
    from shapebias.spelling.params import describe

    pairs = {
        (entry.spec.name, name)
        for entry in default_catalog()
        if entry.plugin.distribution == "shapebias"
        for names in [{row.name for row in describe(entry.spec.load())}]
        for name in names
        if f"{name}s" in names
    }
    assert pairs == set()
