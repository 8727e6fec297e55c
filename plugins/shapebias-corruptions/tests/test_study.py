"""Corruptions in a study: severities are found, and the corruption error is what its formula says."""

from __future__ import annotations

import pytest

import shapebias as sb


def test_a_study_of_severities_has_a_corruption_error(tmp_path):
    conditions = [f"c-{name}:severity={severity}" for name in ("contrast", "gaussian-noise") for severity in (1, 5)]
    models = ["cnn:num_classes=8,seed=0", "cnn:num_classes=8,seed=1"]
    results = sb.run(sb.Study("stimuli:images=24", models, ["clean", *conditions]), tmp_path / "run.h5")
    table = results.metric("corruption-error")
    errors = {}
    for cell in results.answers():
        if cell.condition != "clean":
            kind = cell.condition.partition(":")[0]
            errors.setdefault((cell.model, kind), []).append((cell.prediction != cell.labels).mean())
    first, second = dict.fromkeys(model for model, _ in errors)
    expected = {kind: sum(errors[second, kind]) / sum(errors[first, kind]) for _, kind in errors}
    rows = table[(table.model == second) & (table.metric == "corruption-error")]
    found = {row.condition.partition(":")[0]: row.value for row in rows.itertuples()}
    assert found == pytest.approx(expected)
    (mean,) = table[(table.model == second) & (table.metric == "mce")].value
    assert mean == pytest.approx(sum(expected.values()) / 2)
