"""Networks of timm: weights, normalisation and errors."""

from __future__ import annotations

import json

import attrs
import pytest
import safetensors.torch
import timm
import torch

from shapebias.errors import LabelError, SpellingError, UnknownNameError, WeightsError
from shapebias.models.timm import Timm
from shapebias.networks.checkpoints import save_checkpoint
from shapebias.networks.label_matching import match_labels
from shapebias.networks.labels import imagenet_wnids
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import build, spell

CPU = torch.device("cpu")


def timm_model(text):
    return build(Timm, parse(text))


def test_normalisation_and_size_are_timms():
    vit = Timm("vit_tiny_patch16_224", pretrained=False).load(CPU)
    assert (vit.mean, vit.std, vit.input_size, vit.interpolation) == ((0.5,) * 3, (0.5,) * 3, (224, 224), "bicubic")
    resnet = Timm("resnet18.tv_in1k", pretrained=False).load(CPU)
    assert resnet.mean == (0.485, 0.456, 0.406)
    assert resnet.std == (0.229, 0.224, 0.225)
    assert resnet.interpolation == "bilinear"
    assert resnet.classes == imagenet_wnids()


def test_answers_are_those_of_timm_itself():
    model = Timm("resnet18", pretrained=False).load(CPU)
    transform = timm.data.create_transform(**{**timm.data.resolve_model_data_config(model.module), "crop_pct": 1})
    normalise = transform.transforms[-1]
    images = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.allclose(model(images), model.module(normalise(images)), atol=1e-4)


def test_what_is_given_overrides_timm():
    model = timm_model("timm:resnet18,pretrained=false,num_classes=7,mean=0.5,std=0.1,0.2,0.3,input_size=64").load(CPU)
    assert (model.mean, model.std, model.input_size) == ((0.5,) * 3, (0.1, 0.2, 0.3), (64, 64))
    assert model.classes is None
    assert model(torch.rand(2, 3, 64, 64)).shape == (2, 7)


def test_options_reach_the_architecture():
    model = timm_model("timm:vit_tiny_patch16_224,pretrained=false,arg.img_size=96,arg.num_classes=3").load(CPU)
    assert model.input_size == (96, 96)
    assert model(torch.rand(1, 3, 224, 224)).shape == (1, 3)


def test_random_weights_depend_on_the_seed_alone():
    state = torch.random.get_rng_state()
    weights = [Timm("resnet18", pretrained=False, seed=seed).load(CPU).module.conv1.weight for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_checkpoint_is_loaded_and_nothing_is_downloaded(tmp_path, monkeypatch):
    source = timm.create_model("resnet18", num_classes=4)
    path = tmp_path / "weights, mine.safetensors"
    safetensors.torch.save_file(source.state_dict(), path)
    create = timm.create_model

    def offline(*arguments, pretrained, **options):
        assert not pretrained
        return create(*arguments, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    model = timm_model(f'timm:resnet18,checkpoint="{path}",num_classes=4').load(CPU)
    assert torch.equal(model.module.fc.weight, source.fc.weight)
    with pytest.raises(WeightsError, match="another network than ResNet"):
        timm_model(f'timm:resnet34,checkpoint="{path}",num_classes=4').load(CPU)


def test_quantised_weights_are_not_copied_as_they_are(tmp_path):
    state = Timm("test_resnet", pretrained=False).load(CPU).module.state_dict()
    path = tmp_path / "int8.pt"
    torch.save(
        {key: value.to(torch.int8) if value.is_floating_point() else value for key, value in state.items()}, path
    )
    with pytest.raises(WeightsError, match="of whole numbers, as quantised weights are"):
        Timm("test_resnet", checkpoint=path).load(CPU)


def test_without_a_network_the_error_names_the_way_out(monkeypatch):
    def offline(*arguments, **options):
        raise OSError("cannot reach the hub")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(WeightsError, match=r"(?s)cannot reach the hub.*checkpoint=FILE.*pretrained=false"):
        Timm("resnet18").load(CPU)


def test_unknown_architectures_and_tags_and_options_are_told_apart():
    with pytest.raises(UnknownNameError, match="no architecture 'resnte18'; did you mean 'resnet18'"):
        Timm("resnte18").load(CPU)
    with pytest.raises(WeightsError, match=r"Invalid pretrained tag \(mine\)"):
        Timm("resnet18.mine", pretrained=False).load(CPU)
    with pytest.raises(SpellingError, match=r"refuses an option: .*'width'"):
        timm_model("timm:resnet18,pretrained=false,arg.width=3").load(CPU)


def test_a_network_that_only_gives_features_is_refused():
    with pytest.raises(WeightsError, match="has no classifier"):
        Timm("resnet18", pretrained=False, arg={"num_classes": 0}).load(CPU)


def test_names_of_the_hub_are_spelled_as_they_are():
    settings = timm_model("timm:hf-hub:timm/resnet18.a1_in1k,pretrained=false")
    assert settings.architecture == "hf-hub:timm/resnet18.a1_in1k"
    assert timm_model(spell("timm", settings)) == settings


def test_weights_are_channels_last_and_in_eval_mode():
    module = Timm("resnet18", pretrained=False).load(CPU).module
    assert module.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert not any(part.training for part in module.modules())


def test_untrained_settings_name_neither_files_nor_downloads():
    settings = timm_model("timm:resnet18.a1_in1k,checkpoint=a.pth,num_classes=3,mean=0.5")
    assert settings.untrained() == timm_model("timm:resnet18.a1_in1k,pretrained=false,num_classes=3,mean=0.5")


def test_other_channels_than_three_are_refused_as_such():
    with pytest.raises(SpellingError, match=r"in_chans=1: images are RGB here.*leave arg\.in_chans out"):
        timm_model("timm:resnet18,pretrained=false,arg.in_chans=1").load(CPU)


def test_a_weight_file_is_read_once(tmp_path, caplog):
    state = timm.create_model("resnet18", num_classes=2).state_dict()
    torch.save({"state_dict": state, "model": state}, tmp_path / "two.pt")
    Timm("resnet18", checkpoint=tmp_path / "two.pt", num_classes=2).load(torch.device("cpu"))
    assert caplog.text.count("the weights in 'state_dict' were taken, not those in 'model'") == 1


def test_a_classifier_that_begins_at_zero_is_said(caplog):
    timm_model("timm:mixer_s32_224,pretrained=false").load(CPU)
    assert "its classifier is all zeros until it is trained" in caplog.text
    caplog.clear()
    timm_model("timm:resnet10t,pretrained=false,input_size=64").load(CPU)
    assert not caplog.text


@pytest.fixture
def shapes_folder(tmp_path):
    """Return a function that writes a timm folder of a network of three classes, with what it says of them."""

    def write(**config):
        network = timm.create_model("resnet18", num_classes=3)
        safetensors.torch.save_file(network.state_dict(), tmp_path / "model.safetensors")
        content = {"architecture": "resnet18", "num_classes": 3, "pretrained_cfg": {"num_classes": 3}, **config}
        (tmp_path / "config.json").write_text(json.dumps(content))
        return f"timm:local-dir:{tmp_path}"

    return write


@pytest.mark.parametrize("names", [["square", "disc", "star"], {"2": "star", "0": "square", "1": "disc"}])
def test_classes_are_those_that_the_folder_names(shapes_folder, names):
    model = timm_model(shapes_folder(label_names=names)).load(CPU)
    assert model.classes == ("square", "disc", "star")
    mapping = match_labels(model.classes, 3, ["disc", "square", "star"], None, model.descriptions)
    assert (mapping.name, mapping.groups) == ("reordered", ((1,), (0,), (2,)))


def test_classes_may_be_called_by_their_descriptions(shapes_folder):
    known = {"n1": "square", "n0": "disc, circle", "n2": "star"}
    model = timm_model(shapes_folder(label_names=["n1", "n0", "n2"], label_descriptions=known)).load(CPU)
    for classes in (["disc, circle", "square", "star"], ["circle", "square", "star"], ["n0", "n1", "n2"]):
        mapping = match_labels(model.classes, 3, classes, None, model.descriptions)
        assert (mapping.name, mapping.groups) == ("reordered", ((1,), (0,), (2,)))
    with pytest.raises(LabelError, match="do not match"):
        match_labels(model.classes, 3, ["disc", "circle", "star"], None, model.descriptions)


def test_names_of_another_head_or_with_a_gap_are_not_used(shapes_folder):
    text = shapes_folder(label_names=["square", "disc", "star"])
    assert timm_model(f"{text},pretrained=false,num_classes=2").load(CPU).classes is None
    with pytest.raises(WeightsError, match="indices 0 to 2"):
        timm_model(shapes_folder(label_names={"1": "square", "2": "disc", "3": "star"})).load(CPU)


def test_bare_weights_have_the_names_of_our_checkpoint_or_none(tmp_path):
    settings = Timm("resnet18", pretrained=False, num_classes=2)
    trained = attrs.evolve(settings.load(CPU), classes=("square", "disc"))
    save_checkpoint(tmp_path / "ours.safetensors", trained, settings, "timm")
    bare = {key: tensor.contiguous() for key, tensor in trained.module.state_dict().items()}
    safetensors.torch.save_file(bare, tmp_path / "bare.safetensors")
    classes = [
        Timm("resnet18", tmp_path / f"{name}.safetensors", num_classes=2).load(CPU).classes for name in ("ours", "bare")
    ]
    assert classes == [("square", "disc"), None]


def test_home_folders_are_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert timm_model("timm:resnet18,checkpoint=~/a.safetensors").checkpoint == tmp_path / "a.safetensors"
    assert Timm("resnet18", "~/a.safetensors").checkpoint == tmp_path / "a.safetensors"
    assert timm_model("timm:local-dir:~/net").architecture == f"local-dir:{tmp_path}/net"
