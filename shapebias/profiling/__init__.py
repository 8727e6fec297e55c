"""Standard profiles of models: run suites, and compare the numbers with people and published models."""

from __future__ import annotations

from shapebias.profiling.profiles import Profile, profile

__all__ = ["Profile", "profile"]
