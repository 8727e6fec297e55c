"""RobustBench's networks by name, from files in the published forms that are made here."""

from __future__ import annotations

import re

import pytest
import timm
import torch
import torchvision.models

from shapebias.errors import UnknownNameError, WeightsError
from shapebias.models.robustbench import RobustBench, _entries
from shapebias.networks.labels import imagenet_wnids
from shapebias.networks.published_cifar import make_network
from shapebias.networks.weights import seeded_weights
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.protocols import EvalCrop

CPU = torch.device("cpu")


def in_the_published_form(network, architecture):
    """Name the weights of a wide residual network as RobustBench's files do."""
    assert architecture.startswith("wrn-")
    renames = (
        (r"^stem\.", "conv1."),
        (r"^stages\.(\d)\.", lambda match: f"block{int(match[1]) + 1}.layer."),
        (r"\.norm([12])\.", r".bn\1."),
        (r"\.shortcut\.", ".convShortcut."),
        (r"^norm\.", "bn1."),
        (r"^classifier\.", "fc."),
    )
    state = dict(network.state_dict())
    for pattern, replacement in renames:
        state = {re.sub(pattern, replacement, key): value for key, value in state.items()}
    return state


@pytest.fixture(scope="module")
def wide():
    with seeded_weights(3):
        return make_network("wrn-40-2", classes=10).eval()


@pytest.mark.parametrize("prefix", ["", "module.model."])
def test_a_file_is_read_with_the_normalisation_that_it_states(wide, prefix, tmp_path):
    state = {f"{prefix}{key}": value for key, value in in_the_published_form(wide, "wrn-40-2").items()}
    beside = {"mu": torch.full((1, 3, 1, 1), 0.25), "sigma": torch.full((1, 3, 1, 1), 0.5)}
    torch.save({"state_dict": state | beside, "epoch": 3}, tmp_path / "augmix.pt")
    model = RobustBench("Hendrycks2020AugMix_WRN", "cifar10", file=tmp_path / "augmix.pt").load(CPU)
    assert (model.mean, model.std, model.input_size) == ((0.25,) * 3, (0.5,) * 3, (32, 32))
    assert model.classes[:2] == ("airplane", "automobile")
    assert model.features.module is model.module.stages
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images), wide((images - 0.25) / 0.5), rtol=1e-4, atol=1e-4)


def test_without_a_stated_normalisation_it_is_that_of_robustbench(wide, tmp_path):
    torch.save(in_the_published_form(wide, "wrn-40-2"), tmp_path / "augmix.pt")
    model = RobustBench("Hendrycks2020AugMix_WRN", "cifar10", file=tmp_path / "augmix.pt").load(CPU)
    assert (model.mean, model.std) == ((0.5,) * 3, (0.5,) * 3)


def test_of_two_networks_in_a_file_the_one_that_robustbench_takes_is_read(tmp_path):
    """Kireev et al. publish the last and the best; RobustBench takes the last."""
    with seeded_weights(0):
        networks = {name: make_network("preact-18-norm", classes=10) for name in ("last", "best")}
    renames = (
        (r"^stem\.", "conv1."),
        (r"^stages\.(\d)\.", lambda match: f"layer{int(match[1]) + 1}."),
        (r"\.norm([12])\.", r".bn\1."),
        (r"\.shortcut\.", ".shortcut.0."),
        (r"^norm\.", "bn."),
        (r"^classifier\.", "linear."),
    )
    content = {}
    for name, network in networks.items():
        content[name] = dict(network.state_dict())
        for pattern, replacement in renames:
            content[name] = {re.sub(pattern, replacement, key): value for key, value in content[name].items()}
    torch.save(content, tmp_path / "both.pt")
    model = RobustBench("Kireev2021Effectiveness_RLAT", file=tmp_path / "both.pt").load(CPU)
    assert torch.equal(model.module.stem.weight, networks["last"].stem.weight)
    torch.save({"best": content["best"]}, tmp_path / "best.pt")
    with pytest.raises(WeightsError, match="no entry 'last'"):
        RobustBench("Kireev2021Effectiveness_RLAT", file=tmp_path / "best.pt").load(CPU)


def test_a_network_for_imagenet_is_torchvisions(tmp_path):
    with seeded_weights(0):
        network = torchvision.models.resnet18(weights=None).eval()
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, tmp_path / "r18.pt")
    model = RobustBench("Salman2020Do_R18", file=tmp_path / "r18.pt").load(CPU)
    assert (model.input_size, model.classes) == ((224, 224), imagenet_wnids())
    images = torch.rand(1, 3, 224, 224)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        wanted = network((images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1))
        torch.testing.assert_close(model(images), wanted, rtol=1e-4, atol=1e-4)


def test_photographs_are_cut_as_robustbench_does():
    crops = {
        name: RobustBench(name).eval_crop for name in ("Salman2020Do_R50", "Mo2022When_ViT-B", "Carmon2019Unlabeled")
    }
    assert crops["Salman2020Do_R50"] == EvalCrop(224, 256)
    assert crops["Mo2022When_ViT-B"] == EvalCrop(224, 224, squash=True)
    assert crops["Carmon2019Unlabeled"] is None
    assert RobustBench("Liu2023Comprehensive_Swin-B").eval_crop == EvalCrop(224, 256, "bicubic")
    assert RobustBench("Debenedetti2022Light_XCiT-S12", "imagenet").eval_crop == EvalCrop(224, 224, "bicubic")
    assert {each.side for each in _entries() if each.name == "Wong2020Fast"} == {32, 288}


def test_the_file_of_another_network_does_not_fit(wide, tmp_path):
    torch.save(in_the_published_form(wide, "wrn-40-2"), tmp_path / "augmix.pt")
    with pytest.raises(WeightsError, match="another network than PreActResNet"):
        RobustBench("Ding2020MMA", "cifar10", "L2", tmp_path / "augmix.pt").load(CPU)


def test_a_name_says_which_network_is_meant():
    """RobustBench has Rice2020Overfitting three times, with three files."""
    found = RobustBench("Carmon2019Unlabeled")
    assert (found.dataset, found.threat_model) == ("cifar10", "Linf")
    component = default_catalog().component("model", "robustbench:Carmon2019Unlabeled")
    assert default_catalog().component("model", component.canonical) == component
    with pytest.raises(UnknownNameError, match=r"several.*dataset=cifar10,threat_model=L2 or dataset=cifar100"):
        RobustBench("Rice2020Overfitting")
    with pytest.raises(UnknownNameError, match="only for dataset=cifar10,threat_model=Linf"):
        RobustBench("Carmon2019Unlabeled", "cifar100")
    assert RobustBench("Rice2020Overfitting", "cifar100").threat_model == "Linf"


def test_what_cannot_be_made_is_refused_with_what_can():
    with pytest.raises(UnknownNameError) as refused:
        RobustBench("Kang2021Stable")  # has layers of its own
    assert all(each.name in str(refused.value) for each in _entries())
    with pytest.raises(UnknownNameError, match="did you mean 'Carmon2019Unlabeled'"):
        RobustBench("Carmon2019Unlabelled")


def test_every_row_states_an_address_and_a_licence():
    for each in _entries():
        settings = RobustBench(each.name, each.dataset, each.threat_model)
        facts = settings.published.facts()
        assert facts["address"].startswith("https://")
        assert facts["licence"] in {"MIT", "Apache-2.0", "BSD-3-Clause", "CC-BY-NC-SA-4.0"}
    assert {each.licence for each in _entries() if each.name.startswith("Rebuffi2021Fixing")} == {"Apache-2.0"}
    addresses = [each.published.file_name for each in _entries() if not each.file.startswith("https")]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.slow
def test_every_architecture_can_be_made():
    for architecture in sorted({each.architecture for each in _entries()}):
        library, colon, text = architecture.replace("xcit-4:", "timm:").partition(":")
        with torch.device("meta"):
            if library == "timm":
                settings = default_catalog().component("model", f"timm:{text}").settings
                timm.create_model(settings.architecture, **settings.arg)
            else:
                torchvision.models.get_model(text) if colon else make_network(architecture, classes=10)
