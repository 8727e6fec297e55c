"""The tables of the page: every metric that the results allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from shapebias.errors import ShapebiasError
from shapebias.plugins.catalog import Catalog, default_catalog
from shapebias.reporting.export import records, with_values

if TYPE_CHECKING:
    import pandas as pd

    from shapebias.reporting.combined import CombinedResults

__all__ = ["MetricTable", "metric_tables"]


@attrs.frozen(eq=False)
class MetricTable:
    """One table of the page.

    Args:
        name: the metric's text.
        summary: the metric's summary.
        columns: headings; empty columns are left out.
        rows: texts and unrounded numbers, None for missing values.
        note: what is missing, and why.
    """

    name: str
    summary: str
    columns: list[str]
    rows: list[list[Any]]
    note: str = ""


def metric_tables(results: CombinedResults) -> tuple[list[MetricTable], list[str]]:
    """Compute every metric that the catalog has and that these results allow.

    Returns:
        The tables, and a line for each metric that failed.
    """
    tables, failed = [], []
    catalog = default_catalog()
    for name in _in_order(catalog):
        try:
            table = results.metric(name)
        except ShapebiasError as error:
            failed.append(f"{name}: {error}")
        else:
            if len(table):
                tables.append(_shown(name, catalog.find("metric", name).spec.summary, table))
    return tables, failed


def _in_order(catalog: Catalog) -> list[str]:
    """List the metrics in the order of their plugins, the headline first."""
    names = dict.fromkeys(entry.spec.name for entry in catalog if entry.spec.kind == "metric")
    return sorted(names, key=lambda name: name != "headline")


def _shown(name: str, summary: str, table: pd.DataFrame) -> MetricTable:
    constant = {"metric"}  # the heading says it
    columns = [column for column in with_values(table) if column not in constant]
    rows = [[row[column] for column in columns] for row in records(table)]
    return MetricTable(name, summary, columns, rows, table.attrs.get("note", ""))
