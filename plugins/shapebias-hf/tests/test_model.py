"""Models against transformers called by hand, and against what the words of the documentation mean."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from huggingface_hub import constants
from PIL import Image
from shapebias_hf.dataset import HuggingFaceDataset
from shapebias_hf.model import HuggingFaceModel
from shapebias_hf.network import Logits, class_names
from shapebias_hf.preprocessing import read_eval_crop, read_preprocessing
from torch import nn
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES

import shapebias as sb
from shapebias.plugin import EvalCrop, fit, last_grid

CPU = torch.device("cpu")
SIDE = 64
TOKENS = {
    "image_size": SIDE,
    "patch_size": 16,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
STAGES = {"hidden_sizes": [8, 16, 24], "depths": [1, 1, 2]}
PYRAMID = {
    "image_size": SIDE,
    "hidden_sizes": [8, 16, 24, 32],
    "depths": [1, 1, 1, 1],
    "num_attention_heads": [1, 1, 2, 2],
}
WINDOWS = {
    "image_size": SIDE,
    "patch_size": 4,
    "embed_dim": 8,
    "depths": [1, 1, 2],
    "num_heads": [1, 2, 2],
    "window_size": 4,
}
MOBILE = {"image_size": SIDE, "hidden_sizes": [16, 16, 24], "neck_hidden_sizes": [8, 8, 8, 8, 8, 16, 32]}

# Small networks of each family with the module that their papers' own words lead to: the last stage of a convolutional
# network; the hidden state before the last attention where the answer is read from the class token; and the last norm,
# or the last layer, where patches are averaged.
FAMILIES = {
    "beit": (TOKENS, "beit.layernorm", "NLC", 1),
    "convnext": (STAGES | {"num_stages": 3}, "convnext.encoder.stages.2", "NCHW", 0),
    "convnextv2": (STAGES | {"num_stages": 3}, "convnextv2.encoder.stages.2", "NCHW", 0),
    "deit": (TOKENS, "deit.layers.1", "NLC", 2),
    "dinov2": (TOKENS, "dinov2.layernorm", "NLC", 1),
    "dinov2_with_registers": (TOKENS, "dinov2_with_registers.layernorm", "NLC", 5),
    "efficientnet": (
        {"image_size": SIDE, "width_coefficient": 0.25, "depth_coefficient": 0.25, "hidden_dim": 320},
        "efficientnet.encoder.top_activation",
        "NCHW",
        0,
    ),
    "mobilenet_v2": ({"image_size": SIDE, "depth_multiplier": 0.35}, "mobilenet_v2.conv_1x1", "NCHW", 0),
    "mobilevit": (MOBILE | {"num_attention_heads": 2}, "mobilevit.conv_1x1_exp", "NCHW", 0),
    "pvt_v2": (PYRAMID, "pvt_v2.encoder.layers.3.layer_norm", "NLC", 0),
    "regnet": (STAGES | {"embedding_size": 8, "groups_width": 4}, "regnet.encoder.stages.2", "NCHW", 0),
    "resnet": (STAGES | {"embedding_size": 8, "layer_type": "basic"}, "resnet.encoder.stages.2", "NCHW", 0),
    "segformer": (PYRAMID, "segformer.stages.3", "NCHW", 0),
    "swin": (WINDOWS, "swin.layernorm", "NLC", 0),
    "swinv2": (WINDOWS, "swinv2.layernorm", "NLC", 0),
    "vit": (TOKENS, "vit.layers.1", "NLC", 1),
}
PROCESSORS = {
    "convnext": transformers.ConvNextImageProcessor(size={"shortest_edge": SIDE}, crop_pct=0.875),
    "efficientnet": transformers.EfficientNetImageProcessor(
        size={"height": SIDE, "width": SIDE}, image_mean=[0.4, 0.5, 0.6], image_std=[0.5, 0.4, 0.3]
    ),  # normalises twice
    "mobilevit": transformers.MobileViTImageProcessor(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    ),  # blue first, not normalised
    "resnet": transformers.ConvNextImageProcessor(
        size={"shortest_edge": SIDE}, crop_pct=0.9, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
    ),
}


def make(family, **settings):
    """Make a small network with random weights that hand on what they get: those of transformers fade in small ones."""
    name = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES[family]
    kind = getattr(transformers, name if isinstance(name, str) else name[0])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.AutoConfig.for_model(family, **FAMILIES[family][0], num_labels=5, **settings)
        network = kind(config).eval()
        for parameter in network.parameters():
            if parameter.ndim > 1:
                nn.init.kaiming_normal_(parameter)
    return network


def save(folder, network, processor):
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return a function from a family to its network, its processor, and their folder."""
    made = {}

    def find(family):
        if family not in made:
            network = make(family)
            default = transformers.ViTImageProcessor(size={"height": SIDE, "width": SIDE})
            processor = PROCESSORS.get(family, default)
            made[family] = network, processor, save(tmp_path_factory.mktemp(family), network, processor)
        return made[family]

    return find


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)


def as_pixels(photos):
    return torch.from_numpy(photos).permute(0, 3, 1, 2) / 255


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_those_of_transformers_with_its_processor(saved, photos, family):
    network, processor, folder = saved(family)
    model = HuggingFaceModel(folder).load(CPU)
    given = processor(images=list(photos), return_tensors="pt", do_resize=False, do_center_crop=False)
    with torch.no_grad():
        expected, found = network(pixel_values=given["pixel_values"]).logits, model(as_pixels(photos))
    assert model.input_size == (SIDE, SIDE)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    assert expected.std(dim=0).max() > 0  # the pixels matter


@pytest.mark.parametrize("family", FAMILIES)
def test_the_whole_answer_and_each_patch_go_through_the_feature_layer(saved, photos, family):
    _network, _processor, folder = saved(family)
    model = HuggingFaceModel(folder).load(CPU)
    _settings, name, layout, prefix = FAMILIES[family]
    assert model.features.module is model.module.get_submodule(f"network.{name}")
    assert (model.features.layout, model.features.prefix_tokens) == (layout, prefix)
    seen = []
    hook = model.features.module.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    answers = model(as_pixels(photos))
    (gradient,) = torch.autograd.grad(answers.square().sum(), seen)
    hook.remove()
    patches = gradient[:, prefix:].abs().sum(dim=2) if layout == "NLC" else gradient.abs().sum(dim=1)
    assert (patches != 0).all()
    # Where the layer always says the same, the images no longer matter.
    hook = model.features.module.register_forward_hook(lambda _module, _inputs, output: torch.ones_like(output))
    same = model(as_pixels(photos))
    hook.remove()
    assert torch.equal(same[0], same[1])
    assert not torch.equal(answers[0], answers[1])


@pytest.mark.parametrize("family", ["mobilevit", "swin", "vit"])
def test_grad_cam_draws_on_the_grid(saved, photos, family):
    model = HuggingFaceModel(saved(family)[2]).load(CPU)
    component = sb.default_catalog().component("saliency", "grad-cam:relu=false")
    with model.evaluating():
        maps = component.settings(model, as_pixels(photos), torch.tensor([0, 1]), None)
    assert maps.shape == (2, SIDE, SIDE)
    assert maps.std() > 0


def test_a_grid_is_the_last_that_nothing_leads_past():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.branch = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
            self.head = nn.Linear(4, 3)

        def forward(self, pixels):
            found = self.stem(pixels)
            return self.head((found + self.branch(found)).mean(dim=(2, 3)))

    network = Residual().eval()
    assert last_grid(network, (8, 8)).module is network.stem
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())  # noqa: SLF001 - torch has no public way
    assert last_grid(network, (8, 10)) is None


def test_channels_last_grids_are_told_from_others():
    class Permuted(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.norm, self.head = nn.Conv2d(3, 6, 2, stride=2), nn.LayerNorm(6), nn.Linear(6, 3)

        def forward(self, pixels):
            return self.head(self.norm(self.stem(pixels).permute(0, 2, 3, 1)).mean(dim=(1, 2)))

    network = Permuted().eval()
    features = last_grid(network, (8, 8))
    assert (features.module, features.layout) == (network.norm, "NHWC")


@pytest.mark.parametrize("latents", [16, 20])
def test_latents_of_a_perceiver_are_not_taken_for_a_grid(latents):
    """Neither 4 x 4 latents nor 20, which are not a square number; no position of the image belongs to a latent."""
    settings = {"num_latents": latents, "d_latents": 32, "num_self_attention_heads": 2, "image_size": 32}
    config = transformers.PerceiverConfig(
        **settings, num_blocks=1, num_self_attends_per_block=2, num_cross_attention_heads=1, num_labels=5
    )
    network = transformers.PerceiverForImageClassificationLearned(config).eval()
    assert last_grid(Logits(network), (32, 32)) is None


def test_tokens_of_attention_have_a_position_where_their_queries_have_one():
    class Attention(nn.Module):
        def __init__(self, *, learned, fused):
            super().__init__()
            self.stem, self.norm, self.head = nn.Conv2d(3, 6, 2, stride=2), nn.LayerNorm(6), nn.Linear(6, 3)
            self.query = nn.Parameter(torch.randn(1, 16, 6)) if learned else None
            self.fused = fused

        def forward(self, pixels):
            tokens = self.stem(pixels).flatten(2).transpose(1, 2)
            query = tokens if self.query is None else self.query
            if self.fused:
                found = nn.functional.scaled_dot_product_attention(query, tokens, tokens)
            else:
                found = (query @ tokens.transpose(1, 2)).softmax(dim=2) @ tokens
            return self.head(self.norm(found).mean(dim=1))

    for fused in (True, False):
        network = Attention(learned=False, fused=fused).eval()
        assert last_grid(network, (8, 8)).module is network.norm
        assert last_grid(Attention(learned=True, fused=fused).eval(), (8, 8)) is None


def test_images_that_are_not_rgb_are_refused(tmp_path, saved):
    folder = save(tmp_path, make("resnet", num_channels=1), saved("resnet")[1])
    with pytest.raises(sb.ShapebiasError, match=r"takes images of 1 channels .*images are RGB here"):
        HuggingFaceModel(folder).load(CPU)


def test_a_network_without_a_grid_has_no_features():
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.Linear(8, 3)).eval()
    assert last_grid(network, (8, 8)) is None


def test_sizes_that_a_network_takes_or_not(saved, photos):
    model = HuggingFaceModel(saved("resnet")[2], input_size=96).load(CPU)
    assert model.input_size == (96, 96)
    with pytest.raises(sb.ShapebiasError, match=r"does not take images of 96 x 96 pixels: .*leave input_size out"):
        HuggingFaceModel(saved("vit")[2], input_size=96).load(CPU)


@pytest.mark.parametrize(
    ("processor", "size", "interpolation"),
    [
        (transformers.ViTImageProcessor(size={"height": 48, "width": 80}), (48, 80), "bilinear"),
        (transformers.BitImageProcessor(), (224, 224), "bicubic"),
        (transformers.ViTImageProcessor(do_resize=False), None, "bilinear"),
        (transformers.ConvNextImageProcessor(size={"shortest_edge": 224}, resample=0), (224, 224), "nearest"),
    ],
)
def test_sizes_of_processors(tmp_path, processor, size, interpolation):
    processor.save_pretrained(tmp_path)
    found = read_preprocessing(tmp_path)
    assert (found.size, found.interpolation) == (size, interpolation)


def test_means_are_as_exact_as_they_are_written(tmp_path):
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    transformers.ViTImageProcessor(image_mean=mean, image_std=std).save_pretrained(tmp_path)
    found = read_preprocessing(tmp_path)
    assert np.allclose(found.mean, mean, rtol=0, atol=1e-7)
    assert np.allclose(found.std, std, rtol=0, atol=1e-7)


# Classes.


def test_names_of_classes_are_in_the_order_of_the_outputs(tmp_path, saved):
    names = ["ant", "bee", "cat", "dog", "eel"]
    network = make("resnet", id2label={index: names[index] for index in (3, 1, 4, 0, 2)})
    folder = save(tmp_path, network, saved("resnet")[1])
    assert HuggingFaceModel(folder).load(CPU).classes == tuple(names)
    assert HuggingFaceModel(saved("resnet")[2]).load(CPU).classes is None


# Safety, and what is missing.


def test_pickles_are_refused(tmp_path, saved):
    network, processor, _folder = saved("resnet")
    network.config.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(
        sb.ShapebiasError, match=r"no model\.safetensors, and pickles are not read, .*\.save_pretrained"
    ):
        HuggingFaceModel(str(tmp_path)).load(CPU)


def test_code_of_a_repository_is_not_run(tmp_path, saved):
    folder = shutil.copytree(saved("resnet")[2], tmp_path / "model")
    ran = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w')\nclass Own: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoModelForImageClassification": "modeling_own.Own"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(sb.ShapebiasError, match="is not an image classifier that transformers can make"):
        HuggingFaceModel(str(folder)).load(CPU)
    assert not ran.exists()


def test_a_backbone_without_a_classifier_is_refused(tmp_path, saved):
    network, processor, _folder = saved("resnet")
    with pytest.raises(
        sb.ShapebiasError, match=r"has no weights for classifier\.1\.bias, classifier\.1\.weight, so its"
    ):
        HuggingFaceModel(save(tmp_path, network.resnet, processor)).load(CPU)


def test_a_processor_can_come_from_elsewhere(tmp_path, saved, photos):
    network, _processor, folder = saved("resnet")
    network.save_pretrained(tmp_path)
    with pytest.raises(sb.ShapebiasError, match=r"(?s)has no image processor that can be read: .*with processor="):
        HuggingFaceModel(str(tmp_path)).load(CPU)
    found = HuggingFaceModel(str(tmp_path), processor=folder).load(CPU)
    whole = HuggingFaceModel(folder).load(CPU)
    assert torch.equal(found(as_pixels(photos)), whole(as_pixels(photos)))


def test_weights_in_half_precision_are_computed_with_in_single(tmp_path, saved, photos):
    network = make("resnet").half()
    model = HuggingFaceModel(save(tmp_path, network, saved("resnet")[1])).load(CPU)
    assert {parameter.dtype for parameter in model.module.parameters()} == {torch.float32}


# Identity and the hub.


def test_a_model_is_what_its_files_are_and_not_where_they_are(tmp_path, saved):
    folder = saved("resnet")[2]
    copy = shutil.copytree(folder, tmp_path / "copy")
    was = HuggingFaceModel(folder).fingerprint
    assert HuggingFaceModel(str(copy)).fingerprint == was
    (copy / "README.md").write_text("nothing that is read")
    assert HuggingFaceModel(str(copy)).fingerprint == was
    settings = copy / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace("0.485", "0.486"))
    changed = HuggingFaceModel(str(copy)).fingerprint
    assert changed != was
    assert HuggingFaceModel(folder, processor=str(copy)).fingerprint == f"{was} with processor {changed}"


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Return the folder of a hub that is there only as far as it was fetched before."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_model_of_the_hub_is_its_commit(offline, saved, photos):
    commit, folder = "0123456789abcdef" * 2 + "01234567", saved("resnet")[2]
    repository = offline / "models--owner--name"
    shutil.copytree(folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    settings = HuggingFaceModel("owner/name")
    assert settings.fingerprint == f"commit {commit}"
    found = settings.load(CPU)
    assert torch.equal(found(as_pixels(photos)), HuggingFaceModel(folder).load(CPU)(as_pixels(photos)))
    with pytest.raises(sb.ShapebiasError, match="hf:owner/name is not a local folder, and cannot be downloaded"):
        HuggingFaceModel("owner/name", revision="v2").load(CPU)


@pytest.mark.parametrize("name", ["owner/other", "/nowhere/model", "a/b/c"])
def test_what_is_nowhere_is_named_with_the_way_out(offline, name):
    with pytest.raises(sb.ShapebiasError, match=f"(?s)hf:{name} is not a local folder, .*hf download NAME --local-dir"):
        HuggingFaceModel(name).load(CPU)


def test_a_folder_has_no_revisions(saved):
    with pytest.raises(sb.ShapebiasError, match="has no revisions; leave revision=main out"):
        HuggingFaceModel(saved("resnet")[2], revision="main").load(CPU)


def test_names_with_a_gap_are_refused():
    assert class_names(
        {"1": "dog", "0": "cat", "10": "x", **{str(position): f"c{position}" for position in range(2, 10)}}
    ) == (
        *("cat", "dog"),
        *(f"c{position}" for position in range(2, 10)),
        "x",
    )
    with pytest.raises(sb.ShapebiasError, match=r"correct config\.json"):
        class_names({1: "cat", 2: "dog"})


def test_a_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert HuggingFaceModel("~/net").source == f"{tmp_path}/net"


@pytest.mark.parametrize("kind", [HuggingFaceModel, HuggingFaceDataset])
def test_a_source_that_is_not_text_is_refused_in_words(kind):
    with pytest.raises(sb.ShapebiasError, match="source"):
        kind(3)


@pytest.mark.parametrize(
    ("processor", "crop"),
    [
        (transformers.BitImageProcessor(), EvalCrop(224, 224, "bicubic")),
        (
            transformers.BitImageProcessor(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}),
            EvalCrop(32, 40, "bicubic"),
        ),
        (transformers.ViTImageProcessor(size={"height": 48, "width": 48}), EvalCrop(48, 48, squash=True)),
        (transformers.ViTImageProcessor(size={"height": 48, "width": 80}), None),
        (transformers.ViTImageProcessor(do_resize=False), None),
    ],
)
def test_the_crop_of_an_image_processor_is_read(processor, crop, tmp_path):
    processor.save_pretrained(tmp_path)
    assert read_eval_crop(tmp_path) == crop
    if crop is None:
        return
    photograph = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8))
    seen = fit(photograph, crop.size, interpolation=crop.interpolation, resize=crop.resize, squash=crop.squash)
    plain = processor(photograph, do_normalize=False, return_tensors="np")["pixel_values"][0].transpose(1, 2, 0)
    assert np.abs(seen / 255 - plain).max() < 0.02  # resized as tensors by transformers, as pictures here
