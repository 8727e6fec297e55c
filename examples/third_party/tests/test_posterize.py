"""The transform against a table of values, the metric against counting by hand, on a real run."""

from __future__ import annotations

import pytest
import torch
from shapebias_posterize.posterize import Posterize

import shapebias


@pytest.mark.parametrize(
    ("levels", "before", "after"),
    [
        (2, [0, 0.49, 0.51, 1.0], [0, 0, 1.0, 1]),
        (3, [0.2, 0.3, 0.7, 0.8], [0, 0.5, 0.5, 1]),
        (256, [7 / 255], [7 / 255]),
    ],
)
def test_values_go_to_the_nearest_level(levels, before, after):
    assert torch.allclose(Posterize(levels=levels)(torch.tensor(before), None), torch.tensor(after), atol=1e-7)


def test_one_level_is_refused():
    with pytest.raises(shapebias.ShapebiasError, match="levels: must be >= 2, got 1"):
        shapebias.Condition.parse("posterize:levels=1")


def test_the_metric_counts_answers_that_stay(tmp_path):
    conditions = ["clean", "posterize:levels=2", "posterize:levels=256"]
    study = shapebias.Study("stimuli:images=24,size=32", "cnn:8,width=4", conditions)
    results = shapebias.run(study, tmp_path / "run.h5")
    clean, posterized, _same = results.answers()
    count = sum(a == b for a, b in zip(clean.prediction, posterized.prediction, strict=True))
    few, all_ = results.metric("same-answer").to_dict("records")
    assert (few["condition"], few["n"], few["value"]) == ("posterize:levels=2", 24, count / 24)
    assert few["low"] <= few["value"] <= few["high"] != few["low"]
    assert (all_["condition"], all_["value"]) == ("posterize:levels=256", 1)  # pixels have 8 bits
