"""A small model keeps to the contract of shapebias."""

from __future__ import annotations

from shapebias.testing import conformance

test_conformance = conformance("shapebias-open-clip", ["model open-clip:shapebias-vit,pretrained=none"])
