from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

import shapebias
from shapebias.store.results import open_store


@pytest.fixture
def truth(run_file):
    """Return accuracy and shape bias on clean pictures, counted by hand."""
    with open_store(run_file) as results:
        answers = next(answers for answers in results.answers() if answers.condition == "clean")
        prediction, labels = answers.prediction, answers.labels
        shape = int(np.sum(prediction == answers.shape_labels))
        texture = int(np.sum(prediction == answers.texture_labels))
    return {
        "n": len(labels),
        "accuracy": np.mean(prediction == labels),
        "shape_hits": shape,
        "texture_hits": texture,
        "shape_bias": shape / (shape + texture),
    }


def test_the_overview_has_a_line_for_each_prediction_and_eps_clean_first(cli, run_file, truth):
    table, rest = cli("results", run_file).stdout.split("\n\n", 1)
    *_, heading, a, b, c, d = table.splitlines()
    lines = [a, b, c, d]
    assert [line.split()[0].partition(":")[0] for line in lines] == ["clean", "saturate", "pgd", "pgd"]
    assert [line[heading.index("eps") :].split()[0] for line in lines[2:]] == ["1/255", "2/255"]
    accuracy, bias = (a[heading.index(name) :].split(" [")[0] for name in ("accuracy", "shape bias"))
    assert float(accuracy) == pytest.approx(truth["accuracy"], abs=5e-4)
    assert float(bias) == pytest.approx(truth["shape_bias"], abs=5e-4)
    assert "model small" in rest
    assert f"n {truth['n']}" in rest


def test_the_overview_counts_the_cells_of_each_saliency_method(cli, run_file):
    with open_store(run_file) as results:
        images = sum(len(maps.ids) for maps in results.maps()) - len(results.maps()[-1].ids)  # one cell has two eps
    _, _, below, _ = cli("results", run_file).stdout.split("\n\n")
    heading, line = below.splitlines()
    assert heading.split() == ["saliency", "status", "cells", "images", "seconds"]
    assert line.split()[:4] == ["gradient:objective=cross-entropy", "done", "3", str(images)]


def test_the_caption_says_which_images_and_what_was_assumed(cli, run_file):
    caption = cli("results", run_file).stdout.split("\n\n")[-1]
    with open_store(run_file) as results:
        answers = results.answers()[0]
        expected = f"{answers.dataset}: {len(answers.ids)} images, {len(answers.classes)} classes"
        names = ", ".join(answers.classes[:4])
    first, second = caption.splitlines()
    assert first == expected
    assert second == f"small: the outputs have no names and are matched to the classes by position: {names}, ..."
    result = cli("results", run_file, "accuracy", "--csv")
    assert second not in result.stdout
    assert second in result.stderr
    assert second in cli("results", run_file, "accuracy").stdout


@pytest.mark.parametrize("metric", ["", "shape-bias", "accuracy", "headline", "saliency-share", "relative-accuracy"])
def test_tables_fit_eighty_columns(cli, run_file, metric, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = cli("results", run_file, *([metric] if metric else [])).stdout
    assert max(map(len, out.splitlines())) <= 80


def test_a_metric_has_the_rows_over_all_images_unless_others_are_asked_for(cli, run_file):
    everything = json.loads(cli("results", run_file, "shape-bias", "--json").stdout)
    micro = [row for row in everything if row["averaging"] == "micro"]
    by_class = [row for row in everything if row["averaging"] == "class"]
    shown = cli("results", run_file, "shape-bias", "--format", "markdown").stdout.splitlines()
    assert len(shown) == 2 + len(micro)
    assert json.loads(cli("results", run_file, "shape-bias", "--by", "class", "--json").stdout) == by_class
    assert "Further rows: --by class, --by macro" in cli("results", run_file, "shape-bias").stdout
    refused = cli("results", run_file, "shape-bias", "--by", "clas")
    assert (refused.exit_code, "did you mean 'class'?" in refused.stderr) == (2, True)
    assert "leave --by out" in cli("results", run_file, "accuracy", "--by", "class").stderr


def test_csv_and_json_agree_and_are_not_rounded(cli, run_file, truth):
    from_csv = list(csv.DictReader(io.StringIO(cli("results", run_file, "--csv").stdout)))
    from_json = json.loads(cli("results", run_file, "--json").stdout)
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in from_json] == from_csv
    assert {name: from_json[0][name] for name in truth} == truth
    assert from_json[0]["eps"] is None
    assert from_json[2]["eps"] == 1 / 255


def test_a_metric_with_parameters(cli, run_file, truth):
    rows = json.loads(cli("results", run_file, "accuracy:top=1", "--json").stdout)
    assert {row["metric"] for row in rows} == {"accuracy"}
    assert {row["top"] for row in rows} == {1}
    assert rows[0]["value"] == truth["accuracy"]
    with open_store(run_file) as results:
        table = results.metric("accuracy:top=1")
    assert [row["low"] for row in rows] == list(table["low"])
    assert list(rows[0]) == list(table.columns)


def test_a_metric_for_people_has_numbers_with_intervals_and_no_empty_columns(cli, run_file, truth):
    table = cli("results", run_file, "shape-bias").stdout.partition("\n\n")[0].splitlines()
    heading = next(line for line in table if "condition" in line)
    assert "eps" in heading.split()
    assert f"{truth['shape_bias']:.3f} [" in next(line for line in table if line.startswith("clean"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.h5"], "there is no store"),
        (["run.h5", "acuracy"], "did you mean 'accuracy'?"),
        (["run.h5", "accuracy:top=0"], "must be >= 1"),
    ],
)
def test_errors_are_status_2_and_say_why(cli, run_file, tmp_path, arguments, message):
    (tmp_path / "run.h5").write_bytes(run_file.read_bytes())
    result = cli("results", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_metric_without_rows_says_why_on_stderr(cli, run_file):
    result = cli("results", run_file, "faithfulness")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.strip()


def test_the_short_forms_are_the_formats(cli, run_file):
    for form in ("csv", "json"):
        short = cli("results", run_file, "accuracy", f"--{form}").stdout
        assert short == cli("results", run_file, "accuracy", "--format", form).stdout


def test_markdown_and_latex_have_a_line_for_each_row(cli, run_file):
    rows = json.loads(cli("results", run_file, "accuracy", "--json").stdout)
    markdown = cli("results", run_file, "accuracy", "--format", "markdown").stdout.splitlines()
    latex = cli("results", run_file, "accuracy", "--format", "latex").stdout
    assert len(markdown) == len(rows) + 2
    assert latex.count(r"\\") == len(rows) + 1


def test_models_of_several_files_stand_side_by_side(cli, run_file, tmp_path):
    other = tmp_path / "other.h5"
    shapebias.run(
        shapebias.Study("stimuli:cue=conflict,images=56,size=32", {"other": "cnn:num_classes=8,width=2"}, ["clean"]),
        other,
    )
    both = json.loads(cli("results", run_file, other, "accuracy:top=1", "--json").stdout)
    alone = [json.loads(cli("results", file, "accuracy:top=1", "--json").stdout) for file in (run_file, other)]
    assert both == [*alone[0], *alone[1]]
    overview = cli("results", run_file, other).stdout
    assert overview.index("small") < overview.index("other")


def test_a_metric_without_a_file_is_refused(cli):
    result = cli("results", "accuracy")
    assert result.exit_code == 2
    assert "'accuracy' is not a results file; give one, such as run.h5" in result.stderr


def test_a_missing_file_is_not_taken_for_a_metric(cli, run_file):
    assert "missing.h5: there is no store" in cli("results", run_file, "missing.h5").stderr
