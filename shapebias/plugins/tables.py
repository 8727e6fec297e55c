"""Compute the tables of metrics and suites; errors and malformed tables name the plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shapebias.errors import PluginError
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.containment import attributed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HEADLINE_COLUMNS", "METRIC_COLUMNS", "headline_table", "metric_table"]

METRIC_COLUMNS = ("dataset", "model", "condition", "metric", "value", "low", "high", "n", "method")
HEADLINE_COLUMNS = ("measure", "model", "value", "low", "high", "n")


def metric_table(metric: str | Callable[[Any], pd.DataFrame], results: Any, name: str = "") -> pd.DataFrame:
    """Compute a metric.

    Args:
        metric: its text, or its settings.
        results: the answers, as :class:`shapebias.plugins.study_results.StudyResults` describes them.
        name: what messages call it; its text, or its class, by default.

    Raises:
        ShapebiasError: the text cannot be read, or no plugin provides the metric.
        PluginError: the metric failed, or did not return a table with the columns that every metric has.
    """
    settings: Any = default_catalog().component("metric", metric).settings if isinstance(metric, str) else metric
    name = name or (metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__))
    return _table(f"metric {name}", settings, results, METRIC_COLUMNS)


def headline_table(name: str, suite: Any, results: Any) -> pd.DataFrame:
    """Compute the headline of a suite.

    Args:
        name: the suite's text, for messages.
        suite: its settings.
        results: the answers, as :class:`shapebias.plugins.study_results.StudyResults` describes them.

    Raises:
        PluginError: the suite failed, or did not return a table with the columns that every headline has.
    """
    return _table(f"suite {name}", suite.headline, results, HEADLINE_COLUMNS)


def _table(plugin: str, compute: Callable[[Any], pd.DataFrame], results: Any, columns: tuple[str, ...]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    with attributed(plugin), np.errstate():  # which restores what the plugin sets
        table = compute(results)
    if not isinstance(table, pd.DataFrame):
        raise PluginError(f"{plugin} returned a {type(table).__name__}, not a pandas DataFrame")
    if missing := [name for name in columns if name not in table.columns]:
        raise PluginError(f"{plugin} returned a table without the columns {', '.join(missing)}")
    return table
