"""One rule of the contract: what is asked, why, and the check that finds out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

__all__ = ["BrokenRuleError", "NotApplicable", "Rule", "Rules", "require"]

SubjectT = TypeVar("SubjectT")


class BrokenRuleError(AssertionError):
    """A plugin breaks a rule; the message says what was seen."""


class NotApplicable(Exception):  # noqa: N818 - nothing is wrong
    """A rule asks nothing of this plugin; the message says why."""


def require(holds: object, seen: str) -> None:
    """Raise unless something holds.

    Args:
        holds: what has to be true.
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
        name: what is asked, as the rest of a sentence about the plugin.
        why: what goes wrong for users where it is not kept.
        check: raises :class:`BrokenRuleError` or :class:`NotApplicable`.
    """

    name: str
    why: str
    check: Callable[[SubjectT], None]


class Rules(list[Rule[SubjectT]]):
    """The rules of one kind, in the order in which they are written down."""

    def __call__(self, name: str, why: str) -> Callable[[Callable[[SubjectT], None]], Callable[[SubjectT], None]]:
        """Decorate a check with the rule that it checks."""

        def add(check: Callable[[SubjectT], None]) -> Callable[[SubjectT], None]:
            self.append(Rule(name, why, check))
            return check

        return add
