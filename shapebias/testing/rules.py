"""One rule of the contract: its name, its reason, and its check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

__all__ = ["BrokenRuleError", "NotApplicable", "Rule", "Rules", "require"]

SubjectT = TypeVar("SubjectT")


class BrokenRuleError(AssertionError):
    """A plugin breaks a rule; the message says what was seen."""


class NotApplicable(Exception):  # noqa: N818 - nothing is wrong
    """A rule does not apply to this plugin; the message says why."""


def require(holds: object, seen: str) -> None:
    """Raise if a condition is false.

    Args:
        holds: the condition that must be true.
        seen: what was seen instead.

    Raises:
        BrokenRuleError: it is not true.
    """
    if not holds:
        raise BrokenRuleError(seen)


@attrs.frozen
class Rule(Generic[SubjectT]):
    """A rule with its reason.

    Args:
        name: the requirement, as the predicate of a sentence about the plugin.
        why: the consequence for users if it is broken.
        check: raises :class:`BrokenRuleError` or :class:`NotApplicable`.
    """

    name: str
    why: str
    check: Callable[[SubjectT], None]


class Rules(list[Rule[SubjectT]]):
    """The rules of one kind, in the order of their definitions."""

    def __call__(self, name: str, why: str) -> Callable[[Callable[[SubjectT], None]], Callable[[SubjectT], None]]:
        """Decorate a check with the rule that it checks."""

        def add(check: Callable[[SubjectT], None]) -> Callable[[SubjectT], None]:
            self.append(Rule(name, why, check))
            return check

        return add
