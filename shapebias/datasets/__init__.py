"""The built-in datasets: only hook implementations here, one algorithm a file beside it."""

from __future__ import annotations
