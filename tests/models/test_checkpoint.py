"""Our own checkpoints: what is written comes back, and what is not ours is refused."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import attrs
import pytest
import safetensors
import safetensors.torch
import torch

from shapebias.errors import WeightsError
from shapebias.models.checkpoint import Checkpoint
from shapebias.models.cnn import Cnn
from shapebias.models.timm import Timm
from shapebias.networks.checkpoints import read_metadata, save_checkpoint
from shapebias.spelling.params import param

CPU = torch.device("cpu")
SMALL = Cnn(num_classes=2, width=4, depth=2)


@pytest.fixture
def trained():
    """Return a network that is not what its seed makes."""
    model = SMALL.load(CPU)
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.add_(torch.rand_like(parameter))
        model.module[0][0][1].running_mean.uniform_()
    return attrs.evolve(
        model, classes=("square", "circle"), mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), input_size=(24, 24),
        interpolation="bicubic",
    )  # fmt: skip


@pytest.fixture
def saved(trained, tmp_path):
    path = tmp_path / "shapes.safetensors"
    save_checkpoint(path, trained, SMALL, "cnn", {"recipe": "standard", "history": "[0.5, 0.75]"})
    return path


def rewrite(path, **metadata):
    """Change what a checkpoint says about itself; None takes a key out."""
    described = {key: text for key, text in {**read_metadata(path), **metadata}.items() if text is not None}
    safetensors.torch.save_file(safetensors.torch.load_file(path), path, described)


def test_everything_comes_back(trained, saved):
    model = Checkpoint(saved).load(CPU)
    images = torch.rand(3, 3, 32, 32)
    assert torch.equal(model(images), trained(images))
    for field in ("classes", "mean", "std", "input_size", "interpolation"):
        assert getattr(model, field) == getattr(trained, field)
    assert model.features.layout == "NCHW"
    assert not any(part.training for part in model.module.modules())


def test_unknown_classes_and_any_size_come_back_too(tmp_path):
    path = tmp_path / "plain.safetensors"
    save_checkpoint(path, SMALL.load(CPU), SMALL, "cnn")
    model = Checkpoint(path).load(CPU)
    assert model.classes is None
    assert model.input_size is None


def test_training_keeps_its_own_notes(saved):
    notes = read_metadata(saved)
    assert (notes["recipe"], notes["history"]) == ("standard", "[0.5, 0.75]")
    assert notes["model"].startswith("cnn:num_classes=2")


def test_a_library_network_stands_alone(tmp_path):
    """The weights it began with are neither needed nor downloaded again."""
    settings = Timm("levit_128s", checkpoint=Path("gone.safetensors"), num_classes=3)
    model = settings.untrained().load(CPU)
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.add_(0.02 * torch.rand_like(parameter))
    path = tmp_path / "levit.safetensors"
    save_checkpoint(path, model, settings, "timm")
    images = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        wanted = model(images)
        assert torch.allclose(Checkpoint(path).load(CPU)(images), wanted, atol=1e-5)
        assert not torch.allclose(settings.untrained().load(CPU)(images), wanted, atol=1e-2)


def test_the_network_that_was_saved_may_share_memory_and_require_gradients(tmp_path):
    model = SMALL.load(CPU)
    model.module[0][0][1].bias = model.module[0][0][1].weight
    save_checkpoint(tmp_path / "tied.safetensors", model, SMALL, "cnn")
    again = Checkpoint(tmp_path / "tied.safetensors").load(CPU)
    assert torch.equal(again.module[0][0][1].bias, model.module[0][0][1].weight)


def test_a_failed_write_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(saved, SMALL.load(CPU), SMALL, "cnn")
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_bare_weights_are_not_ours(tmp_path):
    path = tmp_path / "bare.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(
        WeightsError, match=r"shapebias did not train it.*timm:ARCHITECTURE,checkpoint=FILE.*torchvision"
    ):
        Checkpoint(path).load(CPU)


@pytest.mark.parametrize("key", ["class", "model", "mean"])
def test_half_a_description_is_not_ours(saved, key):
    rewrite(saved, **{key: None})
    with pytest.raises(WeightsError, match="does not say what network it is"):
        Checkpoint(saved).load(CPU)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors' does not exist"):
        Checkpoint(tmp_path / "nowhere.safetensors").load(CPU)


@pytest.mark.parametrize("cut", [0, 5, 200, -1])
def test_a_damaged_file_is_named(saved, cut):
    saved.write_bytes(saved.read_bytes()[:cut])
    with pytest.raises(WeightsError, match="is not a readable safetensors file"):
        Checkpoint(saved).load(CPU)


def test_a_later_format_is_refused(saved):
    rewrite(saved, shapebias_checkpoint="2")
    with pytest.raises(WeightsError, match=r"has format '2', .* reads '1'"):
        Checkpoint(saved).load(CPU)


def test_weights_that_do_not_fit_their_description_are_refused(saved):
    rewrite(saved, model="cnn:num_classes=2,width=8,depth=2")
    with pytest.raises(WeightsError, match="of another shape"):
        Checkpoint(saved).load(CPU)


def test_parameters_of_a_later_version_are_named(saved):
    rewrite(saved, model="cnn:num_classes=2,width=4,depth=2,pooling=max")
    with pytest.raises(WeightsError, match=r"(?s)cannot be made here.*pooling: unknown parameter"):
        Checkpoint(saved).load(CPU)


@pytest.mark.parametrize(
    "target", ["antigravity:Cnn", "subprocess:Popen", "shapebias.models.cnn:seeded", "torch.nn:Module"]
)
def test_only_settings_of_plugins_are_made(saved, target):
    sys.modules.pop("antigravity", None)
    rewrite(saved, **{"class": target})
    with pytest.raises(WeightsError, match="cannot be made here"):
        Checkpoint(saved).load(CPU)
    assert "antigravity" not in sys.modules


def test_a_network_of_a_plugin_file_needs_that_file(trained, tmp_path, monkeypatch):
    @attrs.frozen
    class Mine:
        width: int = param("channels", default=4)

        def load(self, device):
            return SMALL.load(device)

    name = "shapebias_file_plugin_mine"
    Mine.__module__, Mine.__qualname__ = name, "Mine"
    module = types.ModuleType(name)
    module.Mine = Mine
    monkeypatch.setitem(sys.modules, name, module)
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, trained, Mine(), "mine")
    images = torch.rand(1, 3, 32, 32)
    assert torch.equal(Checkpoint(path).load(CPU)(images), trained(images))
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(WeightsError, match=r"no installed plugin provides 'shapebias_file_plugin_mine'.*--plugins-dir"):
        Checkpoint(path).load(CPU)
