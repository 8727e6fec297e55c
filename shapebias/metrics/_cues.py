"""Shape and texture as cues: which of them the images of a cell have, and which cue each answer follows."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics.intervals import Estimate, wilson
from shapebias.plugins.study_results import Answers

__all__ = ["NEITHER", "SHAPE", "TEXTURE", "conflict", "cues_of", "followed", "shape_bias"]

SHAPE, TEXTURE, NEITHER = range(3)


def conflict(answers: Answers) -> NDArray[np.bool_]:
    """Return which images have a shape and a texture of different, known classes, (n,)."""
    shape, texture = answers.shape_labels, answers.texture_labels
    found: NDArray[np.bool_] = (shape >= 0) & (texture >= 0) & (shape != texture)
    return found


def followed(answers: Answers) -> pd.Series[int]:
    """Return for each image with a conflict the cue that its answer follows, indexed by image id."""
    by_cue = [answers.prediction == answers.shape_labels, answers.prediction == answers.texture_labels]
    where = conflict(answers)
    return pd.Series(np.select(by_cue, [SHAPE, TEXTURE], NEITHER)[where], index=pd.Index(answers.ids)[where])


def cues_of(answers: Answers) -> Literal["both", "shape", "texture", "conflict"]:
    """Return which cues the images have; ``both`` if neither cue has labels, or if the two agree."""
    if conflict(answers).any():
        return "conflict"
    shape, texture = (answers.shape_labels >= 0).any(), (answers.texture_labels >= 0).any()
    return "both" if shape == texture else "shape" if shape else "texture"


def shape_bias(answers: Answers) -> Estimate:
    """Estimate the shape bias of all decided images together: see the metric ``shape-bias``."""
    shape, texture, _ = np.bincount(followed(answers), minlength=3).tolist()
    return wilson(shape, shape + texture)
