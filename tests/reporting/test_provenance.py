"""What the page says of where the answers come from, also where no study, or more than one, wrote them."""

from __future__ import annotations

import pytest

import shapebias
from shapebias.reporting.page import report
from shapebias.reporting.provenance import provenance

DATASET = "stimuli:cue=conflict,images=8,size=32"
MODEL = {"net": "cnn:num_classes=8,width=4"}
REPEATED = "Write it to study.toml, and 'shapebias run study.toml -o run.h5' repeats it."


@pytest.fixture(scope="module")
def imported(data_dir, tmp_path_factory):
    from shapebias.interop.decisions import import_decisions

    path = tmp_path_factory.mktemp("imported") / "people.h5"
    humans = data_dir / "decisions" / "humans"
    import_decisions([humans / f"cue-conflict_subject-0{number}_session_1.csv" for number in (1, 2)], path)
    return path


def test_one_study_repeats_all_of_its_file(tmp_path):
    study = shapebias.Study(DATASET, MODEL, ["clean", "saturate:p=8"])
    assert provenance(shapebias.run(study, tmp_path / "run.h5")).repeats == REPEATED


@pytest.mark.parametrize(
    "last",
    [
        shapebias.Study(DATASET, MODEL, "saturate:p=8"),
        shapebias.Study(DATASET, MODEL, ["clean", "saturate:p=8"], limit=4),
    ],
    ids=["another condition", "fewer images"],
)
def test_the_last_of_several_studies_repeats_only_its_own_cells(last, tmp_path):
    shapebias.run(shapebias.Study(DATASET, MODEL), tmp_path / "run.h5")
    said = provenance(shapebias.run(last, tmp_path / "run.h5")).repeats
    assert "repeats 1 of the 2 cells. The others come from other studies" in said


def test_no_claim_about_a_study_with_a_live_network(tmp_path):
    from torch import nn

    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 8))
    said = provenance(shapebias.run(shapebias.Study(DATASET, {"mine": net}), tmp_path / "run.h5")).repeats
    assert "it is not known whether it repeats all cells" in said


def test_a_page_of_imported_answers(imported, tmp_path):
    with shapebias.open(imported) as people:
        assert provenance(people).repeats == "These answers were imported: no study here computes them."
        assert ("data set", "cue-conflict: 1280 images, whose pixels are not known") in provenance(people).facts
        page = report(people, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "subject-01" in page
    assert "repeats it" not in page
    assert "The study file" not in page
    assert 'id="images"' not in page


def test_a_page_of_a_network_beside_imported_answers_has_the_networks_images(imported, tmp_path):
    """The same data set twice under one name: with pictures in one file, without in the other."""
    results = shapebias.run(shapebias.Study({"cue-conflict": DATASET}, MODEL), tmp_path / "run.h5")
    with shapebias.open(imported) as people:
        for order in ([people, results], [results, people]):
            page = report(order, tmp_path / "report.html", images=4).read_text(encoding="utf-8")
            assert page.count('"id":') == 4
            assert "data:image/webp" in page
