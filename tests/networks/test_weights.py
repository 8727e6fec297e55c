"""Weight files: what is read, what is refused, and what the refusal says."""

from __future__ import annotations

import argparse
import pickle
import re
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from torch import nn

from shapebias.errors import WeightsError
from shapebias.networks.weights import load_weights, put_weights, read_weights, seeded_weights


@pytest.fixture
def network():
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), fc=nn.Linear(4, 2)))


@pytest.fixture
def saved(network, tmp_path):
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(network.state_dict(), path)
    return path


def another(network):
    return type(network)(
        OrderedDict(conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), fc=nn.Linear(4, 2))
    )  # other random weights


def same(first, second):
    return all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def test_safetensors_are_loaded(network, saved):
    other = another(network)
    assert not same(network, other)
    load_weights(other, saved)
    assert same(network, other)


@pytest.mark.parametrize(("save", "name"), [(safetensors.torch.save_file, "net.pth"), (torch.save, "net.safetensors")])
def test_the_content_decides_how_a_file_is_read(network, tmp_path, save, name):
    other = another(network)
    save(network.state_dict(), tmp_path / name)
    load_weights(other, tmp_path / name)
    assert same(network, other)


def test_what_training_scripts_write_beside_the_weights_is_read(network, tmp_path):
    options = argparse.Namespace(lr=0.1, output=tmp_path)
    beside = {"args": options, "best": np.float64(0.3), "random": np.random.RandomState(0).get_state()}
    torch.save({"model": state_of(network), **beside}, tmp_path / "net.pth")
    other = another(network)
    load_weights(other, tmp_path / "net.pth")
    assert same(network, other)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><html>Not found</html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 3\n", "git lfs pull"),
        (b'{"weight_map": {}}', "it is JSON"),
        (b"\x89HDF\r\n\x1a\n", "as Keras writes"),
        (b"\x93NUMPY\x01\x00", "arrays of NumPy"),
        (b"PK\x03\x04 cut off", "it is damaged"),
    ],
)
def test_another_kind_of_file_is_told_by_its_content(network, tmp_path, content, reason):
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"cannot be read safely.*{reason}"):
        load_weights(network, path)


def test_a_folder_is_not_a_missing_file(network, tmp_path):
    with pytest.raises(WeightsError, match="is a folder; give the file in it"):
        load_weights(network, tmp_path)


def test_half_precision_goes_into_the_networks_own_precision(network, tmp_path):
    path = tmp_path / "half.safetensors"
    safetensors.torch.save_file({name: value.half() for name, value in network.state_dict().items()}, path)
    other = another(network)
    load_weights(other, path)
    assert other.conv.weight.dtype == torch.float32
    assert torch.equal(other.conv.weight, network.conv.weight.half().float())


@pytest.mark.parametrize("module", [b"numpy.core", b"numpy._core"])
def test_numbers_of_numpy_1_and_of_numpy_2_are_read(network, tmp_path, module):
    """The two call the type of a scalar by other names, and published checkpoints are of both times."""
    torch.save({"state_dict": network.state_dict(), "best": np.float64(71.5)}, tmp_path / "saved.pt")
    with zipfile.ZipFile(tmp_path / "saved.pt") as saved, zipfile.ZipFile(tmp_path / "given.pt", "w") as given:
        for name in saved.namelist():
            content = saved.read(name)
            if name.endswith("data.pkl"):
                assert re.search(rb"numpy\.\w+\.multiarray\nscalar\n", content)
                content = re.sub(rb"numpy\.\w+\.multiarray\nscalar\n", module + rb".multiarray\nscalar\n", content)
            given.writestr(name, content)
    other = another(network)
    load_weights(other, tmp_path / "given.pt")
    assert same(network, other)


@pytest.mark.parametrize("wrapped", ["plain", "state_dict", "model", "data parallel"])
def test_torch_files_are_read_as_they_are_usually_saved(network, tmp_path, wrapped):
    state = network.state_dict()
    content = {
        "plain": state,
        "state_dict": {"state_dict": state, "epoch": 7},
        "model": {"model": state},
        "data parallel": {f"module.{name}": value for name, value in state.items()},
    }[wrapped]
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    other = another(network)
    load_weights(other, path)
    assert same(network, other)


class Trap:
    """Says when it was unpickled."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


def test_a_pickle_is_refused_and_nothing_in_it_runs(tmp_path):
    path = tmp_path / "trap.pth"
    torch.save({"weight": Trap()}, path)
    with pytest.raises(WeightsError, match=r"cannot be read safely.*--i-trust-this-file"):
        read_weights(path)
    plain = tmp_path / "trap.pkl"
    plain.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(WeightsError, match="cannot be read safely"):
        read_weights(plain)
    assert not Trap.sprung
    pickle.loads(plain.read_bytes())  # noqa: S301 - the test's own trap
    assert Trap.sprung, "the trap must work"


def test_a_torch_file_without_a_state_dict_is_refused(tmp_path):
    path = tmp_path / "list.pth"
    torch.save([1, 2, 3], path)
    with pytest.raises(WeightsError, match=r"holds a list and no state_dict; save model\.state_dict\(\)"):
        read_weights(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors' does not exist"):
        read_weights(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("cut", [0, 5, 200, -1])
def test_a_damaged_safetensors_file_is_named(saved, cut):
    saved.write_bytes(saved.read_bytes()[:cut])
    with pytest.raises(WeightsError, match=r"weights\.safetensors' is not a readable safetensors file"):
        read_weights(saved)


def test_a_damaged_torch_file_is_named(network, tmp_path):
    path = tmp_path / "cut.pth"
    torch.save(network.state_dict(), path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(WeightsError, match=r"cut\.pth' cannot be read safely"):
        read_weights(path)


def test_every_kind_of_misfit_is_reported_together(network, tmp_path):
    state = {**network.state_dict(), "head.weight": torch.zeros(1), "fc.weight": torch.zeros(10, 4)}
    del state["conv.bias"]
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file(state, path)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(WeightsError) as error:
        load_weights(network, path)
    message = str(error.value)
    assert "is for another network than Sequential" in message
    assert "1 missing in the file: conv.bias" in message
    assert "1 not in the network: head.weight" in message
    assert "1 of another shape: fc.weight: file has (10, 4), network wants (2, 4)" in message
    assert "name the architecture" in message
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_long_lists_of_keys_are_cut(network, tmp_path):
    path = tmp_path / "empty.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(
        WeightsError, match=r"8 missing in the file: bn\.bias, bn\.running_mean, bn\.running_var, \.\.\."
    ):
        load_weights(network, path)


def test_the_step_counter_of_batch_normalisation_may_be_missing(network, tmp_path):
    path = tmp_path / "old.safetensors"
    state = {name: value for name, value in network.state_dict().items() if "num_batches" not in name}
    safetensors.torch.save_file(state, path)
    other = another(network)
    load_weights(other, path)
    assert torch.equal(other.conv.weight, network.conv.weight)


def test_seeded_weights_depend_on_the_seed_alone():
    before = torch.random.get_rng_state()
    layers = []
    for seed in (0, 0, 1):
        with seeded_weights(seed):
            layers.append(nn.Linear(4, 4).weight)
    assert torch.equal(layers[0], layers[1])
    assert not torch.equal(layers[0], layers[2])
    assert torch.equal(torch.random.get_rng_state(), before)


def state_of(network):
    return network.state_dict()


def under(state, prefix):
    return {f"{prefix}{name}": value for name, value in state.items()}


MEAN, STD = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.3])
NORMALISER = {"normalizer.new_mean": MEAN.view(3, 1, 1), "normalizer.new_std": STD.view(3, 1, 1)}
WRAPPINGS = {
    "torch.compile": lambda state: under(state, "_orig_mod."),
    "compiled, then DataParallel": lambda state: under(state, "module._orig_mod."),
    "DataParallel, then compiled": lambda state: {"state_dict": under(state, "_orig_mod.module.")},
    "a compiled part": lambda state: {name.replace("conv.", "conv._orig_mod."): value for name, value in state.items()},
    "FSDP": lambda state: under(state, "_fsdp_wrapped_module."),
    "Lightning": lambda state: {"state_dict": under(state, "model."), "hyper_parameters": {"lr": 0.1}, "callbacks": {}},
    "Lightning and a loss": lambda state: {
        "state_dict": {**under(state, "net."), "loss.weight": torch.ones(2)},
        "epoch": 3,
    },
    "SWA": lambda state: {"model_ema": {**under(state, "module."), "n_averaged": torch.tensor(4)}},
    "net": lambda state: {"net": under(state, "module."), "acc": 91.2, "epoch": 3},
    "model_state_dict": lambda state: {
        "model_state_dict": state,
        "optimizer_state_dict": {"state": {0: torch.ones(1)}},
    },
    "nested": lambda state: {"checkpoint": 1, "model": {"state_dict": state}},
    "another name": lambda state: {"student": state, "optimizer": {"state": {}, "param_groups": []}},
    "options and a NumPy score": lambda state: {
        "model": state,
        "args": argparse.Namespace(lr=0.1, batch_size=128),
        "best": np.float64(0.76),
    },
    "no versions": dict,
    "DataParallel, then Lightning": lambda state: {"state_dict": under(state, "model.module.")},
    "compiled, in a module of a training": lambda state: {"model": under(state, "module.model._orig_mod.")},
    "DataParallel around a part": lambda state: {name.replace("conv.", "conv.module."): v for name, v in state.items()},
    "the same under a prefix": lambda state: {
        "state_dict": under({name.replace("conv.", "conv.module."): v for name, v in state.items()}, "module.")
    },
    "ema": lambda state: {"ema": {"module": state, "decay": 0.99}},
    "nested under any name": lambda state: {
        "checkpoint": {"student": {"net": state}, "epoch": 3},
        "optimizer": {"state": {0: {"exp_avg": torch.ones(1)}}},
    },
    "bfloat16": lambda state: {name: v.bfloat16() if v.is_floating_point() else v for name, v in state.items()},
    "parameters": lambda state: {
        name: nn.Parameter(v, requires_grad=v.is_floating_point()) for name, v in state.items()
    },
    "a normaliser beside the network": lambda state: {**state, **NORMALISER},
    "a normaliser and an attacker": lambda state: {
        **under({**state, **NORMALISER}, "module."), **under({**state, **NORMALISER}, "module.attacker.")
    },
    "two layers of a sequence": lambda state: {**under(state, "1."), "0.mean": MEAN, "0.std": STD},
    "buffers": lambda state: {**state, "mu": MEAN.view(1, 3, 1, 1), "sigma": STD.view(1, 3, 1, 1)},
}  # fmt: skip


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_files_are_read_as_training_leaves_them(network, tmp_path, wrapping):
    path = tmp_path / "weights.pth"
    torch.save(WRAPPINGS[wrapping](state_of(network)), path)
    other = another(network)
    load_weights(other, path)
    assert same(network.bfloat16().float() if wrapping == "bfloat16" else network, other)


@pytest.mark.parametrize(
    ("raw", "averaged"),
    [("state_dict", "state_dict_ema"), ("model", "model_ema"), ("model", "ema"), ("net", "ema_model")],
)
def test_a_moving_average_is_taken_and_said(network, tmp_path, caplog, raw, averaged):
    path = tmp_path / "weights.pth"
    average = another(network)
    torch.save({raw: state_of(network), averaged: state_of(average), "epoch": 7}, path)
    other = another(network)
    load_weights(other, path)
    assert same(average, other)
    assert f"the weights in '{averaged}' were taken, not those in '{raw}'" in caplog.text


def test_timm_takes_the_same_of_two(network, tmp_path):
    """An independent truth for the order: timm's own loader."""
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": state_of(network), "state_dict_ema": state_of(another(network)), "model": 3}, path)
    ours, timms = another(network), another(network)
    load_weights(ours, path)
    timm.models.load_checkpoint(timms, str(path))
    assert same(ours, timms)


@pytest.mark.parametrize("empty", [None, {}, {"decay": 0.99}])
def test_an_empty_moving_average_is_passed_over(network, tmp_path, empty):
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": state_of(network), "state_dict_ema": empty}, path)
    other = another(network)
    load_weights(other, path)
    assert same(network, other)


def test_a_moving_average_beside_the_weights_under_a_prefix_is_taken(network, tmp_path, caplog):
    path = tmp_path / "weights.pth"
    average = another(network)
    torch.save({"state_dict": {**under(state_of(network), "model."), **under(state_of(average), "ema_model.")}}, path)
    other = another(network)
    load_weights(other, path)
    assert same(average, other)
    assert "the weights under 'ema_model.' were taken; left out: 9 keys" in caplog.text


def test_nothing_is_said_of_an_equal_copy(network, tmp_path, caplog):
    """The library ``robustness`` keeps the network once more, in its attacker."""
    path, other = tmp_path / "weights.pth", another(network)
    state = state_of(network)
    torch.save({**under(state, "module.model."), **under(state, "module.attacker.model.")}, path)
    load_weights(other, path)
    assert same(network, other)
    assert "left out" not in caplog.text


def test_two_networks_in_one_file_are_refused_and_nothing_is_loaded(network, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({**under(state_of(network), "student."), **under(state_of(another(network)), "teacher.")}, path)
    other = another(network)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(WeightsError, match=r"2 networks that fit.*'student\.', 'teacher\.'; give .* prefix=student\."):
        load_weights(other, path)
    assert all(torch.equal(before[name], value) for name, value in other.state_dict().items())


@pytest.mark.parametrize("wrapped", ["keys", "entries", "entries of an entry"])
def test_one_of_two_networks_is_chosen_by_its_prefix(network, tmp_path, wrapped):
    path, teacher, other = tmp_path / "weights.pth", another(network), another(network)
    states = {"student.": state_of(network), "teacher.": under(state_of(teacher), "module.")}
    entries = {prefix.removesuffix("."): state for prefix, state in states.items()}
    content = {
        "keys": {key: value for prefix, state in states.items() for key, value in under(state, prefix).items()},
        "entries": {**entries, "epoch": 3},
        "entries of an entry": {"state_dict": entries, "epoch": 3},
    }[wrapped]
    torch.save(content, path)
    load_weights(other, path, "teacher.")
    assert same(teacher, other)
    with pytest.raises(WeightsError, match=r"give the one that you mean with prefix=student\."):
        load_weights(other, path)


def test_the_prefix_that_comes_nearest_is_named(network, tmp_path):
    path = tmp_path / "weights.pth"
    state = under(state_of(network), "model.")
    del state["model.fc.bias"]
    torch.save({"state_dict": state}, path)
    with pytest.raises(
        WeightsError, match=r"even without the 'model\.' in front(?s:.*)1 missing in the file: fc\.bias"
    ):
        load_weights(network, path)


def test_how_to_give_a_prefix_is_told_where_none_comes_near(network, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"trunk.first.weight": torch.ones(2)}, path)
    with pytest.raises(WeightsError, match=r"1 not in the network: trunk\.first\.weight(?s:.*)give it with prefix="):
        load_weights(network, path)


def test_a_module_that_is_called_module_keeps_its_name(tmp_path):
    network = nn.ModuleDict({"a": nn.ModuleDict({"module": nn.Linear(2, 2)})})
    path = tmp_path / "weights.pth"
    torch.save(under(network.state_dict(), "net."), path)
    other = nn.ModuleDict({"a": nn.ModuleDict({"module": nn.Linear(2, 2)})})
    load_weights(other, path)
    assert same(network, other)


def test_entries_without_a_state_dict_are_listed(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"epoch": 3, "lr": 0.1}, path)
    with pytest.raises(WeightsError, match=r"not a state_dict; it has the entries 'epoch', 'lr'"):
        read_weights(path)


def test_a_program_is_refused_with_the_way_out(network, tmp_path):
    path = tmp_path / "program.pt"
    torch.jit.save(torch.jit.trace(network[:2].eval(), torch.rand(1, 3, 8, 8)), path)
    with pytest.raises(WeightsError, match=r"TorchScript program.*torch\.jit\.load"):
        read_weights(path)


def test_what_a_pickle_would_run_is_named(tmp_path):
    path = tmp_path / "trap.pth"
    torch.save({"weight": Trap()}, path)
    with pytest.raises(WeightsError, match=r"runs builtins\.setattr, .*; where you trust it.*--i-trust-this-file"):
        read_weights(path)


class Renamed(nn.Module):
    """A network whose layer had another name in version 1, as torchvision's vision transformers have."""

    _version = 2

    def __init__(self):
        super().__init__()
        self.new = nn.Linear(3, 2)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        version = local_metadata.get("version")
        if version is None or version < 2:
            for part in ("weight", "bias"):
                if f"{prefix}old.{part}" in state_dict:
                    state_dict[f"{prefix}new.{part}"] = state_dict.pop(f"{prefix}old.{part}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class Strict(Renamed):
    """A network that refuses weights without a version, as torchvision's MNASNets do."""

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version") not in (1, 2):
            raise ValueError("version should be 1 or 2")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_conversions_of_the_module_itself_come_first(tmp_path, prefix):
    source, network, path = Renamed(), Renamed(), tmp_path / "old.safetensors"
    old = {name.replace("new", "old"): value for name, value in source.state_dict().items()}
    safetensors.torch.save_file(under(old, prefix), path)
    load_weights(network, path) if not prefix else put_weights(network, read_weights(path), path)
    assert same(source, network)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_versions_of_modules_are_kept_or_taken_for_todays(tmp_path, suffix, prefix):
    source, network, path = Strict(), Strict(), tmp_path / f"weights.{suffix}"
    state = source.state_dict()
    wrapped = type(state)(under(state, prefix))
    wrapped._metadata = {f"{prefix}{name}".removesuffix("."): value for name, value in state._metadata.items()}
    torch.save(wrapped, path) if suffix == "pth" else safetensors.torch.save_file(dict(wrapped), path)
    load_weights(network, path)
    assert same(source, network)


def test_weights_that_a_network_uses_twice_may_have_one_name(tmp_path):
    def tied():
        network = nn.Sequential(OrderedDict(a=nn.Linear(3, 3, bias=False), b=nn.Linear(3, 3, bias=False)))
        network.b.weight = network.a.weight
        return network

    source, network, path = tied(), tied(), tmp_path / "tied.safetensors"
    safetensors.torch.save_model(source, path)
    load_weights(network, path)
    assert same(source, network)


def test_whole_numbers_are_not_taken_for_weights(network, tmp_path):
    path = tmp_path / "int8.safetensors"
    state = {**state_of(network), "fc.weight": torch.ones(2, 4, dtype=torch.int8)}
    safetensors.torch.save_file(state, path)
    with pytest.raises(WeightsError, match=r"of whole numbers, as quantised weights are: fc\.weight"):
        load_weights(network, path)
