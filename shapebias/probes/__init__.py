"""The built-in probes: only hook implementations here, one algorithm a file beside it."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.hookspecs import hookimpl
from shapebias.specs import ProbeSpec

__all__ = ["shapebias_probes"]


@hookimpl
def shapebias_probes() -> Iterator[ProbeSpec]:
    """Yield the probes; docs/metrics.md defines each."""
    reference = "Petsiuk, Das & Saenko 2018, RISE, section 4"
    yield ProbeSpec(
        "insertion",
        "shapebias.probes.insertion:Insertion",
        summary="probability of the target while a map's most important pixels appear",
        references=reference,
        needs_maps=True,
    )
    yield ProbeSpec(
        "deletion",
        "shapebias.probes.deletion:Deletion",
        summary="probability of the target while a map's most important pixels vanish",
        references=reference,
        needs_maps=True,
    )
