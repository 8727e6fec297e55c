"""Find out whether a plugin keeps to its contract: the kit that every built-in passes, for the authors of others."""

from __future__ import annotations

from shapebias.testing.kit import Check, Outcome, checks, conformance, outcomes, untried
from shapebias.testing.rules import BrokenRuleError, NotApplicable, Rule

__all__ = [
    "BrokenRuleError",
    "Check",
    "NotApplicable",
    "Outcome",
    "Rule",
    "checks",
    "conformance",
    "outcomes",
    "untried",
]
