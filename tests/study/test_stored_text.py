"""Canonical texts of earlier versions, and of what is not known here."""

from __future__ import annotations

import pytest

from shapebias.plugins.specs import ModelSpec
from shapebias.study.stored_text import current_text


@pytest.mark.parametrize("text", ["person:subject-01", "elsewhere/network:seed=1", "not a text : at all,,"])
def test_the_text_of_an_unknown_model_stays_and_no_model_is_imported(monkeypatch, text):
    monkeypatch.setattr(ModelSpec, "load", lambda spec: pytest.fail(f"{spec.name} was imported"))
    current_text.cache_clear()
    assert current_text("model", text) == text
