"""The page: one self-contained HTML file that makes no network requests."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Collection, Sequence
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from shapebias.errors import FigureError, reason
from shapebias.files import new_file
from shapebias.paths import as_path, readable
from shapebias.reporting.chart_data import ChartData
from shapebias.reporting.class_images import page_class_images
from shapebias.reporting.combined import CombinedResults, is_person
from shapebias.reporting.export import UNDEFINED, records
from shapebias.reporting.finding import evidence, finding
from shapebias.reporting.image_browser import browse
from shapebias.reporting.metric_tables import MetricTable, metric_tables
from shapebias.reporting.panels import panels
from shapebias.reporting.provenance import provenance
from shapebias.reporting.summary import summary
from shapebias.spelling.grammar import spell_scalar
from shapebias.store import Failure, Results

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Template
    from markupsafe import Markup

    from shapebias.reporting.palette import ModelStyle

__all__ = ["IMAGES", "LeadTable", "render", "report", "write_page"]

IMAGES = 24
_MODELS = 50
_PAIRS = 4_000  # of models under one condition: comparing them takes most of the time, half a minute or so
_LIBRARIES = ("vendor/d3.min.js", "vendor/plot.min.js")
_SCRIPTS = (
    "page.js",
    "pictograms.js",
    "heatmaps.js",
    "charts.js",
    "images.js",
    "tables.js",
)  # in this order: the first defines what the others use
_SAID_ONCE = {"method", "dataset", "condition", "against", "saliency", "probe", "test"}


@attrs.frozen
class LeadTable:
    """The table on top of a page.

    Args:
        title: its heading.
        columns: the headings of its columns.
        rows: texts, one for each column.
        notes: sentences below it.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]

    @classmethod
    def of(cls, table: pd.DataFrame, title: str, notes: list[str]) -> LeadTable:
        """Make it from a table, with rounded numbers and without empty columns."""
        table = table.dropna(axis="columns", how="all")
        names = [str(name) for name in table.columns]
        rows = [[_rounded(name, row[name]) for name in names] for row in records(table)]
        return cls(title, names, rows, notes)


def report(
    results: Results | Sequence[Results],
    path: str | Path,
    *,
    images: int = IMAGES,
    models: int | None = None,
    title: str | None = None,
) -> Path:
    """Write a page that shows results: the finding, charts, maps, images, tables, failures and provenance.

    Args:
        results: the results of one study, or of several, whose models are shown side by side.
        path: the HTML file; it is replaced.
        images: the most images of each data set in the image browser.
        models: the most models; if there are more, a sample of them, evenly spaced in the order of the study.  None
            takes all up to 50; if there are more, 50, or fewer with many conditions, because all pairs are compared.
        title: the page's title; default the question.

    Returns:
        The path.

    Raises:
        FigureError: there are no answers to show, or the file cannot be written.
    """
    files = [results] if isinstance(results, Results) else results
    joined = CombinedResults(files, most_models=_most_models(files) if models is None else models)
    lead = _sample(joined) if joined.left_out else None
    return write_page(joined, path, images=images, title=title or "Shape or texture?", lead=lead)


def _most_models(files: Sequence[Results]) -> int:
    """Return how many models a page shows by default."""
    records = [cell.record for results in files for cell in results.store.cells()]
    if len({record.model.key for record in records if not is_person(record)}) <= _MODELS:
        return _MODELS
    conditions = len({(record.dataset.key, record.condition.key) for record in records})
    return min(_MODELS, max(2, math.isqrt(2 * _PAIRS // conditions)))


def _sample(results: CombinedResults) -> LeadTable:
    """Make a table that says that only some of the models are on the page."""
    shown = len(results.models) - len(results.people)
    return LeadTable(
        f"{shown} of {shown + results.left_out:,} models",
        ["model"],
        [[model] for model in results.models],
        ["They are evenly spaced in the order of the study. The tables of 'shapebias results' have all models."],
    )


def write_page(
    results: CombinedResults, path: str | Path, *, images: int = IMAGES, title: str, lead: LeadTable | None = None
) -> Path:
    """Write a page of several results, optionally with a table on top; see :func:`report`."""
    path = as_path(path)
    if not path.parent.is_dir():  # before the work
        raise FigureError(f"{path} cannot be written: there is no folder {path.parent}")
    text = readable(render(results, images=images, title=title, lead=lead))
    try:
        with new_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FigureError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def render(results: CombinedResults, *, images: int, title: str, lead: LeadTable | None = None) -> str:
    """Return the page's HTML; for the arguments see :func:`write_page`."""
    if not results.answers():
        names = ", ".join(str(each.store.path) for each in results.files)
        raise FigureError(f"{names}: no cell has finished, so there is nothing to show; see 'shapebias results'")
    browsed = browse(results, images)
    tables, failed_metrics = metric_tables(results)
    charts = ChartData(results).as_json()
    return _template().render(
        title=title,
        extent=_extent(results),
        lead=lead and attrs.asdict(lead),
        finding=finding(results),
        evidence=evidence(results),
        summary=summary(results),
        files=[provenance(each) for each in results.files],
        models=results.models,
        colours={model: drawn.css_colour for model, drawn in results.model_styles.items()},
        charts=charts,
        maps=[panel for each in browsed for panel in panels(each)],
        class_images=page_class_images(results),
        browsed=browsed,
        data={
            "models": [_model(model, drawn, results.people) for model, drawn in results.model_styles.items()],
            "browsed": [{**attrs.asdict(each), "limit": images} for each in browsed],
            **charts,
        },
        tables=[_table(each) for each in tables],
        failures=[_failure(each) for each in results.failures],
        failed_metrics=failed_metrics,
        version=metadata.version("shapebias"),
    )


def _model(name: str, drawn: ModelStyle, people: Collection[str]) -> dict[str, Any]:
    """Describe how a model is drawn; the colour is that of the page's theme."""
    return {
        "name": name,
        "person": name in people,
        "colour": drawn.css_colour,
        "marker": drawn.marker,
        "line": drawn.line,
    }


def _extent(results: CombinedResults) -> str:
    """Count models, people and data sets."""
    people = len(results.people)
    counts = {"model": len(results.models) - people, "person": people}
    datasets = len({view.dataset for view in results.answers()})
    who = " and ".join(_count(count, word) for word, count in counts.items() if count)
    return f"{who} on {_count(datasets, 'data set')}"


def _count(count: int, word: str) -> str:
    if count == 1:
        return f"1 {word}"
    return f"{count} people" if word == "person" else f"{count} {word}s"


@cache
def _template() -> Template:
    """Load the template; it escapes all values except our own style and scripts.

    The page's Content-Security-Policy allows only these scripts, by their SHA-256, whatever a name may contain.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    folder = resources.files("shapebias.reporting") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals["css"] = Markup((folder / "page.css").read_text(encoding="utf-8"))  # noqa: S704
    libraries = [(folder / name).read_text(encoding="utf-8") for name in _LIBRARIES]
    own = "".join((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    scripts = [*libraries, own]
    environment.globals["scripts"] = [Markup(script) for script in scripts]  # noqa: S704
    environment.globals["hashes"] = Markup(" ").join(map(_source_hash, scripts))
    return environment.from_string((folder / "page.html.j2").read_text(encoding="utf-8"))


def _source_hash(script: str) -> Markup:
    """Return the hash of a script for a Content-Security-Policy."""
    from markupsafe import Markup

    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Markup(f"'sha256-{digest}'")  # noqa: S704


def _table(shown: MetricTable) -> dict[str, Any]:
    """Prepare a table for the template: a constant column is stated once, and is a column only in the download."""
    constant = {
        name: row[position]
        for position, name in enumerate(shown.columns)
        for row in shown.rows[:1]
        if len(shown.rows) > 1 and name in _SAID_ONCE and all(other[position] == row[position] for other in shown.rows)
    }
    columns = [
        {
            "name": name,
            "title": name.replace("_", " "),
            "hidden": name in constant,
            "number": not any(isinstance(row[position], str) for row in shown.rows),
        }
        for position, name in enumerate(shown.columns)
    ]
    rows = [
        [{"column": column, "value": _exact(value), "text": _rounded(column["name"], value)} for column, value in line]
        for line in (list(zip(columns, row, strict=True)) for row in shown.rows)
    ]
    return {**attrs.asdict(shown), "columns": columns, "rows": rows, "constants": [*constant.items()]}


def _exact(value: Any) -> str:
    return "" if value is None else str(value)


def _rounded(name: Any, value: Any) -> str:
    if value is None:
        return UNDEFINED if name == "value" else ""
    if name == "eps":
        return spell_scalar(value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "title": failure.record.title,
        "images": len(failure.rows),
        "reason": reason(failure.error),
        "error": failure.error,
    }
