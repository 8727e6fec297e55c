"""``shapebias results``: the numbers of a results file, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shapebias.cli._failures import echo_failures
from shapebias.cli._frames import echo_caption, echo_frame, format_option
from shapebias.cli._output import examples, working_catalog
from shapebias.paths import as_path

if TYPE_CHECKING:
    import pandas as pd

    from shapebias.reporting.combined import CombinedResults
    from shapebias.store import Results

__all__ = ["command", "echo_overview", "overview"]

_PLACE = ("dataset", "model", "condition", "eps")
_HITS = ("shape_hits", "texture_hits", "n_conflict")
_ACCURACY = {"value": "accuracy", "low": "accuracy_low", "high": "accuracy_high", "n": "n"}
_SHAPE_BIAS = {
    "value": "shape_bias",
    "low": "shape_bias_low",
    "high": "shape_bias_high",
    **dict(zip(_HITS, _HITS, strict=True)),
}


@click.command(
    "results",
    epilog=examples(
        "shapebias results run.h5",
        "shapebias results run.h5 accuracy:top=1",
        "shapebias results a.h5 b.h5 error-consistency",
        "shapebias results run.h5 shape-bias --format csv > shape-bias.csv",
    ),
)
@click.argument("words", metavar="RUN.h5... [METRIC]", nargs=-1, required=True)
@format_option
def command(words: tuple[str, ...], form: str | None) -> None:
    """Show the numbers of results files: a METRIC, or an overview.

    The overview has accuracy, shape bias where cues conflict, and what failed.  The text below
    a table says which images and classes the numbers are computed from, what was skipped, and what was assumed about
    the models' outputs.  Several files are shown in one table.
    """
    from shapebias.reporting.caption import caption
    from shapebias.reporting.combined import CombinedResults
    from shapebias.store.results import open_store

    files, metric = (words, None) if _is_file(words[-1]) else (words[:-1], words[-1])
    if not files:
        raise click.UsageError(f"{words[-1]!r} is not a results file; name one, such as run.h5")
    working_catalog()
    with ExitStack() as opened:
        several = [opened.enter_context(open_store(file)) for file in files]
        results = several[0] if len(several) == 1 else CombinedResults(several)
        if form is None and metric is None:
            echo_overview(results)
            echo_failures(results.failures)
            return
        table = results.metric(metric) if metric else overview(results)
        lines = caption(results) if len(table) else []
    echo_frame(table, form)
    echo_caption(lines, form)


def _is_file(word: str) -> bool:
    """Tell a file, also one that is missing, from a metric."""
    return Path(word).suffix == ".h5" or as_path(word).is_file()


def overview(results: Results | CombinedResults) -> pd.DataFrame:
    """Collect one row for each prediction and eps: accuracy, and shape bias over all images with a conflict."""
    import pandas as pd

    sources = [[getattr(answers, name) for name in _PLACE] for answers in results.answers()]
    table = pd.DataFrame(sources, columns=[*_PLACE]).astype({"eps": float})
    bias = results.metric("shape-bias")
    for metric, names in (
        (results.metric("accuracy:top=1"), _ACCURACY),
        (bias[bias["averaging"] == "micro"], _SHAPE_BIAS),
    ):
        table = table.merge(metric[[*_PLACE, *names]].rename(columns=names), how="left", on=[*_PLACE])
    return table.astype({"n": "Int64", **dict.fromkeys(_HITS, "Int64")})  # whole numbers, of which some are missing


def echo_overview(results: Results | CombinedResults) -> None:
    """Write the overview in few columns, each number with its interval and counts; then the cells that it lacks.

    The caption below says what the numbers are computed from.
    """
    import pandas as pd

    from shapebias.reporting.caption import caption
    from shapebias.reporting.export import records

    rows = [
        {name: row[name] for name in _PLACE}
        | {"accuracy": _with_interval(row, "accuracy"), "n": row["n"], "shape bias": _with_interval(row, "shape_bias")}
        | {name.replace("_", " "): row[name] for name in _HITS}
        for row in records(overview(results))
    ]
    echo_frame(pd.DataFrame(rows))
    for note in _notes(results):
        click.echo(note, err=True)
    cells = results.cells()
    others = cells[cells["saliency"].notna() | cells["probe"].notna() | (cells["status"] != "done")]
    if rows and len(others):
        click.echo()
    echo_frame(others)
    echo_caption(caption(results))


def _notes(results: Results | CombinedResults) -> list[str]:
    """Say of which published sets only a part was there."""
    stores = [each.store for each in getattr(results, "files", [results])]
    datasets = {dataset.name: dataset.note for store in stores for dataset in store.datasets() if dataset.note}
    return [f"Note: {name} has {note} of the published set." for name, note in datasets.items()]


def _with_interval(row: Mapping[str, Any], name: str) -> str | None:
    if row[name] is None:
        return None
    return f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"
