"""``shapebias results``: the numbers of a results file, with their intervals."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shapebias.cli._completion import complete_metric
from shapebias.cli._failures import echo_failures
from shapebias.cli._frames import echo_frame, estimates, format_option
from shapebias.cli._output import examples, working_catalog
from shapebias.errors import SpellingError, suggestion
from shapebias.paths import as_path

if TYPE_CHECKING:
    import pandas as pd

    from shapebias.reporting.combined import CombinedResults
    from shapebias.store import Results

__all__ = ["command", "echo_overview", "overview"]

_OVER_ALL = ("micro", "all")  # the averages over all images, which are shown by default
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
        "shapebias results run.h5 shape-bias --by class",
        "shapebias results a.h5 b.h5 error-consistency",
        "shapebias results run.h5 shape-bias --format csv > shape-bias.csv",
    ),
)
@click.argument("words", metavar="RUN.h5... [METRIC]", nargs=-1, required=True, shell_complete=complete_metric)
@click.option(
    "--by",
    metavar="WORD",
    help="Only the rows averaged in this way, such as class or macro of shape-bias.  [default: over all images; "
    "csv and json have every row]",
)
@format_option
def command(words: tuple[str, ...], by: str | None, form: str | None) -> None:
    """Show the numbers of results files: a METRIC, or an overview.

    The overview has accuracy, shape bias if cues conflict, and failures.  The text below a table says which images and
    classes the numbers are based on, what was skipped, and what was assumed about the models' outputs.  Several files
    are shown in one table.
    """
    from shapebias.reporting.caption import caption
    from shapebias.reporting.combined import CombinedResults
    from shapebias.store.results import open_store

    files, metric = (words, None) if _is_file(words[-1]) else (words[:-1], words[-1])
    if not files:
        raise click.UsageError(f"{words[-1]!r} is not a results file; give one, such as run.h5")
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
    table, rest = _only_by(table, by, form)
    echo_frame(table, form, [*rest, *lines])


def _only_by(table: pd.DataFrame, by: str | None, form: str | None) -> tuple[pd.DataFrame, list[str]]:
    """Keep the rows that are averaged in one way, and list the others.

    Raises:
        SpellingError: no rows are averaged in this way.
    """
    known = list(dict.fromkeys(table["averaging"])) if "averaging" in table else []
    if by is None and form not in ("csv", "json"):
        by = next((word for word in _OVER_ALL if word in known), None)
    if by is None:
        return table, []
    if by not in known:
        there = f"there are {', '.join(known)}" if known else "this table has only one kind of row; leave --by out"
        raise SpellingError(f"no rows are averaged by {by!r}{suggestion(by, known)}; {there}")
    others = [f"--by {word}" for word in known if word != by]
    kept = table[table["averaging"] == by]
    kept.attrs = table.attrs
    return kept, [f"Further rows: {', '.join(others)}"] if others else []


def _is_file(word: str) -> bool:
    """Return whether a word is a file, which may be missing, and not a metric."""
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
    """Write the overview in few columns, each number with its interval and counts; then maps, probes and failures.

    The caption below says what the numbers are computed from.
    """
    from shapebias.reporting.caption import caption, partial_sets

    table = overview(results)
    columns: dict[str, Any] = {
        **{name: table[name] for name in _PLACE},
        "accuracy": _with_interval(table, "accuracy"),
        "n": table["n"],
        "shape bias": _with_interval(table, "shape_bias"),
        **{name: table[name] for name in _HITS},
    }
    echo_frame(table.assign(**columns)[[*columns]])
    for note in partial_sets(results):
        click.echo(f"Note: {note}.", err=True)
    others = _others(results.cells())
    if len(table) and len(others):
        click.echo()
    echo_frame(others, caption=caption(results))


def _others(cells: pd.DataFrame) -> pd.DataFrame:
    """Count the cells of each saliency method and probe, and the predictions that are not done, with their images."""
    kept = cells[cells["saliency"].notna() | cells["probe"].notna() | (cells["status"] != "done")]
    grouped = kept.groupby(["saliency", "probe", "status"], dropna=False, sort=False)
    return grouped.agg(cells=("images", "size"), images=("images", "sum"), seconds=("seconds", "sum")).reset_index()


def _with_interval(table: pd.DataFrame, name: str) -> list[str | None]:
    columns = (table.astype(object).where(table.notna(), None)[f"{name}{end}"] for end in ("", "_low", "_high"))
    return estimates(*(list(column) for column in columns))
