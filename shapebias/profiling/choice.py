"""Read the suites and the models of a profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from shapebias.errors import PluginError, StudyError
from shapebias.plugins.catalog import Component, default_catalog
from shapebias.plugins.containment import attributed
from shapebias.published.references import Reference
from shapebias.spelling.grammar import split
from shapebias.study import Study, as_models

__all__ = ["DEFAULT_SUITE", "PlannedSuite", "chosen_models", "chosen_suites"]

DEFAULT_SUITE = "cue-conflict"


@attrs.frozen(eq=False)
class PlannedSuite:
    """A suite and its study, with everything that it states before anything is computed.

    Args:
        component: the suite.
        study: what to run.
        human_answers, published_models, references: as in :class:`shapebias.plugins.protocols.Suite`.
    """

    component: Component
    study: Study
    human_answers: tuple[str, ...]
    published_models: tuple[str, ...]
    references: Mapping[str, Sequence[Reference]]

    @classmethod
    def of(cls, suite: Component, models: Sequence[Component], limit: int | None) -> PlannedSuite:
        """Ask a suite for its study of some models.

        Raises:
            PluginError: the suite failed, or returned something else.
        """
        name, settings = f"suite {suite.text}", suite.settings
        with attributed(name):
            planned = cls(
                suite,
                settings.study(models, limit=limit),
                tuple(settings.human_answers),
                tuple(settings.published_models),
                dict(settings.references()),
            )
        if not isinstance(planned.study, Study):
            raise PluginError(f"{name}: study returned a {type(planned.study).__name__}, not a shapebias.Study")
        return planned


def chosen_suites(given: object = DEFAULT_SUITE) -> tuple[Component, ...]:
    """Read suites from text, from settings built in Python, or from several of either.

    Args:
        given: names with their settings, separated by commas: ``"cue-conflict,quick:size=32"``.

    Raises:
        SpellingError, UnknownNameError: the text is wrong, or no suite has this name.
        StudyError: no suite is named, or one is named twice.

    >>> [suite.text for suite in chosen_suites("cue-conflict,quick:images=56,contrast=0.2")]
    ['cue-conflict', 'quick:images=56,contrast=0.2']
    """
    several = given if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    found: list[Component] = []
    for one in several:
        if isinstance(one, str):
            found += [default_catalog().component("suite", text) for text in _texts(one)]
        else:
            found.append(one if isinstance(one, Component) else default_catalog().wrap("suite", one))
    if not found:
        raise StudyError("no suite is named; leave the choice out for cue-conflict, or see 'shapebias list suite'")
    for position, suite in enumerate(found):
        if suite in found[:position]:
            raise StudyError(f"suite {suite.text} is named twice; name it once")
    return tuple(found)


def _texts(text: str) -> list[str]:
    """Split at the commas before a suite's name; other commas separate settings."""
    known = default_catalog().names("suite")
    texts: list[str] = []
    for piece in split(text, ","):
        name = piece.strip().partition(":")[0].rpartition("/")[2]
        if not texts or name in known or (":" not in texts[-1] and "=" not in piece):
            texts.append(piece.strip())
        else:
            texts[-1] += f",{piece}"
    return texts


def chosen_models(given: object, against: object, name: str) -> tuple[tuple[Component, ...], Component | None]:
    """Read the models of a profile, and the model to compare them with.

    Args:
        given: as the ``models`` of :class:`shapebias.Study`, or one live network.
        against: one model, in the same form, or None.
        name: the name of a live network that has none.

    Returns:
        The models without ``against``, and ``against``.

    Raises:
        StudyError: ``against`` is the only model, or names several.
    """
    models = as_models(_named(given, name))
    if against is None:
        return models, None
    found = as_models(_named(against, "against"))
    if len(found) != 1:
        raise StudyError(f"against: name one model, not {len(found)}")
    others = tuple(model for model in models if model != found[0])
    if not others:
        raise StudyError(f"{found[0].title} is compared with itself; name another model")
    return others, next((model for model in models if model == found[0]), found[0])


def _named(given: Any, name: str) -> Any:
    """Give a live network a name; the settings of a model, which have ``load``, need none."""
    is_live = callable(given) and not (attrs.has(type(given)) and hasattr(given, "load"))
    return {name: given} if is_live and not isinstance(given, str | Mapping) else given
