"""``shapebias fetch``: published data by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shapebias.cli._output import echo_table, examples, working_catalog

if TYPE_CHECKING:
    from shapebias.fetching import Source
    from shapebias.fetching.inspecting import Presence

__all__ = ["command"]


@click.command(
    "fetch",
    short_help="Fetch published data by name, and check it.",
    epilog=examples(
        "shapebias fetch --list",
        "shapebias fetch cue-conflict edges silhouettes",
        "shapebias fetch model-vs-human:sketch --to /data/shapebias",
    ),
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--list", "show", is_flag=True, help="List what can be fetched, and which part of it is already on disk.")
@click.option(
    "--to",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The data folder.  [default: $SHAPEBIAS_DATA, or the user's cache]",
)
@click.pass_context
def command(ctx: click.Context, /, names: tuple[str, ...], show: bool, to: Path | None) -> None:  # noqa: FBT001 - click passes by keyword
    """Fetch published data by NAME, and check that it is what was published.

    The part of a name before its colon means the whole family: 'model-vs-human' has 17 sets.  Files that are already on
    disk are not fetched again.  A study uses such a data set by its name, as in 'shapebias run -d edges', and fetches
    it on first use if it is missing.
    """
    from shapebias.fetching import data_folder, fetch_source
    from shapebias.plugins import data_sources as data

    if not names and not show:
        raise click.UsageError("name what to fetch, or give --list", ctx)
    working_catalog()
    chosen = {source.name: source for name in names for source in data.sources_named(name)} or data.sources()
    folder = data_folder(to)
    if show:
        _echo_list(chosen.values(), folder)
        return
    for source in chosen.values():
        presence = fetch_source(source, to)
        click.echo(f"{source.name}: {presence.note or _all_of(presence)} in {presence.folder}")
    if to is not None:
        click.echo(f"Set SHAPEBIAS_DATA={folder} to use it by name.")


def _all_of(presence: Presence) -> str:
    return f"all {presence.found:,} {presence.unit}"


def _echo_list(sources: Iterable[Source], folder: Path) -> None:
    from shapebias.fetching.inspecting import how_checked, inspect

    listed = [*sources]
    origins = [f"{_without_scheme(each.page)}, {each.licence}, {how_checked(each, folder)}" for each in listed]
    numbered = {origin: f"[{number}]" for number, origin in enumerate(dict.fromkeys(origins), start=1)}
    echo_table(
        ["name", "what", "images", "size", "here", "source"],
        [
            (
                source.name,
                source.summary,
                f"{source.images:,}" if source.images else "",
                source.size,
                inspect(source, folder).words,
                numbered[origin],
            )
            for source, origin in zip(listed, origins, strict=True)
        ],
        caption=[f"{number} {origin}" for origin, number in numbered.items()],
    )
    click.echo(
        f"\nData folder: {folder} (--to DIR, or $SHAPEBIAS_DATA, chooses another).\n"
        "If a publisher gives no checksum, that of the first download is recorded and checked from then on."
    )


def _without_scheme(address: str) -> str:
    return address.removeprefix("https://").removeprefix("http://")
