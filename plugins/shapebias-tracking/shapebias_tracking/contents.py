"""The content that is logged for a study, its results and a training, for any tracker."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

import shapebias as sb
from shapebias.plugin import default_catalog

if TYPE_CHECKING:
    import pandas as pd

    from shapebias_tracking.tracker import Tracker

__all__ = [
    "epoch_numbers",
    "log_results",
    "metric_tables",
    "recipe_parameters",
    "scalars",
    "study_file",
    "study_parameters",
]

FIGURES = ("headline", "shape-bias", "accuracy", "curves", "error-consistency", "saliency")
_LISTS = ("datasets", "models", "conditions", "saliency", "probes")


def study_parameters(study: sb.Study, output: Path) -> dict[str, str]:
    """Describe a study by names and texts; the study's file has all details."""
    lists = {name: "; ".join(each.title for each in getattr(study, name)) for name in _LISTS}
    single = {"seed": study.seed, "limit": study.limit, "output": output.resolve()}
    return {name: str(value) for name, value in {**lists, **single}.items() if value not in (None, "")}


def recipe_parameters(recipe: sb.Recipe) -> dict[str, str]:
    """Describe a recipe by its fields, without those that are not set."""
    parameters = {}
    for name in (field.name for field in attrs.fields(type(recipe))):
        value = getattr(recipe, name)
        if value not in (None, ()):
            parts = value if isinstance(value, tuple) else (value,)
            parameters[name] = "; ".join(_text(part) for part in parts)
    return parameters


def _text(value: Any) -> str:
    return str(value.title) if hasattr(value, "canonical") else str(value)


def epoch_numbers(progress: Any) -> dict[str, float]:
    """Return the loss and the accuracies of an epoch."""
    epoch = progress.validation
    numbers = {"train/loss": epoch.loss, "validation/accuracy": epoch.clean, "validation/robust_accuracy": epoch.robust}
    return {name: value for name, value in numbers.items() if value is not None}


@contextlib.contextmanager
def study_file(study: sb.Study) -> Iterator[Path]:
    """Write the study as a file that ``shapebias run`` can read, while the context lasts."""
    with tempfile.TemporaryDirectory(prefix="shapebias-") as folder:
        path = Path(folder, "study.toml")
        path.write_text(study.to_toml(), encoding="utf-8")
        yield path


def log_results(tracker: Tracker, results: sb.Results, step: int) -> None:
    """Log every metric's table, accuracy and shape bias as numbers, the figures, and the report page.

    Args:
        tracker: the open run.
        results: the results.
        step: the step of the numbers.
    """
    for name, table in metric_tables(results).items():
        tracker.log_table(name, table)
    numbers = scalars(results)
    if numbers:
        tracker.log_numbers(numbers, step)
    if not results.answers():  # every cell failed, so there is nothing to draw
        return
    with tempfile.TemporaryDirectory(prefix="shapebias-") as folder:
        for name in FIGURES:
            path = Path(folder, f"{name}.png")
            with contextlib.suppress(sb.ShapebiasError):  # these results have nothing to show in this figure
                sb.figure(results, name, path)
                tracker.log_figure(name, path)
        tracker.log_file(sb.report(results, Path(folder, "report.html")))


def metric_tables(results: sb.Results) -> dict[str, pd.DataFrame]:
    """Compute every metric that the installed plugins have and that these results allow, by its name."""
    tables = {}
    for name in default_catalog().names("metric"):
        try:
            table = results.metric(name)
        except Exception:  # noqa: BLE001, S112 - a metric of another plugin that fails must not cost the others
            continue
        if len(table):
            tables[name] = table
    return tables


def scalars(results: sb.Results) -> dict[str, float]:
    """Choose the numbers that trackers plot: accuracy, and shape bias over all images, by model and condition.

    A name is ``accuracy/MODEL/CONDITION``, with the data set before the model if there are several.
    """
    accuracy, bias = results.metric("accuracy:top=1"), results.metric("shape-bias")
    several = len(set(accuracy["dataset"])) > 1
    numbers = {}
    for metric, table in (("accuracy", accuracy), ("shape-bias", bias[bias["averaging"] == "micro"])):
        for row in table[table["value"].notna()].to_dict("records"):
            datasets = [row["dataset"]] if several else []
            parts = [metric, *datasets, row["model"], _condition(row)]
            name = "/".join(str(part).replace("/", "_") for part in parts)
            numbers[name] = float(row["value"])
    return numbers


def _condition(row: dict[Any, Any]) -> str:
    eps = row.get("eps")
    known = eps is not None and eps == eps  # noqa: PLR0124 - only NaN is not itself
    return f"{row['condition']} at eps {eps:g}" if known else str(row["condition"])
