"""Published values on the command line."""

from __future__ import annotations

from shapebias.published.references import references


def test_values_are_listed_largest_first_with_their_source(cli):
    table, caption = cli("references", "shape-bias", "--model", "robust_resnet50_linf*").stdout.split("\n\n")
    assert [line.split()[1] for line in table.splitlines()[1:6]] == ["0.7195", "0.6232", "0.5414", "0.4518", "0.368"]
    assert "source [1]" in caption
    assert "[1] Gavrikov & Keuper 2024" in caption


def test_a_measure_has_its_parts(cli):
    listed = cli("references", "human-consistency").stdout
    assert {"human-consistency:ood-accuracy", "human-consistency:error-consistency"} <= set(listed.split())


def test_list_references_are_all_of_them(cli):
    table = cli("list", "references").stdout.partition("\n\n")[0]
    assert len(table.splitlines()) == len(references()) + 1


def test_what_is_not_there_is_said_with_what_is(cli):
    result = cli("references", "shape-bais")
    assert (result.exit_code, "shape-bias" in result.stderr, "human-consistency" in result.stderr) == (2, True, True)
    assert "no published values of a model 'x'" in cli("references", "--model", "x").stderr
