"""How much each test tries: a few cases in ``make test``, many in ``make soak``."""

from __future__ import annotations

import os

__all__ = ["SOAK", "amount"]

SOAK = os.environ.get("SHAPEBIAS_SOAK") == "1"


def amount(quick: int, soak: int) -> int:
    return soak if SOAK else quick
