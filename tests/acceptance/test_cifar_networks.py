"""Networks that no library has, brought in by the example plugin, against independently computed answers."""

from __future__ import annotations

from pathlib import Path

import pytest

import shapebias as sb
from shapebias.plugins.catalog import default_catalog

PLUGINS = Path(__file__).parents[2] / "examples" / "plugins"


@pytest.fixture(autouse=True)
def example_plugins(monkeypatch):
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", str(PLUGINS))
    default_catalog.cache_clear()
    yield
    default_catalog.cache_clear()


@pytest.fixture
def study(data_dir):
    weights = data_dir / "weights" / "cifar10"
    models = {
        "standard": f"cifar-resnet20:{weights / 'resnet20_standard.safetensors'}",
        "adversarial": f"cifar-resnet2b2:{weights / 'resnet2b2_sadv8.safetensors'}",
    }

    def make(conditions):
        return sb.Study(f"folder:{data_dir / 'cifar10-lossless'}", models, conditions)

    return make


def correct(results):
    return {
        (answers.model, answers.condition, answers.eps): int((answers.prediction == answers.labels).sum())
        for answers in results.answers()
    }


def test_saturation_hurts_the_standard_network_more(study, tmp_path):
    conditions = ["clean", "saturate:p=8", "saturate:p=1024"]
    found = correct(sb.run(study(conditions), tmp_path / "run.h5"))
    assert [found["standard", condition, None] for condition in conditions] == [279, 210, 98]
    assert [found["adversarial", condition, None] for condition in conditions] == [236, 197, 161]


@pytest.mark.parametrize(
    ("model", "eps", "expected"),
    [("standard", "1/255", 58), ("standard", "2/255", 2), ("adversarial", "2/255", 190), ("adversarial", "8/255", 63)],
)
def test_pgd_fools_as_many_as_published(study, tmp_path, model, eps, expected):
    study = study(f"pgd:eps={eps},steps=20,step_size=0.25")
    study = sb.Study(study.datasets, [one for one in study.models if one.title == model], study.conditions)
    (count,) = correct(sb.run(study, tmp_path / "run.h5")).values()
    assert abs(count - expected) <= 3
