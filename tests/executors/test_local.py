"""The default executor; that it keeps to the contract is tested with all built-ins."""

from __future__ import annotations

from shapebias.engine.local_executor import LocalExecutor
from shapebias.plugins.catalog import default_catalog


def test_local_has_no_settings_and_starts_without_loading():
    component = default_catalog().component("executor", "local")
    assert component.canonical == "local"
    assert isinstance(component.settings.start(), LocalExecutor)
