"""Published data by name: the sources that the data sets of all plugins declare, and how to fetch them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shapebias.errors import UnknownNameError, suggestion
from shapebias.fetching import Source, fetch_source
from shapebias.fetching.sources import built_in_sources
from shapebias.plugins.catalog import default_catalog

__all__ = ["fetch", "sources", "sources_named"]


def sources() -> Mapping[str, Source]:
    """Return the sources of all data sets by name; of two with the same name, the built-in one."""
    entries = [entry for entry in default_catalog() if entry.spec.kind == "dataset"]
    entries.sort(key=lambda entry: entry.plugin.distribution != "shapebias")
    found: dict[str, Source] = {source.name: source for source in built_in_sources().values()}
    for entry in entries:
        for source in entry.spec.sources:
            found.setdefault(source.name, source)
    return dict(sorted(found.items()))


def sources_named(name: str) -> list[Source]:
    """Find the source of a name, or all sources of a family, such as the 17 of ``model-vs-human``.

    Raises:
        UnknownNameError: no source has this name.
    """
    known = sources()
    found = [source for each, source in known.items() if name in (each, each.partition(":")[0])]
    if not found:
        raise UnknownNameError(
            f"nothing to fetch is called {name!r}{suggestion(name, known)}; see 'shapebias fetch --list'"
        )
    return found


def fetch(name: str, to: str | Path | None = None) -> Path:
    """Download published data by name, unless they are already here, and check them.

    Args:
        name: a name of ``shapebias fetch --list``, such as ``"edges"`` or ``"model-vs-human:sketch"``; the part before
            the colon fetches the whole family.
        to: the data folder; None takes ``$SHAPEBIAS_DATA``, or a folder in the user's cache.

    Returns:
        The folder of the data.

    Raises:
        UnknownNameError: no published data have this name.
        DataError: they cannot be fetched, or differ from what was published; the message says what to do without a
            network.

    >>> fetch("edgs")
    Traceback (most recent call last):
    ...
    shapebias.errors.UnknownNameError: nothing to fetch is called 'edgs'; did you mean 'edges'?...
    """
    found = sources_named(name)
    folders = [fetch_source(source, to).folder for source in found]
    return folders[0] if len(folders) == 1 else folders[0].parent
