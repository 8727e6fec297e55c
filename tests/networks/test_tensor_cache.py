"""Tensors are computed once for what they are made from."""

from __future__ import annotations

import pytest
import torch

from shapebias.networks.tensor_cache import VARIABLE, cached_tensors


@pytest.fixture
def calls(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return []


def compute(calls):
    calls.append(1)
    return {"a": torch.arange(6.0).view(2, 3).T}


def test_what_was_computed_is_read(calls):
    for _ in range(2):
        found = cached_tensors(["text", {"b": 1}], lambda: compute(calls))
        assert torch.equal(found["a"], torch.arange(6.0).view(2, 3).T)
    assert len(calls) == 1
    cached_tensors(["text", {"b": 2}], lambda: compute(calls))
    assert len(calls) == 2


def test_a_damaged_file_is_computed_again(calls, tmp_path):
    cached_tensors("x", lambda: compute(calls))
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(b"damaged")
    cached_tensors("x", lambda: compute(calls))
    cached_tensors("x", lambda: compute(calls))
    assert len(calls) == 2


def test_a_folder_that_cannot_be_written_costs_only_time(calls, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))
    cached_tensors("x", lambda: compute(calls))
    assert torch.equal(cached_tensors("x", lambda: compute(calls))["a"], torch.arange(6.0).view(2, 3).T)
    assert len(calls) == 2
