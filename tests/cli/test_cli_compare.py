from __future__ import annotations

import csv
import io

import pytest

import shapebias


def test_what_changed_is_shown_for_people_and_for_programs(cli, run_file):
    table, caption = cli("compare", run_file, run_file).stdout.split("\n\n")
    lines = [line for line in table.splitlines() if "[" in line]
    assert {"condition", "eps", "of", "before", "after", "difference", "lost", "gained"} <= set(table.split())
    assert "model small" in caption
    assert all("+0.000 [" in line for line in lines)
    rows = list(csv.DictReader(io.StringIO(cli("compare", run_file, run_file, "--format", "csv").stdout)))
    assert len(rows) == len(lines)
    with shapebias.open(run_file) as results:
        table = shapebias.compare(results, results)
    assert list(rows[0]) == list(table.columns)
    assert [float(row["before"]) for row in rows] == table["before"].tolist()


def test_the_page_of_both_files_has_the_table_on_its_first_screen(cli, run_file, tmp_path):
    (tmp_path / "after.h5").write_bytes(run_file.read_bytes())
    result = cli("compare", run_file, "after.h5", "--report", "page.html")
    assert "The page is in page.html." in result.stdout
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>after.h5 against run.h5</title>" in text
    lead = text[text.index('id="profile"') : text.index("<h2>")]
    assert lead.count("+0.000 [") == result.stdout.count("+0.000 [")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.h5"], "there is no store"),
        ([], "Missing argument"),
        (["run.h5", "--format", "html"], "'html' is not one"),
    ],
)
def test_errors_are_status_2_and_say_why(cli, run_file, tmp_path, arguments, message):
    (tmp_path / "run.h5").write_bytes(run_file.read_bytes())
    result = cli("compare", run_file, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
