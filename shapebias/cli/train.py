"""``shapebias train``: a network from a recipe in a file, in options, or in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from shapebias.cli._completion import FILE
from shapebias.cli._options import COUNT, PathType, device_option, log_options
from shapebias.cli._output import examples, working_catalog
from shapebias.cli._progress import progress_bar
from shapebias.files import read_text
from shapebias.spelling.params import describe, field_types
from shapebias.study.config import parse_toml
from shapebias.training.recipe import Recipe

if TYPE_CHECKING:
    from shapebias.training.loop import TrainingProgress
    from shapebias.training.state import Epoch, Trained

__all__ = ["command"]

_COMPONENTS = {
    ("-m", "--model"): "The network.",
    ("-d", "--dataset"): "The training images.",
    ("-a", "--attack"): "Replaces every training image by its attacked version.",
    ("--validation",): "A share of the training images, or a data set.  [default: 0.1]",
    ("--validation-attack",): "The attack for robust accuracy.  [default: the attack of training]",
}


def _of_recipe(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one option for each single value of a recipe, with the recipe's help, types and defaults."""
    for row in reversed(describe(Recipe)):
        name, kind = f"--{row.name.replace('_', '-')}", field_types(Recipe)[row.name]
        text = f"{row.help[0].upper()}{row.help[1:]}{f', in {row.unit}' * bool(row.unit)}.  [default: {row.default}]"
        if kind is bool:
            command = click.option(f"{name}/--no-{name[2:]}", default=None, help=text)(command)
        elif kind in (int, float):
            command = click.option(name, type=kind, metavar="N", help=text)(command)
        elif isinstance(row.name, str) and all(isinstance(word, str) for word in get_args(kind)):
            command = click.option(name, type=click.Choice(get_args(kind)), help=text)(command)
        else:
            command = click.option(name, metavar="FILE", type=FILE, help=text)(command)
    for names, text in reversed(_COMPONENTS.items()):
        command = click.option(*names, metavar=names[-1][2:].upper(), help=text)(command)
    return command


@click.command(
    "train",
    epilog=examples(
        "shapebias train at.toml",
        "shapebias train -m cnn:num_classes=8 -d stimuli:images=4096,size=32 --epochs 10 -o standard.safetensors",
        "shapebias train -m timm:resnet18,num_classes=10,pretrained=false,input_size=64 -d folder:photos/train,size=64 "
        "-a pgd:eps=4/255,steps=3 -o at.safetensors",
    ),
)
@click.argument(
    "recipe_file", metavar="[RECIPE.toml]", required=False, type=PathType(exists=True, dir_okay=False, path_type=Path)
)
@_of_recipe
@click.option(
    "-t",
    "--transform",
    "transforms",
    metavar="TRANSFORM",
    multiple=True,
    help="Changes every training image before the attack; may be repeated.",
)
@click.option(
    "-o", "--output", metavar="FILE", type=FILE, help="The checkpoint.  [default: the recipe's name, .safetensors]"
)
@click.option("--replace", is_flag=True, help="Discard a checkpoint of another recipe and train again.")
@device_option
@click.option("--devices", type=COUNT, metavar="N", help="Train on N GPUs of this machine, with one process each.")
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Threads that decode images.  [default: one per core]"
)
@log_options
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    recipe_file: Path | None,
    output: str | None,
    replace: bool,  # noqa: FBT001 - click passes by keyword
    device: str,
    devices: int | None,
    workers: int | None,
    quiet: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Train a network: standard, adversarial or accuracy-matched.

    Training is adversarial with --attack, and accuracy-matched with --match.  A recipe file, options, or both define
    it: options replace the file's values.  The checkpoint includes the architecture; a study uses it as
    checkpoint:FILE.  Run the same command again to continue an interrupted training.
    """
    if recipe_file is None and not (options["model"] and options["dataset"]):
        raise click.UsageError("give a model with -m and a data set with -d, or a recipe file", ctx)
    if output is None and recipe_file is None:
        raise click.UsageError("give the checkpoint's name with -o", ctx)
    working_catalog()
    recipe = _recipe(recipe_file, options)
    file = output or f"{recipe_file.stem}.safetensors" if recipe_file else output

    from shapebias.runtime.progress import Interrupted
    from shapebias.training.distributed import Processes, train_on_devices

    if devices is not None and devices > 1:
        status = train_on_devices(devices, _without_devices(ctx.meta["shapebias.words"]), device)
        if status not in (0, 130):
            click.echo("A process failed, so all were stopped; run the same command again to continue.", err=True)
        ctx.exit(status)
    from shapebias.runtime.allocator import keep_freed_memory
    from shapebias.training.loop import train

    keep_freed_memory()
    quiet = quiet or not Processes.speaks()
    try:
        with progress_bar(_describe, attrgetter("epoch"), quiet=quiet) as progress:
            trained = train(recipe, str(file), device=device, workers=workers, replace=replace, progress=progress)
    except Interrupted as interrupted:
        click.echo(str(interrupted), err=True)
        ctx.exit(130)  # 128 + SIGINT, as shells have it
    if not quiet:
        _echo(trained)


def _without_devices(arguments: Sequence[str]) -> list[str]:
    """Remove ``--devices``, so that each process gets only the other arguments.

    >>> _without_devices(["train", "at.toml", "--devices", "2", "-q", "--devices=2"])
    ['train', 'at.toml', '-q']
    """
    pairs = zip(["", *arguments], arguments, strict=False)
    return [each for before, each in pairs if before != "--devices" and each.partition("=")[0] != "--devices"]


def _recipe(recipe_file: Path | None, options: Mapping[str, Any]) -> Recipe:
    """Replace values of the recipe file by the options."""
    name = recipe_file.name if recipe_file else "the recipe"
    content = parse_toml(read_text(recipe_file), name) if recipe_file else {}
    content |= {key: value for key, value in options.items() if value not in (None, ())}
    if isinstance(content.get("validation"), str):
        content["validation"] = _number(content["validation"])
    return Recipe.from_mapping(content, name)


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _describe(state: TrainingProgress) -> str:
    said = f"epoch {state.epoch}, loss {state.loss:.3f}"
    return f"{said}, validation {_accuracies(state.validation)}" if state.validation else said


def _accuracies(epoch: Epoch) -> str:
    return f"{epoch.clean:.3f}" if epoch.robust is None else f"{epoch.clean:.3f} clean, {epoch.robust:.3f} under attack"


def _echo(trained: Trained) -> None:
    count = len(trained.history)
    if trained.resumed == count:
        click.echo(f"{trained.file} was already trained with this recipe.")
    click.echo(
        f"{trained.file}: epoch {trained.kept} of {count}, validation accuracy {_accuracies(trained.validation)}"
    )
