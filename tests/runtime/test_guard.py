"""Plugins that change what is not theirs fail by name, and leave the other cells as they are without them."""

from __future__ import annotations

import copy

import attrs
import numpy as np
import pytest
import torch
from torch import nn

import shapebias as sb
from shapebias import plugin
from shapebias.errors import DeviceError, PluginError
from shapebias.plugins.catalog import Component
from shapebias.plugins.specs import AttackSpec, ProbeSpec, SaliencySpec
from shapebias.runtime import guard

STIMULI = "stimuli:cue=conflict,images=6,size=32"


def hook_a_weight(model, images):
    next(model.module.parameters()).requires_grad_().register_hook(lambda gradient: gradient)


def replace_a_weight(model, images):
    next(model.module.parameters()).data = torch.zeros_like(next(model.module.parameters()))


def write_a_weight(model, images):
    with torch.no_grad():
        next(model.module.parameters()).mul_(2)


def replace_a_layer(model, images):
    name, _ = list(model.module.named_children())[-1]
    setattr(model.module, name, nn.Identity())


def halve(model, images):
    model.module.half()


def double_bypassing_versions(model, images):
    next(model.module.parameters()).data.mul_(2)


def patch_forward(model, images):
    model.module.forward = lambda images: torch.zeros(len(images), 8)


FAULTS = {
    "images in place": (lambda model, images: images.mul_(0), "tensors that it was called with"),
    "images by data": (lambda model, images: images.data.mul_(0), "tensors that it was called with"),
    "images by numpy": (lambda model, images: np.copyto(images.numpy(), 0), "tensors that it was called with"),
    "a hook": (lambda model, images: model.module.register_forward_hook(lambda *_: torch.zeros(1, 8)), "hooks"),
    "a pre-hook": (lambda model, images: model.module.register_forward_pre_hook(lambda *_: None), "hooks"),
    "a hook on a weight": (hook_a_weight, "gradients of the network's weights"),
    "train": (lambda model, images: model.module.train(), "train flag"),
    "weights": (write_a_weight, "weights of the network"),
    "weights by data": (double_bypassing_versions, "weights of the network"),
    "weights replaced": (replace_a_weight, "weights of the network"),
    "half": (halve, "weights of the network"),
    "a layer": (replace_a_layer, "layers of the network"),
    "forward": (patch_forward, "train flag or forward"),
    "default dtype": (lambda model, images: torch.set_default_dtype(torch.float64), "the default dtype"),
    "grad mode": (lambda model, images: torch.set_grad_enabled(not torch.is_grad_enabled()), "grad mode"),
    "autocast": (lambda model, images: torch.autocast("cpu", torch.bfloat16).__enter__(), "autocast"),
    "global hook": (
        lambda model, images: nn.modules.module.register_module_forward_hook(lambda *_: torch.zeros(1, 8)),
        "the hooks of all modules",
    ),
}


@attrs.frozen
class Settings:
    fault: str = "images in place"

    def commit(self, model, images):
        FAULTS[self.fault][0](model, images)


class Maps(Settings):
    def __call__(self, model, images, targets, rng):
        maps = images.sum(dim=1)
        self.commit(model, images)
        return maps


class Attack(Settings):
    def __call__(self, model, images, labels, rng):
        result = images.clone()
        self.commit(model, images)
        return result


class Measure(Settings):
    def __call__(self, model, images, targets, maps, rng):
        self.commit(model, images)
        return {"value": torch.zeros(len(images))}


KINDS = {"saliency": (SaliencySpec, Maps), "attack": (AttackSpec, Attack), "probe": (ProbeSpec, Measure)}


def culprit(kind, fault):
    spec, target = KINDS[kind]
    return Component(spec("culprit", target), target(fault))


def study(network, kind=None, fault=None):
    """Put the culprit between others, which come before and after it."""
    options = {"conditions": ["clean", "pgd:eps=8/255,steps=1"], "saliency": ["gradient"], "probes": []}
    if kind == "saliency":
        options["saliency"] = [culprit(kind, fault), "gradient"]
    elif kind == "attack":
        options["conditions"] = [[culprit(kind, fault)], "clean", "pgd:eps=8/255,steps=1"]
    elif kind == "probe":
        options["probes"] = [culprit(kind, fault)]
    return sb.Study(STIMULI, {"net": network}, **options)


def answers(results):
    found = {}
    for view in results.answers():
        found[view.condition, "logits"] = view.logits
    for view in results.maps():
        found[view.condition, view.saliency] = view.maps
    return found


@pytest.fixture(scope="module")
def innocent(tmp_path_factory):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        network = nn.Sequential(*layers, nn.Dropout(), nn.Linear(4, 8))
    results = sb.run(study(network), tmp_path_factory.mktemp("innocent") / "run.h5", batch_size=4)
    return network, answers(results)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_culprit_fails_by_name_and_other_cells_are_equal_to_the_bit(innocent, tmp_path, kind, fault):
    network, expected = innocent
    modes, before = torch.get_default_dtype(), copy.deepcopy(network.state_dict())
    results = sb.run(study(network, kind, fault), tmp_path / "run.h5", batch_size=4)
    failed = results.failures
    assert failed
    for failure in failed:
        assert "culprit" in failure.record.title
        assert FAULTS[fault][1] in failure.error
    found = answers(results)
    assert expected.keys() == {key for key in found if "culprit" not in " ".join(key)}
    for key, array in expected.items():
        assert np.array_equal(found[key], array), key
    assert (torch.get_default_dtype(), torch.is_autocast_enabled("cpu")) == (modes, False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit])
def test_what_would_end_the_process_fails_the_plugin(error):
    def leave():
        raise error("bye")

    with pytest.raises(PluginError, match=f"rude raised {error.__name__}, which would end the whole run: bye"):
        guard.call("rude", leave)


def test_ctrl_c_ends_the_run():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guard.call("innocent", interrupted)


def test_modes_are_restored_after_an_error_too():
    def fails():
        torch.set_default_dtype(torch.float64)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        guard.call("fails", fails)
    assert torch.get_default_dtype() == torch.float32


def test_the_callers_modes_do_not_change_the_numbers_and_are_restored():
    """Products of 10 bits, which many training scripts choose, would change the pixels of some transforms on a GPU."""

    def modes():
        return torch.get_float32_matmul_precision(), torch.get_default_dtype(), torch.is_autocast_enabled("cpu")

    torch.set_float32_matmul_precision("medium")
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            with guard.steady_modes():
                inside = modes()
            after = modes()
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.set_default_dtype(torch.float32)
    assert inside == ("highest", torch.float32, False)
    assert after == ("medium", torch.float64, True)


def test_an_autocast_context_that_is_left_open_is_closed():
    """Else the cache of weights in 16 bits is never cleared, and a network in training keeps its first weights."""

    def enters():
        torch.autocast("cpu", torch.bfloat16).__enter__()

    with pytest.raises(PluginError, match="enters changed autocast, the number of open autocast contexts"):
        guard.call("enters", enters)
    layer = nn.Linear(1, 1, bias=False)
    outputs = []
    for weight in (1.0, 2.0):
        nn.init.constant_(layer.weight, weight)
        with torch.autocast("cpu", torch.bfloat16):
            outputs.append(layer(torch.ones(1, 1)).item())
    assert outputs == [1, 2]


def test_a_transform_that_writes_to_its_images_fails():
    with pytest.raises(PluginError, match="darken changed the tensors that it was called with"):
        guard.call("darken", lambda images: images.mul_(0.5), torch.ones(2, 3, 4, 4))


def test_writing_what_was_there_already_is_allowed():
    images = torch.rand(2, 3, 4, 4)
    assert torch.equal(guard.call("clips", lambda copy: copy.clamp_(0, 1), images), images)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_write_that_no_version_counter_sees_is_noticed_in_large_images_too(layout):
    images = torch.rand(4, 3, 100, 100).contiguous(memory_format=layout)
    with pytest.raises(PluginError, match="changed the tensors"):
        guard.call("darken", lambda copy: np.multiply(copy.numpy(), 0.5, out=copy.numpy()), images)


@attrs.frozen
class Odd:
    """Return something odd, from the second batch on."""

    first: object = attrs.field(factory=dict, eq=False, metadata={"spelled": False})
    later: object = attrs.field(factory=dict, eq=False, metadata={"spelled": False})
    seen: list[int] = attrs.field(factory=list, eq=False, metadata={"spelled": False})

    def odd(self, count):
        self.seen.append(count)
        value = self.first if len(self.seen) == 1 else self.later
        return value(count) if callable(value) else value


class OddProbe(Odd):
    def __call__(self, model, images, targets, maps, rng):
        return self.odd(len(images))


class OddMaps(Odd):
    def __call__(self, model, images, targets, rng):
        return plugin.Attributed(images.sum(dim=1), self.odd(len(images)))


def wide(width):
    return lambda count: {"value": torch.zeros(count, width)}


ODD = {
    "widths": (wide(2), wide(3), "names and shapes must not depend on the batch"),
    "names": (wide(2), lambda count: {"other": torch.zeros(count, 2)}, "names and shapes must not depend"),
    "more names": (wide(2), lambda count: {**wide(2)(count), "b": torch.zeros(count)}, "must not depend on the batch"),
    "slash": (lambda count: {"a/b": torch.zeros(count)}, None, "named 'a/b'"),
    "dot": (lambda count: {".": torch.zeros(count)}, None, r"named '\.'"),
    "empty": (lambda count: {"": torch.zeros(count)}, None, "named ''"),
    "number": (lambda count: {1: torch.zeros(count)}, None, "named 1"),
    "complex": (lambda count: {"value": torch.zeros(count, dtype=torch.complex64)}, None, "store real numbers"),
    "scalar": (lambda count: {"value": torch.tensor(1.0)}, None, "its first axis is the image"),
    "few": (lambda count: {"value": torch.zeros(count - 1)}, None, "its first axis is the image"),
    "numpy": (lambda count: {"value": np.zeros(count)}, None, "returned ndarray for 'value'"),
    "no mapping": (lambda count: [torch.zeros(count)], None, "must return a mapping"),
}


@pytest.mark.parametrize(("spec", "target"), [(ProbeSpec, OddProbe), (SaliencySpec, OddMaps)])
@pytest.mark.parametrize("case", ODD)
def test_an_odd_result_fails_its_cell_alone(network, tmp_path, case, spec, target):
    first, later, message = ODD[case]
    component = Component(spec("odd", target), target(first, later or first))
    options = {"probes": [component]} if spec is ProbeSpec else {"saliency": [component, "gradient"]}
    results = sb.run(sb.Study(STIMULI, {"net": network}, **options), tmp_path / "run.h5", batch_size=4)
    (failure,) = results.failures
    assert "odd" in failure.record.title
    with pytest.raises(PluginError, match=message):
        raise PluginError(failure.error)
    assert len(results.answers()) == 1


def test_names_that_differ_between_parts_fail_the_cell(network, tmp_path, monkeypatch):
    monkeypatch.setattr("shapebias.engine.plan._PART_IMAGES", 4, raising=True)
    component = Component(ProbeSpec("odd", OddProbe), OddProbe(wide(2), wide(3)))
    results = sb.run(sb.Study(STIMULI, {"net": network}, probes=[component]), tmp_path / "run.h5")
    assert results.cells().status.tolist() == ["done", "failed"]


class NeedsFloat64:
    """A saliency method that computes in float64 on a device that has none."""

    def __call__(self, model, images, targets, rng):
        raise TypeError(
            "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. Please use "
            "float32 instead."
        )


def test_what_a_device_lacks_is_an_error_in_words():
    with pytest.raises(DeviceError, match="my-map needs numbers in float64, which this device does not have"):
        guard.call("my-map", NeedsFloat64(), None, torch.zeros(1), None, None)
