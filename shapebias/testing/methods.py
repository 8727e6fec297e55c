"""Rules of plugins that are called with a model: attacks, saliency methods, probes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from shapebias.testing.rules import Rules
from shapebias.testing.subjects import Subject, nothing_left_behind, same_alone, same_twice

__all__ = ["add_rules_of_methods"]


def add_rules_of_methods(
    rules: Rules[Subject],
    call: Callable[[Subject, Any], object],
    axis: Callable[[Subject], int] = lambda _subject: 0,
) -> None:
    """Add the rules that do not depend on what a method does.

    Args:
        rules: the rules of one kind.
        call: returns the result for some of the five images; the model is already in eval mode.
        axis: the axis of the images in the result.
    """

    def evaluated(subject: Subject, rows: Any = slice(None)) -> object:
        with subject.model.evaluating(), torch.no_grad():
            return call(subject, rows)

    @rules("leaves its arguments, the model and global random state alone", "other cells use the same model and images")
    def _leaves_alone(subject: Subject) -> None:
        arguments = subject.images, subject.labels
        with subject.model.evaluating(), torch.no_grad(), nothing_left_behind(subject, *arguments):
            call(subject, slice(None))

    @rules("gives the same for the same random numbers", "a study is repeated by its seed")
    def _repeats(subject: Subject) -> None:
        same_twice(lambda: evaluated(subject))

    @rules("treats an image alone as in a batch", "results must not depend on batch size, order or workers")
    def _independent_of_batch(subject: Subject) -> None:
        same_alone(lambda rows: evaluated(subject, rows), axis(subject))
