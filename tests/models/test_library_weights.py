"""A state dict that a library saved gives that library's answers: torchvision's architectures, timm's families."""

from __future__ import annotations

import math

import pytest
import safetensors.torch
import timm
import torch
import torchvision.models

from shapebias.models.timm import Timm
from shapebias.models.torchvision import Torchvision
from shapebias.params import Options

CPU = torch.device("cpu")
TORCHVISION = torchvision.models.list_models(module=torchvision.models)
QUICK_TORCHVISION = {"densenet121", "googlenet", "mnasnet0_5", "mobilenet_v3_small", "squeezenet1_1"}
FIXED_SIZE = ("vit_", "maxvit_")
# The smallest network of each of timm's families.
TIMM = [
    "resnet10t",
]
QUICK_TIMM = {"resnet10t"}


def sampled(names, quick):
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


def perturbed(network):
    """Give every weight and every statistic of a network a value of its own, none of which another network has."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and name.endswith("running_var"):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
            elif tensor.is_floating_point() and "." in name and tensor.ndim <= 1:
                tensor.add_(0.1 * torch.rand(tensor.shape, generator=generator))
            elif tensor.is_floating_point() and not tensor.any():  # heads that begin at zero
                tensor.copy_(torch.randn(tensor.shape, generator=generator) / math.sqrt(tensor.shape[-1]))
    return network.eval()


def save(state, path):
    if path.suffix == ".pth":
        torch.save(state, path)
    else:
        safetensors.torch.save_file({key: value.clone() for key, value in state.items()}, path)
    return path


def normalised(model, images):
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (model.mean, model.std))
    return (images - mean) / std


@pytest.mark.parametrize("architecture", sampled(TORCHVISION, QUICK_TORCHVISION))
def test_files_of_torchvision_give_its_own_answers(architecture, tmp_path, monkeypatch):
    quiet = {"init_weights": False} if architecture in ("googlenet", "inception_v3") else {}
    source = perturbed(torchvision.models.get_model(architecture, weights=None, **quiet))
    state = source.state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_args, **_options: state)
    library = torchvision.models.get_model(architecture, weights="DEFAULT").eval()
    del source
    size = None if architecture.startswith(FIXED_SIZE) else 75
    for suffix in ("pth", "safetensors"):
        path = save(state, tmp_path / f"weights.{suffix}")
        model = Torchvision(architecture, weights=path, input_size=size).load(CPU)
        path.unlink()
        images = torch.rand(2, 3, *model.input_size, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            wanted = library(normalised(model, images))
            torch.testing.assert_close(model(images), wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())
        assert wanted.std(dim=0).max() > 0, "two images must have different answers"
