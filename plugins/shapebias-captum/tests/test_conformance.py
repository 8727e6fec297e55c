"""Every method keeps to the contract of shapebias; what the literature says of some is stated."""

from __future__ import annotations

from shapebias.testing import conformance

EXAMPLES = [
    "captum-gradient-shap:samples=5",
    "captum-internal-influence:steps=4",
    "captum-kernel-shap:samples=40,cells=3",
    "captum-layer-conductance:steps=4",
    "captum-lime:samples=40,cells=3,alpha=1e-6",
    "captum-shapley-sampling:samples=2,cells=3",
    "captum-var-grad:samples=5",
]

test_conformance = conformance("shapebias-captum", EXAMPLES)
