"""Published networks, from files in the published formats that are made here, and from a local server."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading

import pytest
import torch
import torchvision.models
from torch import nn

from shapebias.errors import DataError, UnknownNameError, WeightsError
from shapebias.models import published
from shapebias.models.published import BagNetModel, Robust, Stylized
from shapebias.networks.bagnet import BagNet
from shapebias.networks.labels import imagenet_wnids
from shapebias.networks.weights import seeded_weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def resnet():
    with seeded_weights(3):
        return torchvision.models.resnet18(weights=None).eval()


@pytest.fixture(scope="module")
def robust(tmp_path_factory, resnet):
    """Write a file as the library robustness does: a network, the copy that its attacker has, and both normalisers."""
    path = tmp_path_factory.mktemp("robust") / "resnet18_l2_eps3.ckpt"
    state = {}
    for prefix, normaliser in (("module.", "normalizer."), ("module.attacker.", "normalize.")):
        state |= {f"{prefix}{normaliser}new_mean": torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)}
        state |= {f"{prefix}{normaliser}new_std": torch.tensor([0.2, 0.3, 0.25]).view(3, 1, 1)}
        state |= {f"{prefix}model.{key}": value for key, value in resnet.state_dict().items()}
    torch.save({"model": state, "epoch": 90, "optimizer": {"state": {}}}, path)
    return path


def test_a_robust_network_is_read_with_its_own_normalisation(robust, resnet):
    model = Robust("resnet18_l2_eps3", robust).load(CPU)
    assert model.mean == pytest.approx((0.4, 0.5, 0.6))
    assert model.std == pytest.approx((0.2, 0.3, 0.25))
    assert model.classes == imagenet_wnids()
    images = torch.rand(1, 3, 224, 224)
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (model.mean, model.std))
    with torch.no_grad():
        assert torch.allclose(model(images), resnet((images - mean) / std), atol=1e-4)


def test_names_are_those_that_were_published():
    assert Robust("resnet50_linf_eps4").name == Robust("resnet50_linf_eps4.0").name == "resnet50_linf_eps4.0"
    with pytest.raises(UnknownNameError, match="resnet50_l2_eps3"):
        Robust("resnet50_l2_eps33")


def test_a_data_parallel_file_of_alexnet_is_read(tmp_path):
    """AlexNet on Stylized-ImageNet was trained with DataParallel around its features."""
    with seeded_weights(0):
        network = torchvision.models.alexnet(weights=None)
    network.features = nn.DataParallel(network.features)
    path = tmp_path / "alexnet.pth.tar"
    torch.save({"epoch": 60, "arch": "alexnet", "state_dict": network.state_dict(), "best_prec1": 0.4}, path)
    model = Stylized("alexnet", path).load(CPU)
    assert torch.equal(model.module.features[0].weight, network.features.module[0].weight)


@pytest.mark.parametrize("patch", [9, 17, 33])
def test_a_bagnet_sees_patches_of_its_size(patch):
    """The gradient of one position of the last grid covers as many pixels as its name says, and no more."""
    with seeded_weights(0):
        network = BagNet(patch, classes=5).eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
    seen = []
    network.layer4.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    images = torch.ones(1, 3, 97, 97, requires_grad=True)
    network(images)
    rows, columns = seen[0].shape[2] // 2, seen[0].shape[3] // 2
    (gradient,) = torch.autograd.grad(seen[0][0, :, rows, columns].sum(), images)
    used = gradient.abs().sum(dim=(0, 1)).nonzero()
    assert (used.max(dim=0).values - used.min(dim=0).values + 1).tolist() == [patch, patch]


def test_a_bagnet_answers_with_the_mean_over_its_patches(tmp_path):
    with seeded_weights(0):
        network = BagNet(9).eval()
    assert sum(weight.numel() for weight in network.parameters()) < 25_557_032  # fewer than ResNet-50
    torch.save(network.state_dict(), tmp_path / "bagnet.pth")
    model = BagNetModel(9, tmp_path / "bagnet.pth").load(CPU)
    assert model.features.module is model.module.layer4
    assert torch.equal(model.module.fc.weight, network.fc.weight)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a folder, and keep what is downloaded in another."""
    (tmp_path / "served").mkdir()
    monkeypatch.setenv("SHAPEBIAS_DATA", str(tmp_path / "data"))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    handler.log_message = None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield tmp_path / "served", f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_file_is_downloaded_once_and_compared_with_its_name(server, monkeypatch):
    folder, address = server
    content = b"weights of a network"
    digits = hashlib.sha256(content).hexdigest()[:8]
    good, bad = f"bagnet8-{digits}.pth.tar", "bagnet16-00000000.pth.tar"
    for name in (good, bad):
        (folder / name).write_bytes(content)
    monkeypatch.setattr(published, "_BAGNETS", address)
    monkeypatch.setattr(published, "_BAGNET", {9: good, 17: bad, 33: "nothing-11111111.pth.tar"})
    assert BagNetModel(9).fingerprint == hashlib.sha256(content).hexdigest()
    (folder / good).unlink()
    assert BagNetModel(9).fingerprint == hashlib.sha256(content).hexdigest()
    with pytest.raises(DataError, match="does not begin with 00000000"):
        _ = BagNetModel(17).fingerprint
    with pytest.raises(DataError, match="file=FILE"):
        _ = BagNetModel(33).fingerprint
    with pytest.raises(WeightsError, match="cannot be read safely"):
        BagNetModel(9).load(CPU)
