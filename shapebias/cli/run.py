"""``shapebias run``: a study from a file, from options, or from both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs
import click

from shapebias.cli._completion import FILE, ComponentType
from shapebias.cli._failures import echo_failures
from shapebias.cli._options import OPTIONS, PathType, execution_options, executor_option, log_options, replace_option
from shapebias.cli._output import examples, working_catalog
from shapebias.cli._progress import progress_bar
from shapebias.files import read_text
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.specs import Kind
from shapebias.spelling.grammar import split, split_label
from shapebias.study import Study, read_toml

if TYPE_CHECKING:
    from shapebias.store import Failure, Results

__all__ = ["command"]

_IN_WORDS: dict[Kind, str] = {
    "dataset": "a data set",
    "model": "a model",
    "transform": "a transform",
    "attack": "an attack",
    "saliency": "a saliency method",
    "probe": "a probe",
    "executor": "an executor",
}


def _several(short: str, name: str, dest: str, help: str) -> Callable[[Any], Any]:  # noqa: A002 - click's word
    chain = name == "condition"
    kinds = ("transform", "attack") if chain else (cast(Kind, name),)
    return click.option(
        short,
        f"--{name}",
        dest,
        metavar=name.upper(),
        type=ComponentType(*kinds, chain=chain),
        multiple=True,
        help=f"{help}; may be repeated.",
    )


@click.command(
    "run",
    epilog=examples(
        "shapebias run -d cue-conflict:PATH -m timm:resnet50 -t saturate:p=8 -o run.h5",
        "shapebias run -d stimuli -m cnn:num_classes=8 -a pgd:eps=1/255,2/255 -s smoothgrad --limit 64 -o run.h5",
        "shapebias run study.toml --device cuda --batch-size 128 -o run.h5",
        "shapebias run study.toml --shard 2/8 -o run-2.h5",
        "shapebias run -d stimuli -m cnn:num_classes=8 --towards 0 --limit 4 -o run.h5",
    ),
)
@click.argument(
    "study_file", metavar="[STUDY.toml]", required=False, type=PathType(exists=True, dir_okay=False, path_type=Path)
)
@_several("-d", "dataset", "datasets", "A data set")
@_several("-m", "model", "models", "A model")
@_several("-t", "transform", "transforms", "A condition with only this transform")
@_several("-a", "attack", "attacks", "A condition with only this attack")
@_several("-c", "condition", "chains", "A condition with steps joined by '+', such as grayscale+pgd:eps=4/255")
@_several("-s", "saliency", "saliency", "A saliency method")
@_several("-p", "probe", "probes", "A probe")
@click.option(
    "--towards",
    "towards",
    metavar="CLASS",
    multiple=True,
    help="A condition: change the images towards CLASS, a name or an index, and keep them; may be repeated.",
)
@click.option("--no-clean", is_flag=True, help="Leave out the condition 'clean'.")
@click.option("--seed", type=int, metavar="N", help="Seed of all random numbers.  [default: 0]")
@click.option("--limit", type=int, metavar="N", help="Use at most N images of each data set.  [default: all]")
@click.option(
    "--saliency-limit", type=int, metavar="N", help="Use at most N images for saliency and probes.  [default: all]"
)
@click.option(
    "--mapping", metavar="FILE", type=FILE, help="JSON: which model outputs belong to which class of the data set."
)
@click.option(
    "--aggregate",
    type=click.Choice(["mean", "sum", "max"]),
    help="How the probabilities of a class's outputs give its score.  [default: mean]",
)
@click.option("--logits", metavar="full|top-K", help="Scores to keep for each image.  [default: full]")
@click.option("--keep-images", is_flag=True, default=None, help="Keep the images that the model was given.")
@click.option(
    "-o", "--output", metavar="RUN.h5", type=FILE, required=True, help="The results file; an existing one is continued."
)
@click.option(
    "--shard", metavar="I/N", help="Compute share I of N into a separate file; join the files with 'shapebias merge'."
)
@executor_option
@replace_option
@execution_options
@log_options
@click.option("-q", "--quiet", is_flag=True, help="Show no progress, and no table at the end.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    study_file: Path | None,
    output: str,
    transforms: tuple[str, ...],
    attacks: tuple[str, ...],
    chains: tuple[str, ...],
    towards: tuple[str, ...],
    no_clean: bool,  # noqa: FBT001 - click passes by keyword
    quiet: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Run models on data sets under conditions; keep all answers.

    Each model classifies each data set under each condition.  A study file, options, or both define the study: options
    add to the lists of the file and override its single values.  The first condition is 'clean', the unchanged images,
    unless the file has its own list or --no-clean is given.  Models, weights, classes and data are checked before
    anything is stored.  Run the same command again to continue.  The exit status is 1 if a cell of this study failed,
    and 2 if the study is not valid.
    """
    if study_file is None and not (options["datasets"] and options["models"]):
        raise click.UsageError("give a data set with -d and a model with -m, or a study file", ctx)
    working_catalog()
    given: dict[Kind, Sequence[str]] = {"dataset": options["datasets"], "model": options["models"]}
    given |= {"transform": transforms, "attack": attacks, "saliency": options["saliency"], "probe": options["probes"]}
    _check_kinds(ctx, given)
    of_study = {field.name for field in attrs.fields(Study)}
    what = {name: value for name, value in options.items() if name in of_study}
    how = {name: value for name, value in options.items() if name not in of_study}
    study = _study(study_file, what, [*transforms, *attacks, *chains], no_clean=no_clean)
    if towards:
        study = _with_class_images(study, towards)

    from shapebias import engine
    from shapebias.runtime.allocator import keep_freed_memory
    from shapebias.runtime.progress import Interrupted

    keep_freed_memory()
    try:
        with progress_bar(quiet=quiet) as progress:
            results = engine.run(study, output, progress=progress, **how)
    except Interrupted as interrupted:
        click.echo(str(interrupted), err=True)
        ctx.exit(130)  # 128 + SIGINT, as shells have it
    with results:  # closed at once: a caller of this function may write the file next
        if not quiet:
            _echo_summary(results, output)
        failures = _of_study(study, results.failures)
    echo_failures(failures)
    ctx.exit(1 if failures else 0)


def _check_kinds(ctx: click.Context, given: Mapping[Kind, Sequence[str]]) -> None:
    """Raise an error if a name follows the option of another kind; chains and unknown names are checked later."""
    catalog = default_catalog()
    for kind, texts in given.items():
        for text in texts:
            name = split_label(text)[1].partition(":")[0].rpartition("/")[2].strip()
            others = [each for each in OPTIONS if name in catalog.names(each)]
            if others and kind not in others and len(split(text, "+")) == 1:
                other = others[0]
                raise click.UsageError(
                    f"{OPTIONS[kind]} {text}: {name} is {_IN_WORDS[other]}; write {OPTIONS[other]} {text}", ctx
                )


def _study(study_file: Path | None, options: Mapping[str, Any], conditions: Sequence[str], *, no_clean: bool) -> Study:
    """Combine the options with the study file: lists are extended, single values are replaced."""
    name = study_file.name if study_file else "the study"
    content = read_toml(read_text(study_file), name) if study_file else {}
    listed = content.get("conditions", ["clean"])
    together = [*listed, *(text for text in conditions if text not in listed)]
    content["conditions"] = [text for text in together if text != "clean" or not no_clean]
    for key, value in options.items():
        if isinstance(value, tuple):
            content[key] = [*content.get(key, ()), *value]
        elif value is not None:
            content[key] = value
    return Study.from_mapping(content, name)


def _with_class_images(study: Study, classes: Sequence[str]) -> Study:
    """Add the conditions that change images towards classes of the study's only data set, and keep the images."""
    from shapebias.rendering.class_images import towards

    return attrs.evolve(study, conditions=[*study.conditions, *towards(study.datasets, classes)], keep_images=True)


def _of_study(study: Study, failures: Iterable[Failure]) -> list[Failure]:
    """Keep the failures of this study: the file may have others, from an earlier study."""
    asked = {cell.texts for cell in study.cells()}
    return [failure for failure in failures if failure.record.texts in asked]


def _echo_summary(results: Results, output: str) -> None:
    from shapebias.cli.results import echo_overview

    echo_overview(results)
    click.echo(f"\nResults are in {output}; see 'shapebias results {output}'.")
