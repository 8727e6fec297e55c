"""The built-in saliency: only hook implementations here, one algorithm a file beside it."""

from __future__ import annotations
