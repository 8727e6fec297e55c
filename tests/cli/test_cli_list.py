from __future__ import annotations

import pytest

from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.specs import KINDS


def rows(text, *columns):
    """Read the first words off the lines below the heading."""
    heading, *lines = text.partition("\n\n")[0].splitlines()
    assert heading.split()[: len(columns) + 1] == [*columns, "summary"]
    return [tuple(line.split()[: len(columns)]) for line in lines]


def test_everything_is_listed_grouped_by_kind(cli):
    listed = rows(cli("list").stdout, "kind", "name")
    assert sorted(listed) == sorted((entry.spec.kind, entry.spec.name) for entry in default_catalog())
    assert list(dict.fromkeys(kind for kind, _ in listed)) == list(KINDS)


@pytest.mark.parametrize("kind", ["transform", "transforms"])
def test_one_kind_singular_or_plural(cli, kind):
    assert rows(cli("list", kind).stdout, "name") == [(name,) for name in default_catalog().names("transform")]


def test_saliency_is_its_own_plural(cli):
    assert rows(cli("list", "saliency").stdout, "name") == [(name,) for name in default_catalog().names("saliency")]


def test_an_unknown_kind_is_status_2_and_names_the_kinds(cli):
    result = cli("list", "datset")
    assert result.exit_code == 2
    assert all(kind in result.stderr for kind in KINDS)


def test_every_line_says_what_it_is_and_who_provides_it(cli):
    listed = {kind: cli("list", kind).stdout.splitlines() for kind in KINDS}
    for entry in default_catalog():
        lines = listed[entry.spec.kind]
        line = next(line for line in lines if line.split()[:1] == [entry.spec.name])
        assert entry.spec.summary
        assert f"  {entry.spec.summary}" in line
        assert line.endswith(entry.plugin.provider) or f"provider {entry.plugin.provider}" in lines[-1]


def test_published_weights_are_listed_with_their_licence(cli):
    lines = cli("list", "models").stdout.splitlines()
    assert "(licence: MIT)" in next(line for line in lines if line.startswith("robust "))
    assert "(licence: none stated for the weights)" in next(line for line in lines if line.startswith("sin "))
