"""Values that the shell completes: names of components, then their parameters."""

from __future__ import annotations

from collections.abc import Iterator

import click
from click.shell_completion import CompletionItem

from shapebias.errors import ShapebiasError
from shapebias.plugins.catalog import Catalog, default_catalog
from shapebias.plugins.specs import KINDS, Kind
from shapebias.spelling.params import describe

__all__ = ["FILE", "FOLDER", "ComponentType", "complete_figure", "complete_metric", "complete_name"]


class _PathType(click.types.StringParamType):
    """A path, which the shell completes; it is read later, where a mistake is an error that says the way out."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Let the shell complete it."""
        return [CompletionItem(incomplete, type=self.kind)]


FILE, FOLDER = _PathType("file"), _PathType("dir")


class ComponentType(click.types.StringParamType):
    """The text of a component, such as ``saturate:p=8``.

    Args:
        kinds: the accepted kinds.
        chain: whether several steps may be joined by ``+``.
    """

    def __init__(self, *kinds: Kind, chain: bool = False) -> None:
        self.kinds, self.chain = kinds, chain

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete a name or, after a name, a parameter of that component."""
        before, plus, last = incomplete.rpartition("+") if self.chain else ("", "", incomplete)
        catalog = default_catalog()
        return [
            CompletionItem(f"{before}{plus}{text}", help=said) for text, said in _completed(catalog, self.kinds, last)
        ]


def complete_metric(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete results files first, and then the name of a metric."""
    words = ctx.params.get(str(param.name)) or ()
    files = [CompletionItem(incomplete, type="file")]
    return [*files, *ComponentType("metric").shell_complete(ctx, param, incomplete)] if words else files


def complete_figure(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete results files first, and then the name of a figure."""
    from shapebias.reporting.figures import FIGURES

    files = [CompletionItem(incomplete, type="file")]
    known = FIGURES.items() if ctx.params.get("name") else ()  # click takes the last word for the name
    return files + [CompletionItem(name, help=each.summary) for name, each in known if name.startswith(incomplete)]


def complete_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a kind, or the name of anything."""
    kinds: tuple[Kind, ...] = tuple(each for each in KINDS if each in (ctx.params.get(str(param.name)) or ()))
    words = [] if kinds else [CompletionItem(kind) for kind in KINDS if kind.startswith(incomplete)]
    catalog = default_catalog()
    named = [entry.spec for entry in catalog if not kinds or entry.spec.kind in kinds]
    return words + [CompletionItem(spec.name, help=spec.summary) for spec in named if spec.name.startswith(incomplete)]


def _completed(catalog: Catalog, kinds: tuple[Kind, ...], text: str) -> Iterator[tuple[str, str]]:
    """Yield texts that begin with this one, each with its meaning."""
    name, colon, arguments = text.partition(":")
    if not colon:
        specs = [entry.spec for entry in catalog if entry.spec.kind in kinds]
        yield from sorted((spec.name, spec.summary) for spec in specs if spec.name.startswith(name))
        return
    try:
        parameters = describe(catalog.find(kinds, name).spec.load())
    except ShapebiasError:
        return
    earlier, comma, last = arguments.rpartition(",")
    given = {argument.partition("=")[0] for argument in earlier.split(",")}
    key, equals, value = last.partition("=")
    for parameter in parameters:
        if equals and parameter.name == key:
            words = parameter.type.removeprefix("one of ").split(" ")[0].split("|") if "|" in parameter.type else []
            yield from ((f"{name}:{earlier}{comma}{key}={word}", "") for word in words if word.startswith(value))
        elif not equals and parameter.name.startswith(key) and parameter.name not in given:
            yield f"{name}:{earlier}{comma}{parameter.name}=", parameter.help
