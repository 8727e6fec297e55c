"""The contract of shapebias, in one line."""

from __future__ import annotations

from shapebias.testing import conformance

test_conformance = conformance("shapebias-posterize", ["posterize:levels=2"])
