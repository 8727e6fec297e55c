"""Weight files: what is read, what is refused, and what the refusal says."""

from __future__ import annotations

import pickle
from collections import OrderedDict

import pytest
import safetensors.torch
import torch
from torch import nn

from shapebias.errors import WeightsError
from shapebias.weights import load_weights, read_weights, seeded


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


def test_half_precision_goes_into_the_networks_own_precision(network, tmp_path):
    path = tmp_path / "half.safetensors"
    safetensors.torch.save_file({name: value.half() for name, value in network.state_dict().items()}, path)
    other = another(network)
    load_weights(other, path)
    assert other.conv.weight.dtype == torch.float32
    assert torch.equal(other.conv.weight, network.conv.weight.half().float())


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
    with pytest.raises(WeightsError, match=r"cannot be read safely.*safetensors\.torch\.save_file"):
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
    with pytest.raises(WeightsError, match=r"weights\.safetensors' is no readable safetensors file"):
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
        with seeded(seed):
            layers.append(nn.Linear(4, 4).weight)
    assert torch.equal(layers[0], layers[1])
    assert not torch.equal(layers[0], layers[2])
    assert torch.equal(torch.random.get_rng_state(), before)
