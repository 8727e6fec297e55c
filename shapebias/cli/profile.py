"""``shapebias profile``: the standard profile of a model."""

from __future__ import annotations

from typing import Any

import click

from shapebias.cli._completion import FILE, ComponentType
from shapebias.cli._failures import echo_failures
from shapebias.cli._frames import echo_frame, format_option
from shapebias.cli._options import COUNT, execution_options, executor_option, log_options, replace_option
from shapebias.cli._output import echo_table, examples, working_catalog
from shapebias.cli._progress import progress_bar

__all__ = ["command"]


@click.command(
    "profile",
    short_help="Compare a model with people and published models.",
    epilog=examples(
        "shapebias profile timm:resnet50",
        "shapebias profile timm:resnet50 --against timm:vit_base_patch16_224 --report page.html",
        "shapebias profile mine=checkpoint:at.safetensors --suite quick --limit 56",
        "shapebias profile timm:resnet50 --suite cue-conflict,paper:imagenet-r -o resnet50.h5",
    ),
)
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=ComponentType("model"))
@click.option(
    "--suite",
    "suites",
    metavar="NAME,...",
    type=ComponentType("suite"),
    multiple=True,
    default=["cue-conflict"],
    show_default="cue-conflict",
    help="A protocol, see 'shapebias list suite'; may be repeated.",
)
@click.option(
    "--against", metavar="MODEL", type=ComponentType("model"), help="Compare each MODEL with this one, image by image."
)
@click.option("--limit", type=COUNT, metavar="N", help="Use at most N images of each data set.  [default: all]")
@click.option(
    "-o",
    "--output",
    metavar="RUN.h5",
    type=FILE,
    default="profile.h5",
    show_default=True,
    help="The results file; an existing one is continued.",
)
@click.option("--report", "page", metavar="PAGE.html", type=FILE, help="Also write the page of the results.")
@executor_option
@replace_option
@execution_options
@log_options
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    models: tuple[str, ...],
    suites: tuple[str, ...],
    page: str | None,
    quiet: bool,  # noqa: FBT001 - click passes by keyword
    form: str | None,
    **options: Any,
) -> None:
    """Measure a model by a standard protocol, and compare it with people and published models.

    Each suite is a protocol: data sets, conditions, and the numbers to report.  Missing data are fetched and missing
    answers computed.  One table shows each measure of each MODEL with its 95 % interval, the value of people, two or
    three published models, and the rank among all published values.  Run the same command again to continue.  The exit
    status is 1 if something failed.
    """
    working_catalog()

    from shapebias.profiling import profile
    from shapebias.runtime.allocator import keep_freed_memory
    from shapebias.runtime.progress import Interrupted

    keep_freed_memory()
    try:
        with progress_bar(quiet=quiet) as progress:
            found = profile([*models], suites, progress=progress, **options)
    except Interrupted as interrupted:
        click.echo(str(interrupted), err=True)
        ctx.exit(130)  # 128 + SIGINT, as shells have it
    if form is not None or found.table.empty:
        echo_frame(found.table, form, found.notes)
    else:
        echo_table(*found.in_words(), labels=("model",), caption=found.notes)
    if page is not None:
        click.echo(f"The page is in {found.report(page)}.", err=form is not None)
    click.echo(f"Answers are in {options['output']}; see 'shapebias results {options['output']}'.", err=True)
    echo_failures(found.failures)
    for suite, why in found.failed_suites.items():
        click.echo(f"Failed: suite {suite}\n  {why}", err=True)
    ctx.exit(1 if found.failures or found.failed_suites else 0)
