"""Zero-shot models against the forward passes of transformers, and against open_clip with the same weights."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from shapebias_hf.zero_shot import HuggingFaceZeroShot

import shapebias as sb
from shapebias.plugin import class_words, prompts

CPU = torch.device("cpu")
SIDE = 32
CLASSES = ("airplane", "polar_bear", "clock")
TEXTS = ["a photo of a airplane.", "a photo of a polar bear.", "a photo of a clock."]
LAYERS = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = LAYERS | {"image_size": SIDE, "patch_size": 8}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SHAPEBIAS_CACHE", str(tmp_path / "cache"))


def clip_tokenizer():
    """Make CLIP's tokeniser of the vocabulary that open_clip ships; transformers ships none."""
    open_clip = pytest.importorskip("open_clip")
    own = open_clip.SimpleTokenizer()
    path = Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    special = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocab = {special.get(word, word): index for word, index in own.encoder.items()}
    return transformers.CLIPTokenizer(vocab=vocab, merges=[tuple(line.split()) for line in lines])


def small_tokenizer():
    """Make a tokeniser of the class of SigLIP2's with a vocabulary of letters, for transformers ships none."""
    letters = "abcdefghijklmnopqrstuvwxyz.▁"
    vocab = {word: index for index, word in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *letters])}
    return transformers.Siglip2Tokenizer(vocab=vocab, merges=[])


def save(folder, network, processor, tokenizer):
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                torch.nn.init.kaiming_normal_(parameter)
    for part in (network, processor, tokenizer):
        part.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return a function from a family to its network, its processor, its tokeniser, and their folder."""
    made = {}

    def find(family):
        if family in made:
            return made[family]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            if family == "clip":
                text = LAYERS | {"vocab_size": 49408, "eos_token_id": 49407, "bos_token_id": 49406}
                config = transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=16)
                network, tokenizer = transformers.CLIPModel(config), clip_tokenizer()
                size = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
                processor = transformers.CLIPImageProcessor(**size)
            elif family == "siglip":
                text = LAYERS | {"vocab_size": 40, "projection_size": 32}
                config = transformers.SiglipConfig(text_config=text, vision_config=VISION)
                network, tokenizer = transformers.SiglipModel(config), small_tokenizer()
                processor = transformers.SiglipImageProcessor(size={"height": SIDE, "width": SIDE})
            else:
                text = LAYERS | {"vocab_size": 40, "projection_size": 32}
                vision = LAYERS | {"patch_size": 8, "num_patches": 16}
                config = transformers.Siglip2Config(text_config=text, vision_config=vision)
                network, tokenizer = transformers.Siglip2Model(config), small_tokenizer()
                processor = transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=16)
            folder = save(tmp_path_factory.mktemp(family), network, processor, tokenizer)
        made[family] = network.eval(), processor, tokenizer, folder
        return made[family]

    return find


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)


def as_pixels(photos):
    return torch.from_numpy(photos).permute(0, 3, 1, 2) / 255


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_scores_are_the_logits_of_transformers(saved, photos, family):
    network, processor, tokenizer, folder = saved(family)
    model = HuggingFaceZeroShot(folder).load(CPU, classes=CLASSES)
    with_texts = tokenizer(TEXTS, padding="max_length", max_length=64 if family != "clip" else 77, return_tensors="pt")
    if family != "clip":
        with_texts = {"input_ids": with_texts["input_ids"]}
    given = processor(images=list(photos), return_tensors="pt")
    with torch.no_grad():
        expected = network(**with_texts, **given).logits_per_image
        found = model(as_pixels(photos))
    assert model.input_size == (SIDE, SIDE)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert expected.std(dim=0).min() > 1e-3  # the images matter
    assert expected.std(dim=1).min() > 1e-3  # and so do the texts


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_images_have_gradients_and_grad_cam_a_grid(saved, photos, family):
    model = HuggingFaceZeroShot(saved(family)[3]).load(CPU, classes=CLASSES)
    component = sb.default_catalog().component("saliency", "grad-cam:relu=false")
    with model.evaluating():
        maps = component.settings(model, as_pixels(photos), torch.tensor([0, 1]), None)
    assert maps.std() > 0


def test_a_study_names_every_text_in_the_identity(saved, tmp_path):
    folder = saved("clip")[3]
    study = sb.Study("stimuli:cue=conflict,images=56,size=32", f"hf-clip:{folder}", ["clean", "pgd:steps=1"], limit=4)
    with sb.run(study, tmp_path / "run.h5") as results:
        assert not results.failures
    component = study.models[0]
    assert component.fingerprints(["cat"]) != component.fingerprints(["dog"])
    assert component.fingerprints(["cat"]) == component.fingerprints(["cat"])


def test_templates_are_averaged(saved):
    network, _processor, tokenizer, folder = saved("clip")
    model = HuggingFaceZeroShot(folder, templates=("a {}.", "the {}.")).load(CPU, classes=["cat", "dog"])
    texts = prompts(class_words(["cat", "dog"]), ["a {}.", "the {}."])
    for row, of_class in enumerate(texts):
        with torch.no_grad():
            found = network.get_text_features(**tokenizer(of_class, padding=True, return_tensors="pt"))
        found = getattr(found, "pooler_output", found)
        mean = (found / found.norm(dim=1, keepdim=True)).mean(dim=0)
        assert torch.allclose(model.module.embeddings[row], mean / mean.norm(), atol=1e-5)


def test_open_clip_with_the_same_weights_agrees(saved, photos):
    """A CLIP of transformers, its weights under the names of open_clip."""
    open_clip = pytest.importorskip("open_clip")
    network, _processor, _tokenizer, folder = saved("clip")
    own = open_clip.CLIP(
        16,
        open_clip.CLIPVisionCfg(image_size=SIDE, layers=2, width=32, patch_size=8, head_width=16, mlp_ratio=2.0),
        open_clip.CLIPTextCfg(context_length=77, vocab_size=49408, width=32, heads=2, layers=2, mlp_ratio=2.0),
        quick_gelu=True,
    ).eval()
    own.load_state_dict(renamed(network.state_dict()), strict=True)
    model = HuggingFaceZeroShot(folder).load(CPU, classes=CLASSES)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (model.mean, model.std))
    with torch.no_grad():
        images, texts, scale = own((as_pixels(photos) - mean) / std, open_clip.SimpleTokenizer()(TEXTS))
        assert torch.allclose(model(as_pixels(photos)), scale * images @ texts.T, atol=1e-4)


def renamed(state):
    """Give the weights of a CLIP of transformers the names and the shapes of open_clip."""
    words = [
        ("vision_model.embeddings.class_embedding", "visual.class_embedding"),
        ("vision_model.embeddings.patch_embedding", "visual.conv1"),
        ("vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"),
        ("vision_model.pre_layrnorm", "visual.ln_pre"),
        ("vision_model.post_layernorm", "visual.ln_post"),
        ("vision_model.encoder.layers", "visual.transformer.resblocks"),
        ("text_model.encoder.layers", "transformer.resblocks"),
        ("text_model.embeddings.token_embedding", "token_embedding"),
        ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
        ("text_model.final_layer_norm", "ln_final"),
        ("layer_norm1", "ln_1"),
        ("layer_norm2", "ln_2"),
        ("mlp.fc1", "mlp.c_fc"),
        ("mlp.fc2", "mlp.c_proj"),
        ("self_attn.out_proj", "attn.out_proj"),
    ]
    found = {}
    for key, value in state.items():
        for old, new in words:
            key = key.replace(old, new)  # noqa: PLW2901
        if "self_attn.q_proj" in key:
            rest = [value, *(state_of(state, key, words, part) for part in ("k_proj", "v_proj"))]
            kind = key.rpartition(".")[2]
            found[key.replace(f"self_attn.q_proj.{kind}", f"attn.in_proj_{kind}")] = torch.cat(rest)
        elif key == "visual_projection.weight":
            found["visual.proj"] = value.T
        elif key == "text_projection.weight":
            found["text_projection"] = value.T
        elif "self_attn" not in key and "position_ids" not in key:
            found[key] = value
    return found


def state_of(state, key, words, part):
    """Return the weights of the keys or values that belong to those of the queries."""
    for old, new in reversed(words[5:7]):
        if key.startswith(new):
            key = key.replace(new, old, 1)
    return state[key.replace("q_proj", part)]


def test_other_networks_and_missing_tokenisers_are_refused(saved, tmp_path):
    config = transformers.ViTConfig(**VISION)
    transformers.ViTModel(config).save_pretrained(tmp_path / "vit")
    with pytest.raises(sb.ShapebiasError, match="is a vit, not one of clip, siglip, siglip2"):
        HuggingFaceZeroShot(str(tmp_path / "vit")).load(CPU, classes=CLASSES)
    saved("siglip")[0].save_pretrained(tmp_path / "bare")
    with pytest.raises(sb.ShapebiasError, match="no tokeniser"):
        HuggingFaceZeroShot(str(tmp_path / "bare")).load(CPU, classes=CLASSES)
    with pytest.raises(sb.ShapebiasError, match="tokens, but the network takes 64"):
        HuggingFaceZeroShot(saved("siglip")[3]).load(CPU, classes=["cat" * 40])
