"""Published data by name: what every plugin's data sets can fetch, and fetching it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shapebias.errors import UnknownNameError, suggestion
from shapebias.fetching import Source, fetch_source
from shapebias.fetching.sources import built_in_sources
from shapebias.plugins.catalog import default_catalog

__all__ = ["fetch", "sources", "sources_named"]


def sources() -> Mapping[str, Source]:
    """Return the sources of all data sets by name; where two plugins have the same name, the built-in one counts."""
    entries = [entry for entry in default_catalog() if entry.spec.kind == "dataset"]
    entries.sort(key=lambda entry: entry.plugin.distribution != "shapebias")
    found: dict[str, Source] = {source.name: source for source in built_in_sources().values()}
    for entry in entries:
        for source in entry.spec.sources:
            found.setdefault(source.name, source)
    return dict(sorted(found.items()))


def sources_named(name: str) -> list[Source]:
    """Find the source of a name, or all of a family: ``model-vs-human`` has 17.

    Raises:
        UnknownNameError: there is none.
    """
    known = sources()
    found = [source for each, source in known.items() if name in (each, each.partition(":")[0])]
    if not found:
        raise UnknownNameError(
            f"nothing to fetch is called {name!r}{suggestion(name, known)}; see 'shapebias fetch --list'"
        )
    return found


def fetch(name: str, to: str | Path | None = None) -> Path:
    """Fetch published data by its name, unless it is here already, and check it.

    Args:
        name: a name of ``shapebias fetch --list``, such as ``"edges"`` or ``"model-vs-human:sketch"``; the part before
            the colon fetches all of the family.
        to: the data folder; None takes ``$SHAPEBIAS_DATA``, or a folder in the user's cache.

    Returns:
        The folder of the data.

    Raises:
        UnknownNameError: nothing is called so.
        DataError: it cannot be fetched, or differs from the published data; the message says what to do offline.
    """
    found = sources_named(name)
    folders = [fetch_source(source, to).folder for source in found]
    return folders[0] if len(folders) == 1 else folders[0].parent
