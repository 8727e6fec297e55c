"""Parameters that attacks share, each declared once with its help, its unit and its bounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from shapebias.errors import SpellingError
from shapebias.spelling.params import numbers, param

__all__ = [
    "Target",
    "ascending",
    "eps_param",
    "keep_param",
    "norm_param",
    "step_size_param",
    "steps_param",
    "target_param",
]

Target: TypeAlias = Literal["least-likely", "random"] | int | None

_NORMS = {
    "linf": "largest change of any pixel value",
    "l2": "Euclidean length of the whole change",
    "l1": "sum of the changes of all pixel values",
}


def ascending(eps: float | Iterable[float]) -> tuple[float, ...]:
    """Convert ``eps``, one radius or several, to ascending order.

    Args:
        eps: one radius or several; equal ones are merged.

    Raises:
        SpellingError: there is no radius.

    >>> ascending([0.5, 0.25]), ascending(0.5)
    ((0.25, 0.5), (0.5,))
    """
    radii = tuple(sorted(set(numbers(eps))))
    if not radii:
        raise SpellingError("eps: give at least one radius, for example eps=8/255")
    return radii


def eps_param(
    help: str = "radius of the ball, one or several",  # noqa: A002 - the word that param() uses
    *,
    default: float = 8 / 255,
    unit: str = "pixel value",
) -> Any:
    """Declare ``eps``, the radii of an attack; its type is ``tuple[float, ...]``.

    Args:
        help: the meaning of the radius.
        default: the default, one radius.
        unit: the unit of the radius.

    >>> eps_param().metadata["unit"], eps_param().metadata["bounds"]
    ('pixel value', {'>=': 0})
    """
    return param(help, default=default, ge=0, unit=unit, converter=ascending)


def norm_param(default: str = "linf", *, norms: Iterable[str] = ("linf", "l2")) -> Any:
    """Declare ``norm``, how the size of a change is measured; its type is :data:`shapebias.plugin.Norm`.

    Args:
        default: the default.
        norms: the norms that the attack supports, for the help.

    >>> norm_param().metadata["help"]
    'linf: largest change of any pixel value; l2: Euclidean length of the whole change'
    """
    return param("; ".join(f"{norm}: {_NORMS[norm]}" for norm in norms), default=default)


def keep_param(
    help: str = (  # noqa: A002 - the word that param() uses
        "first: the first adversarial example, and no further work on that image; worst: the highest loss of all steps "
        "and restarts; last: what the attack ends with, as in training"
    ),
) -> Any:
    """Declare ``keep``, which of an image's results is returned; its type is :data:`shapebias.plugin.Keep`.

    Args:
        help: the meaning of the words, if an attack uses them differently.

    >>> keep_param().metadata["help"].partition(";")[0]
    'first: the first adversarial example, and no further work on that image'
    """
    return param(help, default="first")


def target_param() -> Any:
    """Declare ``target``, the class that a targeted attack aims at; its type is :data:`Target`; none by default.

    >>> target_param().metadata["bounds"]
    {'>=': 0}
    """
    return param("class to reach: least-likely, random or an index; none: any class but the label", default=None, ge=0)


def steps_param(default: int) -> Any:
    """Declare ``steps``, the number of steps of an attack; its type is ``int``.

    Args:
        default: the default, at least 1.

    >>> steps_param(default=20).metadata["bounds"]
    {'>=': 1}
    """
    return param("number of steps", default=default, ge=1)


def step_size_param(
    help: str = "length of a step as a fraction of eps",  # noqa: A002 - the word that param() uses
    *,
    default: float,
) -> Any:
    """Declare ``step_size``, which was called ``step`` in an earlier version; its type is ``float``.

    Args:
        help: the meaning of the length.
        default: the default, greater than 0.

    >>> step_size_param(default=0.25).metadata["formerly"]
    ('step',)
    """
    return param(help, default=default, gt=0, formerly=("step",))
