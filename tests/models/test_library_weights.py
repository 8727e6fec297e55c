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
from shapebias.spelling.params import Options

CPU = torch.device("cpu")
TORCHVISION = torchvision.models.list_models(module=torchvision.models)
QUICK_TORCHVISION = {"densenet121", "googlenet", "mnasnet0_5", "mobilenet_v3_small", "squeezenet1_1"}
FIXED_SIZE = ("vit_", "maxvit_")
# A small network of each of timm's families, and the side of a small image where it takes others than its own.
TIMM = {
    "beit_base_patch16_224": None, "botnet26t_256": None, "cait_xxs24_224": None, "caformer_s18": 64,
    "coat_lite_tiny": None, "coatnet_nano_rw_224": None, "convit_tiny": None, "convmixer_768_32": 64,
    "convnext_atto": 64, "crossvit_tiny_240": None, "cspresnet50": 64, "darknet17": 64, "davit_tiny": 64,
    "deit_tiny_distilled_patch16_224": None, "densenet121": 64, "dla46_c": 64, "dpn48b": 64, "edgenext_xx_small": 64,
    "efficientformer_l1": None, "efficientnet_b0": 64, "efficientvit_b0": 64, "efficientvit_m0": None,
    "eva02_tiny_patch14_224": None, "fastvit_t8": 64, "focalnet_tiny_srf": 64, "gcresnet33ts": 64, "gcvit_xxtiny": None,
    "ghostnet_050": 64, "gmixer_12_224": None, "gmlp_ti16_224": None, "hardcorenas_a": 64, "hgnet_tiny": 64,
    "hiera_tiny_224": None, "hrnet_w18_small": 64, "inception_next_atto": 64, "inception_resnet_v2": 75,
    "inception_v3": 75, "inception_v4": 75, "lcnet_035": 64, "levit_128s": None, "mambaout_femto": 64,
    "maxvit_rmlp_pico_rw_256": None, "mixer_s32_224": None, "mixnet_s": 64, "mobilenetv2_035": 64,
    "mobilenetv3_small_050": 64, "mobilenetv4_conv_small_035": 64, "mobileone_s0": 64, "mobilevit_xxs": 64,
    "mvitv2_tiny": None, "nest_tiny": None, "nextvit_small": 64, "nf_regnet_b0": 64, "pit_ti_224": None,
    "poolformer_s12": 64, "pvt_v2_b0": 64, "rdnet_tiny": 64, "regnetx_002": 64, "repghostnet_050": 64, "repvgg_a0": 64,
    "repvit_m0_9": 64, "res2net50_14w_8s": 64, "resmlp_12_224": None, "resnest14d": 64, "resnet10t": 64,
    "resnetv2_50": 64, "rexnet_100": 64, "selecsls42": 64, "sequencer2d_s": None, "shvit_s1": 64, "skresnet18": 64,
    "starnet_s1": 64, "swin_tiny_patch4_window7_224": None, "swinv2_tiny_window8_256": None, "tf_efficientnet_b0": 64,
    "tiny_vit_5m_224": None, "tnt_s_patch16_224": None, "tresnet_m": 64, "twins_svt_small": None, "vgg11": 64,
    "visformer_tiny": None, "vit_tiny_patch16_224": None, "volo_d1_224": None, "vovnet39a": 64, "xception41": 75,
    "xcit_nano_12_p16_224": None,
}  # fmt: skip
QUICK_TIMM = {"mobilenetv3_small_050", "mixer_s32_224"}


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


@pytest.mark.parametrize("architecture", sampled(TIMM, QUICK_TIMM))
def test_files_of_timm_give_its_own_answers(architecture, tmp_path):
    if not timm.is_model(architecture):
        pytest.skip(f"timm {timm.__version__} has no {architecture}")
    library = perturbed(timm.create_model(architecture, num_classes=7))
    for suffix in ("pth", "safetensors"):
        path = save(library.state_dict(), tmp_path / f"weights.{suffix}")
        model = Timm(architecture, checkpoint=path, num_classes=7, input_size=TIMM[architecture]).load(CPU)
        path.unlink()
        assert model.module.state_dict().keys() == library.state_dict().keys()
        assert all(torch.equal(value, model.module.state_dict()[key]) for key, value in library.state_dict().items())
    images = torch.rand(2, 3, *model.input_size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = library(normalised(model, images))
        torch.testing.assert_close(model(images), wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())


def test_a_second_normalisation_can_be_refused(tmp_path, caplog):
    source = perturbed(torchvision.models.googlenet(weights=None, init_weights=False))
    path = save(source.state_dict(), tmp_path / "mine.pth")
    assert Torchvision("googlenet", weights=path, input_size=75).load(CPU).module.transform_input
    assert "arg.transform_input=false" in caplog.text
    settings = Torchvision("googlenet", weights=path, input_size=75, arg=Options({"transform_input": False}))
    model = settings.load(CPU)
    assert not model.module.transform_input
    images = torch.rand(1, 3, 75, 75)
    with torch.inference_mode():
        torch.testing.assert_close(model(images), source(normalised(model, images)), rtol=1e-4, atol=1e-4)


def test_a_checkpoint_of_such_a_network_keeps_the_second_normalisation(tmp_path):
    """What training writes names no weight file, so that it has to say what the weights implied."""
    for weights, wanted in (("DEFAULT", True), (tmp_path / "mine.pth", True), (None, None)):
        untrained = Torchvision("googlenet", weights=weights).untrained()
        assert untrained.weights is None
        assert untrained.arg.get("transform_input") is wanted
        assert untrained.arg.get("aux_logits") is (None if weights is None else False)
