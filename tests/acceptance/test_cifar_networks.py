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


def test_saturation_hurts_the_standard_network_more(real_runs):
    with sb.open(real_runs.store("cifar.h5")) as results:
        found = correct(results)
    conditions = ["clean", "saturate:p=8", "saturate:p=1024"]
    assert [found["standard", condition, None] for condition in conditions] == [279, 210, 98]
    assert [found["adversarial", condition, None] for condition in conditions] == [236, 197, 161]


@pytest.mark.parametrize(("model", "expected"), [("standard", {1: 58, 2: 2}), ("adversarial", {2: 190, 8: 63})])
def test_pgd_finds_as_many_adversarial_examples_as_published(study, tmp_path, model, expected):
    study = study(f"pgd:eps={','.join(f'{eps}/255' for eps in expected)},steps=20,step_size=0.25")
    study = sb.Study(study.datasets, [one for one in study.models if one.title == model], study.conditions)
    counts = correct(sb.run(study, tmp_path / "run.h5"))
    assert {round(255 * eps): count for (_, _, eps), count in counts.items()} == {
        eps: pytest.approx(count, abs=3) for eps, count in expected.items()
    }
