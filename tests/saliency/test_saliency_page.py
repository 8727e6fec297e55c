"""The page that defines the saliency methods: it has all of them, and its examples run."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from shapebias.saliency import shapebias_saliency

PAGE = Path(__file__).parents[2] / "docs" / "saliency.md"
SPECS = list(shapebias_saliency())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_each_method_has_a_section_with_formula_and_reference(spec):
    titles_and_texts = re.split(r"^## (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    sections = dict(zip(titles_and_texts[::2], titles_and_texts[1::2], strict=True))
    assert spec.name in sections
    section = sections[spec.name]
    assert re.search(r"^```text\n.+?^```", section, re.MULTILINE | re.DOTALL), "no formula"
    assert spec.references
    for reference in spec.references:
        assert re.match(r".+? \d{4}", reference)[0] in section
    named = set(re.findall(r"`(\w+)=", section))
    assert named <= {field.name for field in spec.load().__attrs_attrs__}


def test_the_examples_run():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried > 0
    assert failed == 0
