"""A study of a network whose answers are known: methods against controls; and the README names what there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from shapebias_quantus import shapebias_metrics, shapebias_probes

import shapebias as sb

README = Path(__file__).parents[1] / "README.md"
PROBES = [
    "quantus-faithfulness-estimate:steps=16",
    "quantus-infidelity:patch=8",
    "quantus-max-sensitivity:samples=2",
    "quantus-random-logit",
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    study = sb.Study(
        "stimuli:images=8,size=32",
        "planted:reliance=1",
        "clean",
        {
            "occlusion": "occlusion",
            "shares": "integrated-gradients:reduce=signed-sum,steps=8",
            "edges": "edge-detector",
            "noise": "random",
        },
        PROBES,
    )
    results = sb.run(study, tmp_path_factory.mktemp("study") / "run.h5")
    assert not results.failures
    return results


def numbers(results, probe):
    table = results.metric("probe-mean")
    return table[table["probe"].str.startswith(probe)].set_index("saliency")


@pytest.mark.slow
def test_what_the_network_needs_beats_noise(results):
    found = numbers(results, "quantus-faithfulness-estimate")
    assert found["low"]["occlusion"] > found["high"]["noise"]
    assert found["low"]["noise"] < 0.1
    assert found["high"]["noise"] > -0.1


@pytest.mark.slow
def test_attributions_that_add_up_have_the_least_infidelity(results):
    found = numbers(results, "quantus-infidelity")["value"]
    assert found["shares"] == found.min()
    assert found["shares"] < 0.1 * found["noise"]


@pytest.mark.slow
def test_controls_are_steady_and_the_same_for_every_class(results):
    sensitivity, similarity = (
        numbers(results, f"quantus-{name}")["value"] for name in ("max-sensitivity", "random-logit")
    )
    assert sensitivity["noise"] == 0
    assert sensitivity["shares"] > sensitivity["edges"] > 0
    assert similarity[["noise", "edges"]].tolist() == pytest.approx([1, 1])
    assert similarity[["occlusion", "shares"]].max() < 0.9


@pytest.mark.slow
def test_localisation_knows_noise_from_edges(results):
    table = results.metric("quantus-localisation").set_index(["measure", "saliency"])
    assert table.loc[("auc", "edges"), "low"] > table.loc[("auc", "noise"), "high"]
    assert table.loc[("auc", "noise"), "value"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("spec", [*shapebias_probes(), *shapebias_metrics()], ids=lambda spec: spec.name)
def test_the_readme_names_it(spec):
    assert f"`{spec.name}`" in README.read_text(encoding="utf-8")
