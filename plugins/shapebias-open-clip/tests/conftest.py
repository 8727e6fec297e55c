"""A small network of each real architecture: CLIP's transformer and ResNet, SigLIP, CoCa."""

from __future__ import annotations

import copy
import json

import open_clip
import pytest
import torch

SMALL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
RESNET = copy.deepcopy(SMALL) | {
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None, "head_width": 16}
}
SIGMOID = copy.deepcopy(SMALL) | {"init_logit_bias": -10.0, "custom_text": True}
COCA = copy.deepcopy(SMALL) | {
    "multimodal_cfg": {"width": 32, "context_length": 76, "vocab_size": 49408, "mlp_ratio": 4, "layers": 2,
                       "dim_head": 16, "heads": 2, "n_queries": 16, "attn_pooler_heads": 2},
    "custom_text": True,
}  # fmt: skip
COCA["vision_cfg"] |= {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
COCA["text_cfg"] |= {"context_length": 76, "embed_cls": True, "output_tokens": True}
FAMILIES = {"shapebias-vit": SMALL, "shapebias-resnet": RESNET, "shapebias-sigmoid": SIGMOID, "shapebias-coca": COCA}


@pytest.fixture(scope="session", autouse=True)
def _architectures(tmp_path_factory):
    """Announce the small architectures to open_clip, as its users announce theirs."""
    folder = tmp_path_factory.mktemp("architectures")
    for name, settings in FAMILIES.items():
        (folder / f"{name}.json").write_text(json.dumps(settings))
    open_clip.add_model_config(folder)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SHAPEBIAS_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Return a function from an architecture to a network with random weights and the file of these."""
    made = {}

    def find(name):
        if name not in made:
            with torch.random.fork_rng():
                torch.manual_seed(0)
                network = open_clip.create_model(name).eval()
                with torch.no_grad():
                    for parameter in network.parameters():
                        if parameter.ndim > 1:
                            parameter.mul_(3)  # so that images and texts differ
            path = tmp_path_factory.mktemp(name) / "weights.pt"
            torch.save({"state_dict": {f"module.{key}": value for key, value in network.state_dict().items()}}, path)
            made[name] = network, path
        return made[name]

    return find
