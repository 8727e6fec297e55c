"""The differences between two results on the same images: before and after fine-tuning, two seeds, two networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapebias.errors import FigureError
from shapebias.plugins.in_memory import InMemoryAnswers, InMemoryResults
from shapebias.plugins.study_results import StudyResults
from shapebias.plugins.tables import metric_table
from shapebias.store import Results
from shapebias.store.views import StoredAnswers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare"]

_KEYS = ["dataset", "condition", "eps", "metric"]
_FIRST = ["dataset", "model", "condition", "eps", "metric", "before", "after"]


def compare(before: Results, after: Results) -> pd.DataFrame:
    """Compare each model of one file with the model of the same name, or the only other one, of another file.

    Args:
        before, after: the results; images are paired by id, and only images in both count.

    Returns:
        The rows of the metric ``paired-difference``, after minus before, with the two values in the columns ``before``
        and ``after``; ``lost`` and ``gained`` count the images that only the first and only the second gets right.

    Raises:
        FigureError: the files have no model in common, or no images.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import shapebias as sb
    >>> folder = Path(tempfile.mkdtemp())
    >>> studies = [sb.Study("stimuli:images=8,size=16", {"net": f"planted:reliance={r}"}) for r in (0, 1)]
    >>> first, second = (sb.run(study, folder / f"{n}.h5", device="cpu") for n, study in enumerate(studies))
    >>> sorted(set(compare(first, second)["metric"]))[0]
    'accuracy-difference'
    """
    import pandas as pd

    tables = [_table(before, after, *names) for names in _pairs(before, after)]
    found = [table for table in tables if len(table)]
    if not found:
        raise FigureError(
            f"{before.store.path} and {after.store.path} have no images in common that were answered under the same "
            "condition; compare results of the same data set"
        )
    return pd.concat(found, ignore_index=True)


def _pairs(before: Results, after: Results) -> list[tuple[str, str]]:
    """Pair the models by name, or the only models of both."""
    first, second = (list(dict.fromkeys(view.model for view in each.answers())) for each in (before, after))
    same = [(model, model) for model in first if model in second]
    if not same and len(first) == len(second) == 1:
        return [(first[0], second[0])]
    if not same:
        raise FigureError(
            f"{before.store.path} has the models {', '.join(first) or 'none'}; {after.store.path} has "
            f"{', '.join(second) or 'none'}: give the models that are to be compared the same label"
        )
    return same


def _table(before: Results, after: Results, first: str, second: str) -> pd.DataFrame:
    """Compare two models; the table has no rows if they have nothing in common."""
    old, new = (
        {(view.dataset, view.condition, view.eps): view for view in results.answers() if view.model == model}
        for results, model in ((before, first), (after, second))
    )
    common = [
        (_common(old[key], new[key], "before"), _common(new[key], old[key], "after")) for key in old if key in new
    ]
    pair = InMemoryResults([answers for both in common for answers in both], seed=before.seed)
    table = metric_table("paired-difference:against=before", pair)
    for sides in (_side_by_side(pair, "accuracy:top=1", "shape-bias"), _moved(common)):
        table = table.merge(sides, how="left", on=_KEYS)
    name = first if first == second else f"{second} after {first}"
    return table.assign(model=name)[[*_FIRST, *(each for each in table if each not in (*_FIRST, "against"))]]


def _moved(common: list[tuple[InMemoryAnswers, InMemoryAnswers]]) -> pd.DataFrame:
    """Count the images that only one of the two models answers correctly."""
    import pandas as pd

    rows = [
        [
            old.dataset,
            old.condition,
            old.eps,
            "accuracy-difference",
            len(_correct(old) - _correct(new)),
            len(_correct(new) - _correct(old)),
        ]
        for old, new in common
    ]
    counts = {"lost": "Int64", "gained": "Int64"}
    return pd.DataFrame(rows, columns=[*_KEYS, *counts]).astype({"eps": float, **counts})


def _common(view: StoredAnswers, other: StoredAnswers, model: str) -> InMemoryAnswers:
    """Return the answers of one model to the images that another model has answered too."""
    known = set(other.ids)
    kept = [position for position, identity in enumerate(view.ids) if identity in known]
    return InMemoryAnswers(
        view.prediction[kept],
        labels=view.labels[kept],
        shape_labels=view.shape_labels[kept],
        texture_labels=view.texture_labels[kept],
        ids=[view.ids[position] for position in kept],
        classes=view.classes,
        dataset=view.dataset,
        model=model,
        condition=view.condition,
        eps=view.eps,
    )


def _correct(answers: InMemoryAnswers) -> set[str]:
    """Return the ids of the images that are answered correctly."""
    hits = zip(answers.ids, answers.labels, answers.prediction, strict=True)
    return {identity for identity, label, prediction in hits if label == prediction >= 0}


def _side_by_side(results: StudyResults, *metrics: str) -> pd.DataFrame:
    """Return the values of both models in the columns ``before`` and ``after``."""
    import pandas as pd

    tables = [metric_table(metric, results) for metric in metrics]
    rows = pd.concat([table[table["averaging"] == "micro"] if "averaging" in table else table for table in tables])
    rows["metric"] += "-difference"
    old, new = (
        rows[rows["model"] == name][[*_KEYS, "value"]].rename(columns={"value": name}) for name in ("before", "after")
    )
    return old.merge(new, how="outer", on=_KEYS)
