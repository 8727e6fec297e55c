from __future__ import annotations

import pytest

from shapebias.reporting.figures import FIGURES


def test_the_list_names_each_figure_and_its_settings(cli):
    lines = cli("figure", "--list").stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(FIGURES)
    assert "method" in next(line for line in lines if line.startswith("saliency"))


def test_a_figure_is_written_where_it_is_said(cli, run_file, tmp_path):
    result = cli("figure", run_file, "shape-bias:condition=saturate:p=8", "-o", "bias.pdf")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "bias.pdf").read_bytes().startswith(b"%PDF")
    assert "bias.pdf" in result.stdout


@pytest.mark.parametrize(
    ("name", "output", "message"),
    [
        ("shape-bais", "a.pdf", "did you mean 'shape-bias'?"),
        ("shape-bias:class=cat", "a.pdf", "class: unknown parameter"),
        ("shape-bias:condition=clear", "a.pdf", "did you mean 'clean'?"),
        ("shape-bias", "a.gif", ".pdf, .png, .svg"),
        ("shape-bias", "nowhere/a.pdf", "cannot be written"),
        ("error-consistency", "a.pdf", "no two models"),
        ("curves:of=saturate", "a.pdf", "there are: pgd"),
    ],
)
def test_errors_are_status_2_and_say_why(cli, run_file, name, output, message):
    result = cli("figure", run_file, name, "-o", output)
    assert result.exit_code == 2
    assert message in result.stderr
