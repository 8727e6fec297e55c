"""Importing and exporting decisions from the command line."""

from __future__ import annotations

import csv

from shapebias.store.results import open_store

HEAD = "subj,session,trial,rt,object_response,category,condition,imagename\n"


def test_answers_of_a_study_are_exported_and_come_back_as_an_observer(cli, run_file, tmp_path):
    exported = cli("export", "decisions", run_file, "-o", "tables")
    assert exported.exit_code == 0
    (path,) = (tmp_path / "tables").iterdir()
    assert str(path.name) in exported.stdout
    with path.open(newline="", encoding="utf-8") as file:
        conditions = {row["condition"] for row in csv.DictReader(file)}
    attack = "pgd:eps=1/255,2/255,steps=2"
    assert conditions == {"0", "saturate:p=8", f"{attack} at 0.00392157", f"{attack} at 0.00784314"}
    imported = cli("import", "decisions", "tables", "--beside", run_file, "-o", "back.h5")
    assert (imported.exit_code, imported.stdout) == (0, "small: 224 answers\nResults are in back.h5.\n")
    with open_store(run_file) as one, open_store(tmp_path / "back.h5") as two:
        assert (one.prediction(condition="clean") == two.prediction(condition="clean")).all()


def test_what_is_wrong_is_said_in_one_message_and_the_status_is_2(cli, tmp_path):
    (tmp_path / "a.csv").write_text("subj,session\nann,1\n")
    result = cli("import", "decisions", "a.csv", "-o", "a.h5")
    assert result.exit_code == 2
    assert "has no column trial" in result.stderr
    assert "--beside" in cli("import", "decisions", "a.csv", "--dataset", "photos", "-o", "a.h5").stderr
    assert cli("import", "decisions", "nowhere", "-o", "a.h5").exit_code == 2
    assert cli("export", "decisions", "nothing.h5", "-o", "x").exit_code == 2
