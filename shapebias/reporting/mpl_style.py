"""Matplotlib settings of every figure: the width of a paper's column, the field's font sizes, no global state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapebias.errors import FigureError
from shapebias.files import new_file
from shapebias.paths import as_path, readable
from shapebias.reporting.palette import INK, MUTED, PAPER, ModelStyle
from shapebias.runtime.notebook import figure_class

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["COLUMN", "FORMATS", "PAGE", "check_path", "legend", "new_figure", "save", "short", "style"]

COLUMN, PAGE = 3.25, 6.75  # inches: one column of a two-column paper, and both
FORMATS = ("pdf", "png", "svg")

_SETTINGS: dict[str, Any] = {
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 8,
    "axes.titlecolor": INK,
    "figure.constrained_layout.use": True,
    "font.size": 7,
    "grid.alpha": 0.25,
    "grid.color": MUTED,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "pdf.fonttype": 42,  # embed TrueType fonts: journals reject Type 3
    "savefig.dpi": 300,
    "savefig.transparent": False,
    "svg.hashsalt": "shapebias",  # drawing a figure twice gives the same file
    "text.color": INK,
    "text.parse_math": False,  # a class may be called $1
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}


@contextlib.contextmanager
def style(**settings: Any) -> Iterator[None]:
    """Draw and save with the settings of every figure; the user's own settings are not changed."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        parameters: Any = mpl.rcParams  # its stubs know only literal names
        parameters.update({**_SETTINGS, **settings})
        yield


def new_figure(height: float, *, width: float = COLUMN) -> Figure:
    """Make an empty figure, in inches, outside any window and the state of pyplot."""
    return figure_class()(figsize=(width, height), facecolor=PAPER)


def legend(
    axes: Axes,
    models: Iterable[str],
    model_styles: dict[str, ModelStyle],
    *,
    columns: int = 2,
    lines: bool = True,
    others: Sequence[Line2D] = (),
) -> None:
    """Put the models' names above a figure, followed by those of other lines."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=model_styles[model].colour,
            marker=model_styles[model].marker,
            linestyle=model_styles[model].line if lines else "none",
            label=short(model, 60 // columns),
        )
        for model in models
    ]
    figure: Any = axes.figure
    figure.legend(
        handles=[*handles, *others], loc="outside upper left", ncols=columns, handlelength=1.8, columnspacing=1.2
    )


def short(text: str, most: int = 28) -> str:
    """Leave out the middle of a long name.

    >>> short("timm:resnet50.a1_in1k,checkpoint=weights/best.safetensors", 24)
    'timm:resnet5…safetensors'
    """
    if len(text) <= most:
        return text
    kept = most - 1
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


def check_path(path: str | Path) -> Path:
    """Return the path of a figure, if its suffix is one of the formats.

    Raises:
        FigureError: it has another suffix.
    """
    path = as_path(path)
    if path.suffix.lstrip(".").lower() not in FORMATS:
        raise FigureError(f"{path}: a figure is written as .{', .'.join(FORMATS)}; end the name with one of these")
    return path


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PDF, PNG or SVG, depending on the suffix, with embedded fonts.

    Raises:
        FigureError: it has another suffix, or the file cannot be written.
    """
    ending = check_path(path).suffix.lstrip(".").lower()
    no_date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)  # the same figure is the same file
    try:
        with style(), new_file(path) as temporary:
            figure.savefig(temporary, format=ending, metadata=no_date)
            if ending == "svg":  # Matplotlib repeats names in comments, also what XML forbids
                temporary.write_text(readable(temporary.read_text(encoding="utf-8")), encoding="utf-8")
    except OSError as error:
        raise FigureError(f"{path} cannot be written: {error.strerror or error}") from error
