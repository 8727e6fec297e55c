"""Check whether a plugin meets its contract: the conformance kit, which every built-in plugin passes."""

from __future__ import annotations

from shapebias.testing.executors import plan_study
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
    "plan_study",
    "untried",
]
