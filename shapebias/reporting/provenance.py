"""Where the numbers come from: the study, its seed, versions, device, and what every component was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from shapebias.store import Results

__all__ = ["Source", "source"]


@attrs.frozen
class Source:
    """One results file in words.

    Args:
        name: the file's name.
        study: the study as TOML.
        facts: seed, device, versions, and so on, each a name and a text.
        components: role, name, canonical text, provider and files of everything that was run.
    """

    name: str
    study: str
    facts: list[tuple[str, str]]
    components: list[dict[str, Any]]


def source(results: Results) -> Source:
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
        height, width = dataset.size
        note = f"; only {dataset.note} of the published set are there" if dataset.note else ""
        facts.append(("data set", f"{dataset.name}: {len(dataset.ids)} images of {height} x {width} pixels{note}"))
    facts += sorted(_mappings(results))
    return Source(results.store.path.name, header.study, facts, _components(results))


def _mappings(results: Results) -> set[tuple[str, str]]:
    """Name the mappings from the outputs of models to the classes of data sets, where the two differ."""
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
    return sorted(known.values(), key=lambda part: (part["role"], part["canonical"]))
