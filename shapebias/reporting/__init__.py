"""Pictures of results: figures for a paper, and one page for a browser; see ``docs/report.md``."""

from __future__ import annotations

from shapebias.reporting.drawing import figure
from shapebias.reporting.page import report

__all__ = ["figure", "report"]
