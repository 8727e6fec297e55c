"""AutoAttack and its parts: their names and sources."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import AttackSpec, hookimpl

__all__ = ["shapebias_attacks"]

_CROCE_HEIN = "Croce & Hein 2020, Reliable evaluation of adversarial robustness"


@hookimpl
def shapebias_attacks() -> Iterator[AttackSpec]:
    """Yield the ensemble and its parts."""
    yield AttackSpec(
        "autoattack",
        "shapebias_autoattack.autoattack:AutoAttack",
        summary="APGD, targeted APGD, FAB and Square, one after the other: the standard evaluation",
        references=f"{_CROCE_HEIN}, section 5",
        norms=("linf", "l2"),
    )
    yield AttackSpec(
        "apgd",
        "shapebias_autoattack.apgd:Apgd",
        summary="projected gradient ascent with momentum and adaptive step sizes",
        references=f"{_CROCE_HEIN}, sections 3 and 4",
        norms=("linf", "l2"),
    )
    yield AttackSpec(
        "fab",
        "shapebias_autoattack.fab:Fab",
        summary="the nearest adversarial example, by steps to and along the decision boundary",
        references="Croce & Hein 2020, Minimally distorted adversarial examples with a fast adaptive boundary attack",
        norms=("linf", "l2"),
    )
    yield AttackSpec(
        "square",
        "shapebias_autoattack.square:Square",
        summary="random search with squares, without gradients",
        references="Andriushchenko et al. 2020, Square attack: a query-efficient black-box adversarial attack",
        norms=("linf", "l2"),
    )
