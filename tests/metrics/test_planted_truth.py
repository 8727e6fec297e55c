"""Measures against networks whose answers follow from their construction: what they must report is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import shapebias as sb
from shapebias.datasets.stimuli import Stimuli
from shapebias.metrics.human_consistency import HumanConsistency
from shapebias.models.planted import Planted
from shapebias.networks.classifier import Classifier
from shapebias.plugins.in_memory import InMemoryAnswers, InMemoryResults

_SIDE = 64
_CYCLES = (2, 4, 8, 16)


class GratingReader(torch.nn.Module):
    """Say which way the grating of one frequency runs, and its sign: four classes; nothing else is seen."""

    def __init__(self, cycles):
        super().__init__()
        self.cycles = cycles

    def forward(self, images):
        spectrum = torch.fft.fft2(images.mean(dim=1)).real * 2 / _SIDE**2
        waves = torch.stack([spectrum[:, 0, self.cycles], spectrum[:, self.cycles, 0]], dim=1)
        waves = torch.where(waves.abs() < 5e-4, 0.0, waves)  # nothing there: a tie, which goes to the first class
        return torch.stack([waves[:, 0], -waves[:, 0], waves[:, 1], -waves[:, 1]], dim=1)


class Brightness(torch.nn.Module):
    """Answer class 0 where the picture is brighter than 1/2: its linf margin is |brightness - 1/2|."""

    def forward(self, images):
        brightness = images.mean(dim=(1, 2, 3)) - 0.5
        return torch.stack([brightness, -brightness], dim=1)


class Cube(torch.nn.Module):
    """Score class 0 by the cube of the brightness."""

    def forward(self, images):
        cube = images.mean(dim=(1, 2, 3)) ** 3
        return torch.stack([cube, 0 * cube], dim=1)


def classifier(network):
    return Classifier(network, (0.0,) * 3, (1.0,) * 3)


def planted(level):
    return Planted(level).load(torch.device("cpu"))


def save(folder, name, pixels):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((255 * pixels).round().astype(np.uint8)).convert("RGB").save(path)


@pytest.fixture(scope="module")
def gratings(tmp_path_factory):
    """Four pictures of each class; each has a grating of its class at every frequency."""
    folder = tmp_path_factory.mktemp("gratings")
    ramp = np.arange(_SIDE) * 2 * np.pi / _SIDE
    for name, sign, turned in (("a", 1, False), ("b", -1, False), ("c", 1, True), ("d", -1, True)):
        for picture in range(4):
            wave = sum(np.cos(ramp * cycles) for cycles in _CYCLES)
            pixels = 0.5 + sign * (0.06 + 0.01 * picture) * np.tile(wave, (_SIDE, 1))
            save(folder, f"{name}/{picture}.png", pixels.T if turned else pixels)
    return f"gratings=folder:{folder},size={_SIDE}"


@pytest.fixture(scope="module")
def filtered(gratings, tmp_path_factory):
    """Two readers, of 4 and of 8 cycles, under filters; what they cannot see is answered with the first class."""
    models = {f"{cycles} cycles": classifier(GratingReader(cycles)) for cycles in (8, 4)}
    conditions = ["clean", *(f"{kind}:radius={radius}" for kind in ("low-pass", "high-pass") for radius in (3, 6, 12))]
    return sb.run(sb.Study(gratings, models, conditions), tmp_path_factory.mktemp("filtered") / "run.h5")


def test_band_accuracy_ends_where_the_band_of_the_network_ends(filtered):
    table = filtered.metric("band-accuracy")
    table["radius"] = table["condition"].str.extract(r"(\d+)$").astype(int)
    values = table.set_index(["model", "filter", "radius"])["value"]
    for cycles in (4, 8):
        for radius in (3, 6, 12):
            name = f"{cycles} cycles"
            assert values[name, "low-pass", radius] == (1 if cycles <= radius else 1 / 4)
            assert values[name, "high-pass", radius] == (1 if cycles > radius else 1 / 4)


def test_corruption_error_is_the_ratio_of_the_errors_that_were_planted(filtered):
    table = filtered.metric("corruption-error:severity=radius")
    values = table[table["metric"] == "corruption-error"].set_index(["model", "condition"])["value"]
    # Of the low-pass radii 3, 6, 12 the baseline of 8 cycles fails at two, the other at one; of high-pass the reverse.
    assert values["4 cycles", "low-pass:radius=*"] == pytest.approx(1 / 2)
    assert values["4 cycles", "high-pass:radius=*"] == pytest.approx(2)
    mean = table[table["metric"] == "mce"].set_index("model")["value"]
    assert mean["4 cycles"] == pytest.approx((1 / 2 + 2) / 2)


def test_relative_accuracy_falls_to_chance_where_the_band_is_gone(filtered):
    table = filtered.metric("relative-accuracy")
    values = table.set_index(["model", "metric", "condition"])["value"]
    for metric, left in (("relative-accuracy", 1 / 4), ("rescaled-accuracy", 0)):
        assert values["8 cycles", metric, "low-pass:radius=6"] == pytest.approx(left)
        assert values["4 cycles", metric, "low-pass:radius=6"] == 1


def test_fourier_sensitivity_is_at_the_frequency_of_the_network_alone(gratings):
    results = sb.evaluate(
        classifier(GratingReader(4)), gratings, probes="fourier-heatmap:radius=5,strength=0.2", name="net"
    )
    table = results.metric("fourier-sensitivity")
    hit = table[table["value"] > 0]
    assert {(abs(down), abs(across)) for down, across in zip(hit["down"], hit["across"], strict=True)} == {
        (0, 4),
        (4, 0),
    }


def test_the_critical_band_is_that_of_the_network(gratings):
    conditions = [
        f"critical-band-noise:band={band},sigma={sigma},contrast=0.05,mean=0.5"
        for band in range(7)
        for sigma in (0, 0.02, 0.04, 0.08, 0.16)
    ]
    results = sb.evaluate(classifier(GratingReader(4)), gratings, conditions)
    table = results.metric("critical-band")
    steps = table[table["metric"] == "critical-band-threshold"].sort_values("band")["value"].to_numpy()
    # In images of 64 pixels the power of band 4 is around 4 cycles: half of its nominal centre, 2^4 / 2.
    assert steps.argmax() == 4
    assert steps[[0, 1, 2, 6]].max() == 0


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_robust_accuracy_ends_at_the_margin(attack, tmp_path):
    margins = np.arange(1, 9) / 255  # of the darker and of the brighter pictures
    for name, sign in (("bright", 1), ("dark", -1)):
        for margin in margins:
            level = (127.5 + sign * (255 * margin - 0.5)) / 255
            save(tmp_path, f"{name}/{round(255 * margin)}.png", np.full((8, 8), level))
    eps = (1 / 255, 3 / 255, 5 / 255, 8 / 255)
    data = f"levels=folder:{tmp_path},size=8"
    text = f"{attack}:eps={','.join(f'{round(255 * one)}/255' for one in eps)}"
    curve = sb.evaluate(classifier(Brightness()), data, text).metric("robust-accuracy").set_index("eps")["value"]
    for radius, value in curve.items():
        assert value == ((margins - 0.5 / 255) > radius).mean()


@pytest.mark.parametrize(("steps", "relative"), [(1, 1 / 4), (2, 0)])
def test_completeness_is_the_error_of_the_quadrature(steps, relative, tmp_path):
    """Gauss's rule of 1 point gives 3 (1/2)^2 for the integral 1 of 3 t^2: 1/4 is missing; 2 points are exact."""
    for name in ("a", "b"):
        save(tmp_path, f"{name}/0.png", np.full((8, 8), 0.8))
        save(tmp_path, f"{name}/1.png", np.full((8, 8), 0.4))
    method = f"integrated-gradients:steps={steps},objective=logit,target=0"
    results = sb.evaluate(classifier(Cube()), f"folder:{tmp_path},size=8", saliency=method)
    assert results.metric("completeness")["value"].tolist() == pytest.approx([relative], abs=1e-5)


@pytest.mark.parametrize("level", [0, 0.5, 1])
def test_cue_sensitivity_follows_the_reliance(level):
    """A cue that is always answered has a sensitivity of 1, and no other class is ranked first."""
    results = sb.evaluate(planted(level), "stimuli:cue=conflict,images=56", probes="output-ranks")
    values = results.metric("cue-sensitivity").set_index("metric")["value"]
    assert values["shape-sensitivity"] >= level - 0.15
    assert values["texture-sensitivity"] >= 1 - level - 0.15
    assert values["shape-sensitivity"] < level + 0.45
    assert values["texture-sensitivity"] < 1 - level + 0.45


@pytest.fixture(scope="module")
def anagrams(tmp_path_factory):
    """Pairs of drawn pictures with the same texture inside two shapes: only the shape tells them apart."""
    folder = tmp_path_factory.mktemp("anagrams")
    drawn = Stimuli(cue="conflict", images=224)
    of_texture = {}
    for sample in drawn:
        of_texture.setdefault(sample.texture, []).append(sample)
    pair = 0
    for samples in of_texture.values():
        for one, other in zip(samples[::2], samples[1::2], strict=False):
            if one.shape != other.shape:
                for place, sample in enumerate((one, other)):
                    names = [str(each.shape) for each in (one, other)]
                    name = f"{pair:03d}_transform_{names[0]}_{names[1]}_object{place}_{names[place]}.png"
                    path = folder / names[place] / name
                    path.parent.mkdir(exist_ok=True)
                    Image.fromarray(sample.image).save(path)
                pair += 1
    return f"anagrams=folder:{folder},size=64"


@pytest.mark.parametrize("level", [0, 0.5, 1])
def test_the_configural_score_is_the_square_of_the_reliance(level, anagrams):
    """Both pictures of a pair are right where both are answered by their shape."""
    (value,) = sb.evaluate(planted(level), anagrams).metric("configural-shape")["value"]
    assert value == pytest.approx(level**2, abs=0.12)


@pytest.mark.parametrize("copied", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_kappa_with_people_is_the_share_of_answers_that_are_copied(copied):
    random = np.random.default_rng(5)
    accuracy, images, conditions = 0.6, 4000, ("c50", "c10")
    cells = []
    for condition in conditions:
        # Whoever does not copy is right with the same probability: agreement beyond chance is the share of copies.
        common = random.random(images) < accuracy
        for name in ("subject-01", "subject-02", "net"):
            own = random.random(images) < accuracy
            right = np.where(random.random(images) < np.sqrt(copied), common, own)
            facts = {"condition": condition, "dataset": "model-vs-human:contrast", "model": name}
            cells.append(InMemoryAnswers(1 - right.astype(int), np.zeros(images, int), **facts))
    table = HumanConsistency()(InMemoryResults(cells))
    values = {(row["model"], row["measure"]): row["value"] for row in table.to_dict("records")}
    for who in ("net", "people"):
        assert values[who, "error-consistency"] == pytest.approx(copied, abs=0.03)
        assert values[who, "ood-accuracy"] == pytest.approx(accuracy, abs=0.02)
        assert values[who, "accuracy-difference"] == pytest.approx(0, abs=0.002)
        chance = accuracy**2 + (1 - accuracy) ** 2
        assert values[who, "observed-consistency"] == pytest.approx(copied + (1 - copied) * chance, abs=0.02)
