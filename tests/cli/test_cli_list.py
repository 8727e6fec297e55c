from __future__ import annotations

import pytest

from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.specs import KINDS


def rows(text):
    """Read (kind, name) off the lines below the heading."""
    heading, *lines = text.splitlines()
    assert heading.split() == ["kind", "name", "summary", "provider"]
    return [tuple(line.split()[:2]) for line in lines]


def test_everything_is_listed_grouped_by_kind(cli):
    listed = rows(cli("list").stdout)
    assert sorted(listed) == sorted((entry.spec.kind, entry.spec.name) for entry in default_catalog())
    assert list(dict.fromkeys(kind for kind, _ in listed)) == list(KINDS)


@pytest.mark.parametrize("kind", ["transform", "transforms"])
def test_one_kind_singular_or_plural(cli, kind):
    assert rows(cli("list", kind).stdout) == [("transform", name) for name in default_catalog().names("transform")]


def test_saliency_is_its_own_plural(cli):
    assert {kind for kind, _ in rows(cli("list", "saliency").stdout)} == {"saliency"}


def test_an_unknown_kind_is_status_2_and_names_the_kinds(cli):
    result = cli("list", "datset")
    assert result.exit_code == 2
    assert all(kind in result.stderr for kind in KINDS)


def test_every_line_says_what_it_is_and_who_provides_it(cli):
    for entry in default_catalog():
        line = next(
            line for line in cli("list", entry.spec.kind).stdout.splitlines() if line.split()[1:2] == [entry.spec.name]
        )
        assert entry.spec.summary
        assert f"  {entry.spec.summary}  " in line
        assert line.endswith(entry.plugin.provider)
