"""A state dict that a library saved gives that library's answers: torchvision's architectures, timm's families."""

from __future__ import annotations

import math
import re

import pytest
import safetensors.torch
import timm
import torch
import torchvision.models

from shapebias.errors import WeightsError
from shapebias.models.timm import Timm
from shapebias.models.torchvision import Torchvision
from shapebias.spelling.params import Options

CPU = torch.device("cpu")
TORCHVISION = torchvision.models.list_models(module=torchvision.models)
QUICK_TORCHVISION = {"densenet121", "googlenet", "mnasnet0_5", "mobilenet_v3_small", "squeezenet1_1"}
FIXED_SIZE = ("vit_", "maxvit_")
# A small network of each of timm's families, and the side of a small image where it takes others than its own.
TIMM = {
    "beit_base_patch16_224": None, "botnet26t_256": None, "caformer_s18": 64, "cait_xxs24_224": None,
    "coat_lite_tiny": None, "coatnet_nano_rw_224": None, "convit_tiny": None, "convmixer_768_32": 64,
    "convnext_atto": 64, "cpubone_b0_bfrobust": 64, "crossvit_tiny_240": None, "csatv2": 64, "cspnext_tiny": 64,
    "cspresnet50": 64, "darknet17": 64, "davit_tiny": 64, "deit_tiny_distilled_patch16_224": None, "densenet121": 64,
    "dla46_c": 64, "dpn48b": 64, "edgenext_xx_small": 64, "efficientformer_l1": None, "efficientformerv2_s0": None,
    "efficientnet_b0": 64, "efficientvim_m1": None, "efficientvit_b0": 64, "efficientvit_m0": None,
    "eva02_tiny_patch14_224": None, "fasternet_t0": 64, "fastvit_t8": 64, "focalnet_tiny_srf": 64, "gcresnet33ts": 64,
    "gcvit_xxtiny": None, "ghostnet_050": 64, "gmixer_12_224": None, "gmlp_ti16_224": None, "hardcorenas_a": 64,
    "hgnet_tiny": 64, "hiera_tiny_224": None, "hrnet_w18_small": 64, "iformer_t": 64, "inception_next_atto": 64,
    "inception_resnet_v2": 75, "inception_v3": 75, "inception_v4": 75, "lcnet_035": 64, "lcnetv2_small": 64,
    "legacy_seresnet18": 64, "legacy_xception": 75, "levit_128s": None, "lowformer_b0": 64, "mambaout_femto": 64,
    "maxvit_rmlp_pico_rw_256": None, "mixer_s32_224": None, "mixnet_s": 64, "mobilenetv2_035": 64,
    "mobilenetv3_small_050": 64, "mobilenetv4_conv_small_035": 64, "mobilenetv5_base": 64, "mobileone_s0": 64,
    "mobilevit_xxs": 64, "mvitv2_tiny": None, "naflexvit_base_patch16_gap": 64, "nasnetalarge": 75, "nest_tiny": None,
    "nextvit_small": 64, "nf_regnet_b0": 64, "pit_ti_224": None, "pnasnet5large": 75, "poolformer_s12": 64,
    "pvt_v2_b0": 64, "rdnet_tiny": 64, "regnetx_002": 64, "repghostnet_050": 64, "repvgg_a0": 64, "repvit_m0_9": 64,
    "res2net50_14w_8s": 64, "resmlp_12_224": None, "resnest14d": 64, "resnet10t": 64, "resnetv2_50": 64,
    "rexnet_100": 64, "sam2_hiera_tiny": 224, "samvit_base_patch16_224": None, "selecsls42": 64,
    "sequencer2d_s": None, "shvit_s1": 64, "skresnet18": 64, "starnet_s1": 64, "swiftformer_xs": None,
    "swin_tiny_patch4_window7_224": None, "swinv2_cr_tiny_224": None, "swinv2_tiny_window8_256": None,
    "test_vit_relpos": None, "tf_efficientnet_b0": 64, "tiny_vit_5m_224": None, "tnt_s_patch16_224": None,
    "tresnet_m": 64, "twins_svt_small": None, "vgg11": 64, "visformer_tiny": None, "vit_tiny_patch16_224": None,
    "vit_tiny_r_s16_p8_224": None, "vitamin_small_224": None, "volo_d1_224": None, "vovnet39a": 64, "xception41": 75,
    "xcit_nano_12_p16_224": None,
}  # fmt: skip
# Families of encoders, which have no classifier.
ENCODERS = {"deepseek_vit", "gemma4_vit", "qwen3_vit"}
TABLE_IS_FOR = (1, 0, 31)  # the version of timm; families that an older one lacks are left out
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
    if architecture.startswith("vit_"):  # their position embeddings are for one size, 518 for the largest
        quiet = {"image_size": torchvision.models.get_model_weights(architecture).DEFAULT.meta["min_size"][0]}
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


def family(architecture):
    return timm.models.model_entrypoint(architecture).__module__.rpartition(".")[2]


def test_every_family_of_timm_is_in_the_table():
    """A newer timm with more families fails here, so that the sweep leaves none of them out without a word."""
    version = tuple(map(int, re.findall(r"\d+", timm.__version__)[:3]))
    absent = [architecture for architecture in TIMM if not timm.is_model(architecture)]
    assert not absent or version < TABLE_IS_FOR
    covered = {family(architecture) for architecture in filter(timm.is_model, TIMM)}
    missing = {family(architecture) for architecture in timm.list_models()} - covered - ENCODERS
    assert not missing or version < TABLE_IS_FOR


@pytest.mark.parametrize("architecture", sampled(filter(timm.is_model, TIMM), QUICK_TIMM))
def test_files_of_timm_give_its_own_answers(architecture, tmp_path):
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


def published_densenet(network):
    """Name the weights of a DenseNet as torchvision's files do: with dots, and without counters of steps."""
    return {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key): value
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }


def published_convnext(network):
    """Name the weights of timm's ConvNeXt as those of its authors are named."""
    renames = (
        (r"^stem\.", "downsample_layers.0."),
        (r"^stages\.(\d)\.downsample\.", r"downsample_layers.\1."),
        (r"^stages\.(\d)\.blocks\.", r"stages.\1."),
        (r"\.conv_dw\.", ".dwconv."),
        (r"\.mlp\.fc([12])\.", r".pwconv\1."),
        (r"^head\.norm\.", "norm."),
        (r"^head\.fc\.", "head."),
    )
    state = network.state_dict()
    for old, new in renames:
        state = {re.sub(old, new, key): value for key, value in state.items()}
    return state


@pytest.mark.parametrize("wrapping", ["plain", "DataParallel", "with counters"])
def test_torchvisions_published_densenet_is_read_by_both_libraries(wrapping, tmp_path):
    source = perturbed(torchvision.models.densenet121(weights=None, num_classes=7))
    state = published_densenet(source)
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    if wrapping == "DataParallel":
        state = {"state_dict": {f"module.{key}": value for key, value in state.items()}}
    elif wrapping == "with counters":
        state |= {"features.denseblock1.denselayer1.norm.1.num_batches_tracked": torch.tensor(5)}
    path = save(state, tmp_path / "published.pth")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    for settings in (
        Timm("densenet121", checkpoint=path, num_classes=7, input_size=64),
        Torchvision("densenet121", weights=path, input_size=64, arg=Options({"num_classes": 7})),
    ):
        model = settings.load(CPU)
        with torch.inference_mode():
            wanted = source(normalised(model, images))
            torch.testing.assert_close(model(images), wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())


def test_files_of_authors_are_read_as_timm_converts_them(tmp_path):
    source = perturbed(timm.create_model("convnext_atto", num_classes=7))
    state = published_convnext(source)
    assert not state.keys() & source.state_dict().keys()
    path = save({"model": state}, tmp_path / "published.pth")
    model = Timm("convnext_atto", checkpoint=path, num_classes=7, input_size=64).load(CPU)
    assert all(torch.equal(value, model.module.state_dict()[key]) for key, value in source.state_dict().items())


def test_a_conversion_that_fails_is_told_beside_the_misfit(tmp_path):
    source = torchvision.models.densenet121(weights=None, num_classes=7)
    state = published_densenet(source)
    del state["features.denseblock1.denselayer1.norm.1.weight"]
    path = save(state, tmp_path / "cut.pth")
    with pytest.raises(WeightsError, match=r"than DenseNet(?s:.*)conversion.*denselayer1\.norm1\.weight"):
        Timm("densenet121", checkpoint=path, num_classes=7, input_size=64).load(CPU)


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
