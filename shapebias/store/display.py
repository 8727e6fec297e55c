"""Views of results for people: a table of all answers, all results for one image, thumbnails, and notebook HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shapebias.errors import StoreError, suggestion
from shapebias.runtime.notebook import figure_class
from shapebias.store.selection import select
from shapebias.store.views import StoredAnswers, StoredMaps

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shapebias.store.stored import Failure, StoredDataset

__all__ = ["answers_frame", "html", "show_image", "show_thumbnails"]

_SIDE = 1.6  # inches of one image
_BRIGHTEST = 99  # percentile of a map that is opaque: scaled by the largest value, most pixels would be invisible
_HEADLINE_ROWS = 30


def answers_frame(answers: Sequence[StoredAnswers]) -> pd.DataFrame:
    """Make the table of :meth:`shapebias.Results.frame`."""
    import pandas as pd

    columns = ["dataset", "model", "condition", "eps", "image", "label", "shape", "texture", "prediction"]
    frames = [_answers(view) for view in answers]
    if not frames:
        return pd.DataFrame(columns=[*columns, "probability", "right"])
    table = pd.concat(frames, ignore_index=True)
    return table[[*columns, "probability", "right"]]


def _answers(view: StoredAnswers) -> pd.DataFrame:
    import pandas as pd

    known = view.labels >= 0
    right = pd.array(view.prediction == view.labels, dtype="boolean")
    right[~known] = pd.NA
    return pd.DataFrame(
        {
            "dataset": view.dataset,
            "model": view.model,
            "condition": view.condition,
            "eps": np.nan if view.eps is None else view.eps,
            "image": view.ids,
            "label": _names(view, view.labels),
            "shape": _names(view, view.shape_labels),
            "texture": _names(view, view.texture_labels),
            "prediction": _names(view, view.prediction),
            "probability": _probabilities(view),
            "right": right,
        }
    )


def _names(view: StoredAnswers, indices: NDArray[np.int64]) -> NDArray[Any]:
    names = np.array([*view.classes, None], dtype=object)  # -1 is the last
    return names[indices]


def _probabilities(view: StoredAnswers) -> NDArray[np.float64]:
    """Return the softmax of the scores at the answered class, NaN without scores or an answer."""
    if view.logits is None:
        return np.full(len(view.rows), np.nan)
    scores = view.logits.astype(np.float64)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = weights / weights.sum(axis=1, keepdims=True)
    chosen = np.take_along_axis(shares, np.maximum(view.prediction, 0)[:, None], axis=1)[:, 0]
    return np.where(view.prediction >= 0, chosen, np.nan)


def show_image(
    answers: Sequence[StoredAnswers], maps: Sequence[StoredMaps], image: str | int, dataset: str | None
) -> Figure:
    """Draw the figure of :meth:`shapebias.Results.show`."""
    found = _dataset(answers, dataset)
    row = _row(found, image)
    answers = [view for view in answers if view.images.record.key == found.record.key and row in view.rows]
    maps = [view for view in maps if view.images.record.key == found.record.key and row in view.rows]
    if not answers:
        raise StoreError(f"no model has an answer to image {image!r} of {found.name}; see frame() for those that have")
    blocks = list(dict.fromkeys((view.condition, view.eps) for view in answers))
    methods = list(dict.fromkeys((view.model, view.saliency) for view in maps))
    models = len({view.model for view in answers})
    height = (_SIDE + 0.3) * (1 + len(methods)) + 0.12 * models + 0.4
    figure = figure_class()(figsize=(_SIDE * max(2, len(blocks)), height))
    figure.set_layout_engine("constrained")
    grid = figure.subplots(1 + len(methods), len(blocks), squeeze=False)
    for column, block in zip(grid.T, blocks, strict=True):
        seen = [view for view in answers if (view.condition, view.eps) == block]
        picture = _picture(seen[0], row)
        _draw(column[0], picture, _block(*block), "\n".join(_answer(view, row) for view in seen))
        for axes, method in zip(column[1:], methods, strict=True):
            of = [
                view for view in maps if (view.model, view.saliency) == method and (view.condition, view.eps) == block
            ]
            _draw(axes, picture if of else None, f"{method[0]}, {method[1].partition(':')[0]}", "")
            if of:
                _overlay(axes, of[0], row)
    kept = all("images" in view.cell.names or view.condition == "clean" for view in answers)
    note = "" if kept else "\nthe unchanged image is shown: the study did not keep images"
    figure.suptitle(_truth(answers[0], row) + note, fontsize=8)
    return figure


def show_thumbnails(answers: Sequence[StoredAnswers], dataset: str | None, most: int) -> Figure:
    """Draw the figure of :meth:`shapebias.Results.thumbnails`."""
    found = _dataset(answers, dataset)
    if "thumbnails" not in found.names:
        raise StoreError(f"{found.name} has no images, because its answers were imported")
    rows = found.rows[np.unique(np.linspace(0, len(found.rows) - 1, min(most, len(found.rows))).round().astype(int))]
    pictures = found.array("thumbnails", rows)
    across = min(8, len(rows))
    down = -(-len(rows) // across)
    figure = figure_class()(figsize=(across * 1.1, down * 1.3))
    figure.set_layout_engine("constrained")
    cells = figure.subplots(down, across, squeeze=False).ravel()
    for axes in cells:
        axes.set_axis_off()
    for axes, picture, position in zip(cells, pictures, found.positions(rows), strict=False):
        label = int(found.labels[position])
        axes.imshow(picture)
        axes.set_title(found.classes[label] if label >= 0 else found.ids[position], fontsize=6)
    return figure


def _dataset(answers: Sequence[StoredAnswers], dataset: str | None) -> StoredDataset:
    """Find a data set by its name in tables, or the only one."""
    one_each = {view.images.record.key: view for view in answers}
    return select("data sets", [*one_each.values()], {"dataset": dataset}).images


def _row(dataset: StoredDataset, image: str | int) -> int:
    """Find an image by its id, or by its position among those that the results have."""
    if isinstance(image, str):
        if image not in dataset.ids:
            raise StoreError(f"{dataset.name} has no image {image!r}{suggestion(image, dataset.ids)}")
        return int(dataset.rows[dataset.ids.index(image)])
    if not -len(dataset.rows) <= image < len(dataset.rows):
        raise StoreError(f"{dataset.name} has {len(dataset.rows)} images; there is no image {image}")
    return int(dataset.rows[image])


def _picture(view: StoredAnswers, row: int) -> NDArray[Any] | None:
    """Return the image that the model got, if it was kept; else the thumbnail of the unchanged image."""
    if "images" in view.cell.names:
        pictures = view.cell.array("images", np.array([row]), view.eps_index).transpose(0, 2, 3, 1).clip(0, 1)
    elif "thumbnails" in view.images.names:
        pictures = view.images.array("thumbnails", np.array([row]))
    else:
        return None
    picture: NDArray[Any] = pictures[0]
    return picture


def _draw(axes: Axes, picture: NDArray[Any] | None, title: str, below: str) -> None:
    if picture is not None:
        axes.imshow(picture, extent=(0, 1, 1, 0), aspect=picture.shape[0] / picture.shape[1])
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=7)
    axes.set_xlabel(below, fontsize=6)


def _overlay(axes: Axes, view: StoredMaps, row: int) -> None:
    """Draw a map over its image: opaque where the pixel mattered; signed maps are orange for and blue against."""
    values = np.nan_to_num(view.cell.array("maps", np.array([row]), view.eps_index)[0].astype(np.float32))
    magnitude = np.abs(values)
    scaled = np.clip(values / (np.percentile(magnitude, _BRIGHTEST) or magnitude.max() or 1.0), -1, 1)
    colours = "inferno" if scaled.min() >= 0 else "PuOr_r"
    low = 0 if scaled.min() >= 0 else -1
    axes.imshow(scaled, cmap=colours, vmin=low, vmax=1, alpha=0.85 * np.abs(scaled), extent=(0, 1, 1, 0))


def _block(condition: str, eps: float | None) -> str:
    return condition if eps is None else f"{condition.partition(':')[0]}, eps={eps:.4g}"


def _answer(view: StoredAnswers, row: int) -> str:
    """Describe a model's answer, its probability, and whether it is right."""
    position = int(np.flatnonzero(view.rows == row)[0])
    answered = view.prediction[position]
    name = view.classes[answered] if answered >= 0 else "no answer"
    sure = _probabilities(view)[position]
    mark = {True: " \N{CHECK MARK}", False: " \N{BALLOT X}"}[bool(answered == view.labels[position])]
    return f"{view.model}: {name}{'' if np.isnan(sure) else f' {sure:.2f}'}{mark if view.labels[position] >= 0 else ''}"


def _truth(view: StoredAnswers, row: int) -> str:
    """Name an image and its classes."""
    position = int(np.flatnonzero(view.rows == row)[0])
    facts = {"label": view.labels, "shape": view.shape_labels, "texture": view.texture_labels}
    known = {what: view.classes[indices[position]] for what, indices in facts.items() if indices[position] >= 0}
    return f"{view.ids[position]} ({', '.join(f'{what} {name}' for what, name in known.items())})"


def html(path: Path, cells: pd.DataFrame, headline: pd.DataFrame | None, failures: Sequence[Failure]) -> str:
    """Describe results as HTML: their contents, the headline metrics, and the failures."""
    counts = ", ".join(
        f"{count} {name}{'s' * (count != 1)}"
        for name, count in (
            ("data set", cells["dataset"].nunique()),
            ("model", cells["model"].nunique()),
            ("condition", cells["condition"].nunique()),
            ("cell", len(cells)),
        )
    )
    pieces = [f"<p><b>Results</b> in {escape(str(path))}: {counts}; {cells['images'].sum()} answers</p>"]
    if headline is not None:
        pieces.append(_headline(headline))
    failed = [(failure.record.title, failure.error.strip().splitlines()[-1:]) for failure in failures]
    if failed:
        items = "".join(f"<li>{escape(title)}: {escape(''.join(why))}</li>" for title, why in failed)
        pieces.append(f"<p><b>{len(failed)} failed</b></p><ul>{items}</ul>")
    return "".join(pieces)


def _headline(table: pd.DataFrame) -> str:
    """Write the first rows of the headline metrics as an HTML table, each value with its interval."""
    rows = [
        f"<td>{'</td><td>'.join(map(escape, _cells(row)))}</td>"
        for row in table.head(_HEADLINE_ROWS).to_dict("records")
    ]
    heading = "<th>" + "</th><th>".join(_COLUMNS) + "</th>"
    more = f"<p>and {len(table) - _HEADLINE_ROWS} more rows</p>" if len(table) > _HEADLINE_ROWS else ""
    return f"<table><tr>{heading}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>{more}"


_COLUMNS = ("dataset", "model", "condition", "measure", "speaks for", "value", "n")


def _cells(row: dict[Any, Any]) -> Sequence[str]:
    value = "\N{EN DASH}" if np.isnan(row["value"]) else f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    words = (row["metric"], row.get("saliency"), row.get("region"))
    measure = ", ".join(word for word in words if isinstance(word, str) and word)
    return row["dataset"], row["model"], row["condition"], measure, str(row.get("cue", "")), value, str(row["n"])
