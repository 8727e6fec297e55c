"""Planted truth: what each stream can see, and measures of reliance on shape against the reliance that was put in."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import shapebias as sb
from shapebias.datasets.stimuli import Stimuli
from shapebias.errors import SpellingError
from shapebias.models.planted import Planted, PlantedNetwork, contour_energy, fine_structure

LEVELS = (0, 0.5, 1)
CPU = torch.device("cpu")


def pictures(cue, images=56, **settings):
    samples = [*Stimuli(cue=cue, images=images, **settings)]
    pixels = torch.from_numpy(np.stack([sample.image for sample in samples])).permute(0, 3, 1, 2) / 255
    return pixels, samples


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """The planted models on stimuli of every kind, and their maps."""
    models = {f"{level:g}": Planted(level) for level in LEVELS}
    datasets = [f"{cue}=stimuli:cue={cue},images=56" for cue in ("conflict", "shape", "texture", "match")]
    folder = tmp_path_factory.mktemp("planted")
    answers = sb.run(sb.Study(datasets, models, ["clean", "patch-shuffle:k=4"]), folder / "answers.h5")
    methods = ["gradient", "input-x-gradient", "guided-backprop", "random", "edge-detector"]
    maps = sb.run(sb.Study(datasets[0], models, "clean", methods, limit=28), folder / "maps.h5")
    return answers, maps


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """The models of one cue on stimuli with both: areas under curves, and maps of randomised networks."""
    models = {"texture": Planted(0), "shape": Planted(1)}
    probes = ["insertion:steps=8", "deletion:steps=8", "randomization:stages=1"]
    study = sb.Study("stimuli:images=14", models, "clean", ["gradient", "random"], probes)
    return sb.run(study, tmp_path_factory.mktemp("planted") / "probed.h5")


def by_level(table):
    return table.set_index("model")["value"].reindex([f"{level:g}" for level in LEVELS]).tolist()


def test_the_shape_stream_sees_the_same_with_another_texture():
    plain, _ = pictures("shape")
    textured, _ = pictures("conflict")
    energy = contour_energy(plain)
    # Blurring leaves a little of the coarsest textures.
    assert (contour_energy(textured) - energy).abs().sum() < 0.2 * energy.sum()
    shape = Planted(1).load(CPU)
    assert (shape(plain).argmax(dim=1) == shape(textured).argmax(dim=1)).float().mean() > 0.95


def test_the_texture_stream_sees_nothing_of_an_object_in_plain_colour():
    plain, samples = pictures("shape")
    structure, _ = fine_structure(plain)
    assert structure.abs().max() < 0.01
    answers = Planted(0).load(CPU)(plain)
    assert (answers - answers[0]).abs().max() < 0.05
    assert len({sample.label for sample in samples}) == 8


def test_pixels_of_the_texture_stream_are_inside_the_object():
    images, samples = pictures("conflict")
    masks = torch.from_numpy(np.stack([sample.mask for sample in samples]))
    pixels = images.requires_grad_()
    (gradient,) = torch.autograd.grad(Planted(0).load(CPU)(pixels).logsumexp(dim=1).sum(), pixels)
    magnitude = gradient.abs().sum(dim=1)
    outside = (magnitude * ~masks).flatten(1).sum(dim=1)
    assert (outside / magnitude.flatten(1).sum(dim=1)).max() < 1e-4


def test_each_stream_answers_by_its_cue_on_pictures_that_it_was_not_trained_on():
    images, samples = pictures("conflict", seed=5)
    for level, cue in ((1, "shape"), (0, "texture")):
        wanted = torch.tensor([getattr(sample, cue) for sample in samples])
        assert (Planted(level).load(CPU)(images).argmax(dim=1) == wanted).float().mean() > 0.95


@pytest.mark.parametrize("level", [0, 0.25, 0.5, 1])
def test_the_share_of_pictures_answered_by_shape_is_the_reliance(level):
    images = torch.rand(4000, 3, 1, 1, generator=torch.Generator().manual_seed(0)).expand(-1, -1, 2, 2)
    share = PlantedNetwork(level).uses_shape(images).float().mean().item()
    # 4,000 pictures: standard deviation at most 0.008.
    assert share == pytest.approx(level, abs=0.03 if 0 < level < 1 else 0)


def test_the_shape_bias_is_the_reliance(calibrated):
    bias = calibrated[0].metric("shape-bias")
    values = by_level(bias[(bias["averaging"] == "micro") & (bias["condition"] == "clean")])
    assert values == pytest.approx(LEVELS, abs=0.2)  # 56 pictures: standard deviation 0.07 in the middle
    assert values[0] < 0.05
    assert values[2] > 0.95


def test_every_number_of_the_headline_follows_the_reliance(calibrated):
    table = calibrated[0].metric("headline")
    cues = set()
    for (cue, *_), rows in table[table["cue"] != "both"].groupby(["cue", "dataset", "condition"]):
        low, middle, high = by_level(rows)[:: 1 if cue == "shape" else -1]
        assert low < middle < high
        assert high - low > 0.6
        cues.add(cue)
    assert cues == {"shape", "texture"}


@pytest.mark.parametrize("method", ["gradient", "input-x-gradient", "guided-backprop"])
def test_saliency_goes_from_the_inside_to_the_contour(calibrated, method):
    share = calibrated[1].metric("saliency-share")
    share = share[share["saliency"].str.startswith(method)]
    inside, contour = (by_level(share[share["region"] == region]) for region in ("inside", "contour"))
    assert inside[0] > 0.95
    assert inside[0] > inside[1] > inside[2]
    assert contour[0] < contour[1] < contour[2]


@pytest.mark.parametrize("method", ["grad-cam:target=prediction", "occlusion:window=16,stride=16,baseline=blur"])
def test_coarse_saliency_tells_models_of_one_cue_apart(method, tmp_path):
    models = {"texture": Planted(0), "shape": Planted(1)}
    study = sb.Study("stimuli:cue=conflict,images=14", models, "clean", method)
    share = sb.run(study, tmp_path / "run.h5").metric("saliency-share").set_index(["region", "model"])["value"]
    assert share["inside", "texture"] > share["inside", "shape"] + 0.1


@pytest.mark.parametrize("level", [0, 0.5, 1])
def test_only_a_model_of_one_stream_has_a_feature_layer(level):
    network = Planted(level).load(CPU)
    assert (network.features is None) == (level == 0.5)


@pytest.mark.parametrize(("condition", "cue"), [("low-pass:8", "shape"), ("patch-shuffle:k=4", "texture")])
def test_conditional_accuracy_follows_the_cue_that_the_condition_leaves(condition, cue, tmp_path):
    models = {f"{level:g}": Planted(level) for level in LEVELS}
    study = sb.Study("stimuli:images=56", models, ["clean", condition])
    low, middle, high = by_level(sb.run(study, tmp_path / "run.h5").metric("conditional-accuracy"))[
        :: 1 if cue == "shape" else -1
    ]
    assert low + 0.1 < middle < high - 0.1


def test_error_consistency_falls_with_the_distance_of_what_was_planted(tmp_path):
    levels = (0.25, 0.5, 0.75)
    models = {str(level): Planted(level) for level in levels}
    results = sb.run(sb.Study("stimuli:cue=conflict,images=168", models), tmp_path / "run.h5")
    kappa = results.metric("error-consistency").set_index(["model", "other"])["value"]
    # Of two models that answer by shape a share a < b of the pictures, all of the first among those of the second,
    # 1 - (b - a) agree, where ab + (1 - a)(1 - b) would by chance.
    for one, other in itertools.combinations(levels, 2):
        chance = one * other + (1 - one) * (1 - other)
        assert kappa[str(one), str(other)] == pytest.approx((1 - (other - one) - chance) / (1 - chance), abs=0.15)


def test_agreement_of_maps_falls_with_the_distance_of_what_was_planted(calibrated):
    agreement = calibrated[1].metric("saliency-agreement")
    agreement = agreement[agreement["saliency"].str.startswith("gradient")]
    agreement = agreement.set_index(["measure", "model", "other"])["value"]
    for measure in ("spearman", "ssim", "top-overlap"):
        far = agreement[measure, "0", "1"]
        assert far < agreement[measure, "0", "0.5"]
        assert far < agreement[measure, "0.5", "1"]


def test_maps_are_less_sparse_the_more_the_shape_answers(calibrated):
    sparseness = calibrated[1].metric("saliency-sparseness")
    low, middle, high = by_level(sparseness[sparseness["saliency"].str.startswith("gradient")])
    assert low > middle > high


def test_the_gradient_is_more_faithful_than_noise_whichever_cue_answers(probed):
    area = probed.metric("faithfulness")
    area["method"] = area["saliency"].str.split(":").str[0]
    area["probe"] = area["probe"].str.split(":").str[0]
    area = area.set_index(["model", "probe", "method"])["value"]
    for cue in ("texture", "shape"):
        assert area[cue, "insertion", "gradient"] > area[cue, "insertion", "random"]
    assert area["shape", "deletion", "gradient"] < area["shape", "deletion", "random"]


def test_a_place_that_was_planted_survives_the_randomisation_of_the_weights(probed):
    sanity = probed.metric("sanity")
    sanity = sanity[sanity["saliency"].str.startswith("gradient")].set_index("model")["value"]
    # Where the texture stream looks is not a weight, so shuffling them leaves its gradient inside the object.
    assert sanity["texture"] > 0.9 > sanity["shape"]


def test_cue_strength_is_flat_at_the_reliance_where_no_cue_is_made_to_win(tmp_path):
    """Which stream answers does not depend on how strong the texture is."""
    contrasts = {text: f"stimuli:cue=conflict,images=56,contrast={text}" for text in ("0.06", "0.24")}
    models = {f"{level:g}": Planted(level) for level in LEVELS}
    table = sb.run(sb.Study(contrasts, models), tmp_path / "run.h5").metric("cue-strength")
    points = table[table["metric"] == "cue-strength"]
    for (_, level), value in points.set_index(["dataset", "model"])["value"].items():
        assert abs(value - float(level)) < 0.15, level


def test_controls_do_not_follow(calibrated):
    share = calibrated[1].metric("saliency-share")
    for method in ("random", "edge-detector"):
        for region in ("inside", "contour"):
            rows = share[(share["saliency"] == method) & (share["region"] == region)]
            assert len(set(rows["value"].round(6))) == 1


def test_reliance_is_a_share():
    with pytest.raises(SpellingError, match="reliance: must be <= 1"):
        Planted(reliance=1.5)
