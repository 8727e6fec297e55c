"""Zero-shot models against open_clip called by hand, with its own tokenizer."""

from __future__ import annotations

import math

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from shapebias_open_clip.model import OpenClip
from torch.nn import functional

import shapebias as sb
from shapebias.plugin import EvalCrop, class_embeddings, fit, imagenet_wnids

CPU = torch.device("cpu")
CLASSES = ("airplane", "polar_bear", "clock")
ARCHITECTURES = ["shapebias-vit", "shapebias-resnet", "shapebias-sigmoid", "shapebias-coca"]


def by_hand(network, pixels, texts):
    """Compute the logits of open_clip for one text a class."""
    tokens = open_clip.SimpleTokenizer(context_length=getattr(network, "context_length", 77))(texts)
    pixel_config = network.visual.preprocess_cfg
    mean, std = (torch.tensor(pixel_config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        images = network.encode_image((pixels - mean) / std, normalize=True)
        words = network.encode_text(tokens, normalize=True)
        bias = 0 if network.logit_bias is None else network.logit_bias
        return network.logit_scale.exp() * images @ words.T + bias


def images(network, count=3):
    side = network.visual.preprocess_cfg["size"]
    side = side if isinstance(side, int) else side[0]
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_photographs_are_cut_as_open_clip_cuts_them(name):
    random = np.random.default_rng(0)
    photograph = Image.fromarray(random.integers(0, 256, (300, 451, 3), np.uint8))
    model = OpenClip(name, None)
    config = model.load(CPU, classes=CLASSES).module.image_encoder.preprocess_cfg
    transform = open_clip.transform.image_transform_v2(open_clip.transform.PreprocessCfg(**config), is_train=False)
    mean, std = (np.array(config[key]) for key in ("mean", "std"))
    expected = transform(photograph).permute(1, 2, 0).numpy() * std + mean
    crop = model.eval_crop
    seen = fit(photograph, crop.size, interpolation=crop.interpolation, resize=crop.resize, squash=crop.squash)
    np.testing.assert_allclose(seen / 255, expected, atol=1e-5)


def test_weights_may_be_squashed():
    assert OpenClip("ViT-B-32", "openai").eval_crop == EvalCrop(224, 224, "bicubic")
    assert OpenClip("ViT-B-16-SigLIP", "webli").eval_crop == EvalCrop(224, 224, "bicubic", squash=True)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scores_are_the_logits_of_open_clip(weights, name):
    network, path = weights(name)
    pixels = images(network)
    model = OpenClip(name, path).load(CPU, classes=CLASSES)
    expected = by_hand(network, pixels, ["a photo of a airplane.", "a photo of a polar bear.", "a photo of a clock."])
    with torch.no_grad():
        found = model(pixels)
    assert model.classes == CLASSES
    assert torch.allclose(found, expected, atol=1e-4)
    assert expected.std(dim=0).min() > 1e-3  # the images matter
    assert expected.std(dim=1).min() > 1e-3  # and so do the texts


def test_the_scores_of_clip_are_those_of_its_own_forward_pass(weights):
    network, path = weights("shapebias-vit")
    pixels = images(network)
    config = network.visual.preprocess_cfg
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        image, text, scale = network((pixels - mean) / std, open_clip.SimpleTokenizer()(list("abc")))
        found = OpenClip("shapebias-vit", path, templates=()).load(CPU, classes="abc")(pixels)
    assert torch.allclose(found, scale * image @ text.T, atol=1e-4)


def test_embeddings_of_templates_are_normalised_averaged_and_normalised(weights):
    """Against open_clip's own classifier of zero-shot evaluation."""
    network, path = weights("shapebias-vit")
    templates = ("a photo of a {}.", "the {}.", "art of a {}.")
    model = OpenClip("shapebias-vit", path, templates=templates).load(CPU, classes=("cat", "dog"))
    expected = open_clip.build_zero_shot_classifier(
        network, open_clip.SimpleTokenizer(), ["cat", "dog"], [lambda name, t=t: t.format(name) for t in templates]
    )
    assert torch.allclose(model.module.embeddings, expected.T, atol=1e-5)


def test_the_80_templates_and_the_names_are_those_of_open_clip():
    texts = OpenClip("shapebias-vit", None, templates="imagenet").class_texts(imagenet_wnids())
    expected = [fill(name) for name in open_clip.IMAGENET_CLASSNAMES for fill in open_clip.OPENAI_IMAGENET_TEMPLATES]
    assert texts == expected


def test_images_have_gradients_and_grad_cam_a_grid(weights):
    network, path = weights("shapebias-vit")
    model = OpenClip("shapebias-vit", path).load(CPU, classes=CLASSES)
    assert (model.features.layout, model.features.prefix_tokens) == ("NLC", 1)
    pixels = images(network)
    for method in ("grad-cam:relu=false", "smoothgrad:samples=2"):
        component = sb.default_catalog().component("saliency", method)
        rng = sb.plugin.ImageRandom.for_images(0, method, 0, ("a", "b", "c"), CPU)
        with model.evaluating():
            maps = component.settings(model, pixels, torch.tensor([0, 1, 2]), rng)
        maps = maps if isinstance(maps, torch.Tensor) else maps.maps
        assert maps.std() > 0
    resnet = OpenClip("shapebias-resnet", weights("shapebias-resnet")[1]).load(CPU, classes=CLASSES)
    assert resnet.features.module is resnet.module.image_encoder.layer4


def test_embeddings_are_kept_by_the_texts(weights, tmp_path, monkeypatch):
    _network, path = weights("shapebias-vit")
    OpenClip("shapebias-vit", path).load(CPU, classes=CLASSES)
    assert len(list((tmp_path / "cache").iterdir())) == 1

    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr("shapebias_open_clip.texts.class_embeddings", refuse)
    OpenClip("shapebias-vit", path).load(CPU, classes=CLASSES)
    for changed in ({"templates": ("a {}.",)}, {"classes": "imagenet"}):
        with pytest.raises(AssertionError, match="again"):
            OpenClip("shapebias-vit", path, **changed).load(CPU, classes=CLASSES)


def test_a_study_of_16_classes_is_answered_and_resumed(weights, tmp_path):
    _network, path = weights("shapebias-vit")
    study = sb.Study("stimuli:cue=conflict,images=56,size=32", f"open-clip:shapebias-vit,pretrained={path}", limit=8)
    with sb.run(study, tmp_path / "run.h5") as results:
        (answers,) = results.answers()
        assert answers.logits.shape == (8, 8)
    pgd = sb.Study(study.datasets, study.models, ["clean", "pgd:eps=8/255,steps=2"], "grad-cam", limit=4)
    with sb.run(pgd, tmp_path / "pgd.h5") as results:
        assert not results.failures
    words = tmp_path / "words.json"
    words.write_text('{"square/stripes": "box"}')
    renamed = sb.Study(study.datasets, f"open-clip:shapebias-vit,pretrained={path},names={words}", limit=8)
    with sb.run(renamed, tmp_path / "run.h5") as results:
        assert len(results.answers()) == 2


def test_imagenet_classes_are_mapped_as_those_of_an_imagenet_model(weights, monkeypatch):
    _network, path = weights("shapebias-vit")

    def few(encode, texts):
        return class_embeddings(encode, texts[:20]).repeat(50, 1)

    monkeypatch.setattr("shapebias_open_clip.texts.class_embeddings", few)  # a thousand texts take seconds
    model = OpenClip("shapebias-vit", path, classes="imagenet").load(CPU, classes=CLASSES)
    assert model.classes == imagenet_wnids()


def test_weights_trained_with_quick_gelu_get_it(monkeypatch):
    from shapebias_open_clip import network

    seen = []
    monkeypatch.setattr(network, "_quietly", lambda name, options: seen.append((name, options)))
    network.read_network("ViT-L-14", "openai", 0, {})
    network.read_network("ViT-L-14", "laion2b_s32b_b82k", 0, {})
    assert [options["force_quick_gelu"] for _, options in seen] == [True, False]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"architecture": "ViT-Z", "pretrained": None}, "no architecture"),
        ({"architecture": "ViT-B-32"}, "give pretrained= one of openai"),
        ({"architecture": "ViT-B-32", "pretrained": "mine"}, "no weights 'mine'"),
        ({"architecture": "ViT-B-32", "pretrained": "nowhere/x.pt"}, "does not exist"),
        ({"architecture": "hf-hub:a/b", "pretrained": "openai"}, "leave pretrained"),
    ],
)
def test_names_that_open_clip_lacks_are_refused(settings, words):
    with pytest.raises(sb.ShapebiasError, match=words):
        OpenClip(**settings).load(CPU, classes=CLASSES)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"state_dict": math.sqrt}, path)
    with pytest.raises(sb.ShapebiasError, match="runs no code"):
        OpenClip("shapebias-vit", path).load(CPU, classes=CLASSES)


def test_classes_without_words_are_refused(weights):
    _network, path = weights("shapebias-vit")
    with pytest.raises(sb.ShapebiasError, match="names=FILE"):
        OpenClip("shapebias-vit", path).load(CPU, classes=("0", "1"))


def test_normalisation_is_that_of_the_weights(weights):
    model = OpenClip("shapebias-vit", weights("shapebias-vit")[1]).load(CPU, classes=CLASSES)
    assert model.mean == pytest.approx(open_clip.OPENAI_DATASET_MEAN)
    assert functional.cosine_similarity(model.module.embeddings, model.module.embeddings).allclose(torch.ones(3))
