"""A web server on loopback, and a data folder of the test's own."""

from __future__ import annotations

import pytest
from servers import serving

from shapebias.fetching import inspecting


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as host:
        yield host


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    monkeypatch.setenv("SHAPEBIAS_DATA", str(folder))
    inspecting._check_content.cache_clear()
    return folder
