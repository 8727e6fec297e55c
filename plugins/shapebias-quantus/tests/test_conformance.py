"""Every probe and the metric keep to the contract of shapebias."""

from __future__ import annotations

from shapebias.testing import conformance

EXAMPLES = [
    "quantus-faithfulness-correlation:runs=20",
    "quantus-max-sensitivity:samples=3",
    "quantus-avg-sensitivity:samples=3",
    "quantus-local-lipschitz:samples=3",
    "quantus-random-logit",
    "quantus-random-logit:similarity=spearman",
    "quantus-region-perturbation:order=lerf,patches=5",
]

test_conformance = conformance("shapebias-quantus", EXAMPLES)
