"""Import and export the tables of answers that model-vs-human and its successors publish."""

from __future__ import annotations

from shapebias.interop.decisions import import_decisions
from shapebias.interop.exporting import export_decisions

__all__ = ["export_decisions", "import_decisions"]
