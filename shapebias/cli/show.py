"""``shapebias show``: a component, its parameters first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import attrs
import click

from shapebias.cli._completion import complete_name
from shapebias.cli._described import Description, describe_spec
from shapebias.cli._options import OPTIONS
from shapebias.cli._output import KIND, echo_lines, echo_table, examples, working_catalog
from shapebias.plugins.catalog import Catalog, CatalogEntry
from shapebias.plugins.specs import KINDS, Kind, Spec
from shapebias.spelling.params import Parameter, spell

__all__ = ["command", "example"]


@click.command(
    "show",
    epilog=examples("shapebias show saturate", "shapebias show model torchvision"),
)
@click.argument("words", metavar="[KIND] NAME", nargs=-1, required=True, shell_complete=complete_name)
@click.pass_context
def command(ctx: click.Context, /, words: tuple[str, ...]) -> None:
    """Show what NAME does, its parameters and who provides it.

    The kinds are model, dataset, transform, attack, saliency, probe, metric, suite and executor; without a KIND, all
    components called NAME are shown.  A NAME with settings, such as robust:resnet50_l2_eps3, also shows what is known
    about the file that these name.
    """
    *kinds, text = words
    name = text.partition(":")[0]
    if len(kinds) > 1:
        raise click.UsageError("give one NAME, perhaps with its KIND before it", ctx)
    catalog = working_catalog()
    for position, entry in enumerate(_find(catalog, [cast(Kind, KIND(kind)) for kind in kinds], name)):
        click.echo("\n" * (position > 0), nl=False)
        _echo(entry, None if name == text else catalog.component(entry.spec.kind, text).settings)


def _find(catalog: Catalog, kinds: Sequence[Kind], name: str) -> list[CatalogEntry]:
    """Find the component of this kind, or of every kind that has one of this name."""
    found = [] if kinds else [entry for entry in catalog if entry.spec.name == name]
    return found or [catalog.find(kinds or KINDS, name)]


def _echo(entry: CatalogEntry, settings: Any) -> None:
    description = describe_spec(entry.spec)
    parameters = description.parameters
    echo_lines([f"{entry.spec.kind} {entry.spec.name}: {entry.spec.summary}"])
    click.echo()
    if parameters:
        columns = [
            field.name for field in attrs.fields(Parameter) if field.name == "name" or _used(parameters, field.name)
        ]
        echo_table(columns, [[getattr(row, column) for column in columns] for row in parameters])
    else:
        click.echo("no parameters")
    click.echo()
    facts = list(_facts(entry, description, settings))
    width = max(10, *(len(heading) for heading, _ in facts)) + 2
    for heading, text in facts:
        echo_lines([f"{heading + ':':<{width}}{text}"])


def _used(parameters: list[Parameter], column: str) -> bool:
    return any(getattr(row, column) for row in parameters)


def _facts(entry: CatalogEntry, description: Description, settings: Any) -> Iterator[tuple[str, str]]:
    """Yield what is known without running it: the facts of its kind, papers, provider, and an example.

    Settings may say more: ``published``, the file that they name, and ``published_names()``, all names that there are.
    """
    common = {field.name for field in attrs.fields(Spec)}
    published = getattr(settings, "published", None)
    if published is not None:
        yield "settings", spell(entry.spec.name, settings)
        yield from published.facts().items()
        common.add("licence")
    for field in attrs.fields(type(entry.spec)):
        value = getattr(entry.spec, field.name)
        if field.name not in common and value:
            yield field.name.replace("_", " "), _words(value)
    for reference in entry.spec.references:
        yield "reference", reference
    if settings is None:
        yield from ((group, ", ".join(names)) for group, names in description.published_names.items())
    yield "provider", f"{entry.plugin.provider} ({entry.plugin.source})"
    yield "example", example(entry.spec, description.parameters)


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "yes" if value is True else ", ".join(map(_name, value))


def _name(value: Any) -> str:
    return str(getattr(value, "name", value))


def example(spec: Spec, parameters: list[Parameter]) -> str:
    """Write the component as in a command, with its required parameters or else the first.

    >>> from shapebias.plugins.specs import TransformSpec
    >>> p = Parameter("p", "a number", default="8", unit="", bounds="", help="strength")
    >>> example(TransformSpec("saturate", "shapebias.transforms.saturate:Saturate"), [p])
    '-t saturate:p=8'
    """
    required = [row for row in parameters if row.default == "(required)"]
    first = [row for row in parameters[:1] if not row.default.startswith("(") and row.default != "none"]
    pieces = [f"{row.name}={row.name.upper()}" for row in required] or [f"{row.name}={row.default}" for row in first]
    text = f"{spec.name}:{','.join(pieces)}" if pieces else spec.name
    if spec.kind == "suite":
        return f"shapebias profile timm:resnet50 --suite {text}"
    return f"{OPTIONS[spec.kind]} {text}" if spec.kind in OPTIONS else f"shapebias results run.h5 {text}"
