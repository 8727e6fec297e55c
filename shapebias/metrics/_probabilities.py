"""Probabilities of classes from the stored scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shapebias.plugins.study_results import Answers

__all__ = ["label_probability"]


def label_probability(answers: Answers) -> NDArray[np.float64] | None:
    """Return the softmax probability of each image's label, (n,), summed over the outputs of the label's class.

    Args:
        answers: the answers of one cell; images without a label get NaN.

    Returns:
        None if it is unknown: not all scores were kept, or they are the largest probabilities of each class.

    >>> from shapebias.plugins.in_memory import InMemoryAnswers
    >>> label_probability(InMemoryAnswers([0], labels=[1], logits=np.log([[0.75, 0.25]])))
    array([0.25])
    """
    if answers.logits is None:
        return None
    scores = np.asarray(answers.logits, dtype=np.float64)
    groups = answers.mapping.groups if answers.mapping else None
    if groups is None:
        scores = scores - scores.max(axis=1, keepdims=True)
        probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    elif answers.mapping and answers.mapping.aggregate == "max" and any(len(group) > 1 for group in groups):
        return None
    else:
        mean = answers.mapping is not None and answers.mapping.aggregate == "mean"
        members = np.array([len(group) if mean else 1 for group in groups])
        probabilities = np.exp(scores) * members
    labels = np.asarray(answers.labels)
    taken = probabilities[np.arange(len(labels)), np.maximum(labels, 0)]
    return np.where(labels >= 0, taken, np.nan)
