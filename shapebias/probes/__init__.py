"""The built-in probes: only hook implementations here, one algorithm a file beside it."""

from __future__ import annotations
