"""The provenance of the numbers: the study, its seed, versions, device, and every component."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from shapebias.errors import ShapebiasError
from shapebias.spelling.former import former_spellings
from shapebias.spelling.grammar import natural_sort_key
from shapebias.study import Study

if TYPE_CHECKING:
    from shapebias.store import Results, StoredCell

__all__ = ["Provenance", "provenance"]


@attrs.frozen
class Provenance:
    """A description of one results file.

    Args:
        name: the file's name.
        study: the study as TOML, empty if the answers come from no study.
        repeats: a sentence on which of the file's cells that study repeats.
        facts: seed, device, versions, and so on, each a name and a text.
        components: role, name, canonical text, provider and files of everything that was run.
    """

    name: str
    study: str
    repeats: str
    facts: list[tuple[str, str]]
    components: list[dict[str, Any]]


def provenance(results: Results) -> Provenance:
    """Describe a results file."""
    header = results.store.header
    cells = results.cells()
    seconds = float(cells["seconds"].sum())
    facts = [
        ("seed", str(header.seed)),
        ("device", header.device or "unknown"),
        ("versions", ", ".join(f"{name} {version}" for name, version in header.versions.items())),
        ("cells", f"{len(cells)}, of which {int((cells['status'] != 'done').sum())} failed"),
        ("computing time", f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"),
    ]
    for dataset in results.store.datasets():
        if {"height", "width"} <= dataset.attributes.keys():
            size = " of {} x {} pixels".format(*dataset.size)
        else:
            size = ", in each model's own crop" if "thumbnails" in dataset.names else ", whose pixels are not known"
        note = f"; only {dataset.note} of the published set are there" if dataset.note else ""
        facts.append(("data set", f"{dataset.name}: {len(dataset.ids)} images{size}{note}"))
    facts += sorted(_mappings(results))
    return Provenance(results.store.path.name, _readable(header.study), _repeats(results), facts, _components(results))


def _readable(study: str) -> str:
    """Return a stored study as it is, or in the current spelling if it was stored with earlier names."""
    try:
        Study.from_toml(study)
    except ShapebiasError:
        try:
            return _stored_study(study).to_toml()
        except ShapebiasError:  # a live network, or a plugin that is not here
            return study
    return study


def _stored_study(study: str) -> Study:
    with former_spellings():
        return Study.from_toml(study)


def _repeats(results: Results) -> str:
    """Say whether the study in the file would compute all of its cells again, or only some."""
    if not results.store.header.study:
        return "These answers were imported: no study here computes them."
    try:
        study = _stored_study(results.store.header.study)
    except ShapebiasError:  # a live network, or a plugin that is not here
        return (
            "The study that wrote this file last. It names something that cannot be read here, such as a live network "
            "or a plugin that is not installed, so it is not known whether it repeats all cells."
        )
    computed = {cell.texts for cell in study.cells()}
    cells = results.store.cells()
    again = [cell.record.texts in computed and len(cell.rows) <= _most(study, cell) for cell in cells]
    if all(again):
        return "Write it to study.toml, and 'shapebias run study.toml -o run.h5' repeats it."
    return (
        f"The study that wrote this file last: 'shapebias run study.toml -o run.h5' repeats {sum(again)} of the "
        f"{len(cells)} cells. The others come from other studies, or from answers that were imported."
    )


def _most(study: Study, cell: StoredCell) -> float:
    """Return the most images for which the study computes a cell."""
    explained = cell.record.saliency is not None or cell.record.probe is not None
    return min(limit for limit in (study.limit, study.saliency_limit if explained else None, math.inf) if limit)


def _mappings(results: Results) -> set[tuple[str, str]]:
    """Name the mappings from the outputs of models to the classes of data sets, if the two differ."""
    names = ((cell.record.model.title, cell.attributes.get("mapping_name")) for cell in results.store.cells())
    return {("class mapping", f"{model}: {name}") for model, name in names if name}


def _components(results: Results) -> list[dict[str, Any]]:
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in results.store.cells():
        for role, component in cell.record.components().items():
            if component is not None:
                known.setdefault(
                    (role, component.key),
                    {
                        "role": role,
                        "name": component.title or component.canonical,
                        "canonical": component.canonical,
                        "provider": component.provider,
                        "files": sorted(component.files.items()),
                    },
                )
    return sorted(known.values(), key=lambda part: (part["role"], natural_sort_key(part["canonical"])))
