"""What a plugin may change in a network is compared by identity and restored."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from shapebias.runtime.network_state import NetworkState, sample


@pytest.fixture
def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2)).eval()


def hook(module):
    return module.register_forward_hook(lambda *_: None)


def replace_hooks(network):
    hooks = OrderedDict({1: lambda *_: torch.zeros(1)})
    network[0]._forward_hooks = hooks


CHANGES = {
    "a layer added": (lambda network: network.append(nn.ReLU()), "layers of the network"),
    "a layer replaced": (lambda network: network.__setitem__(2, nn.Identity()), "layers of the network"),
    "a buffer removed": (lambda network: network[1].__delattr__("running_mean"), "layers of the network"),
    "a hook": (lambda network: hook(network[3]), "hooks of the network"),
    "the dictionary of hooks replaced": (replace_hooks, "hooks of the network"),
    "the train flag of one layer": (lambda network: network[1].train(), "the network's train flag or forward"),
    "the forward of one layer": (
        lambda network: setattr(network[0], "forward", torch.relu),
        "the network's train flag or forward",
    ),
    "a flag of a weight": (
        lambda network: network[0].weight.requires_grad_(requires_grad=False),
        "gradients of the network's weights",
    ),
    "a gradient": (
        lambda network: setattr(network[3].bias, "grad", torch.ones(2)),
        "gradients of the network's weights",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("calls", [1, 3])
def test_a_change_is_named_and_restored_whatever_call_makes_it(network, change, calls):
    make, name = CHANGES[change]
    state, layers, images = NetworkState(network), dict(network.named_modules()), torch.rand(2, 3, 3, 3)
    expected = network(images)
    for _ in range(calls):
        state.remember()
        make(network)
        assert name in state.restore()
        assert dict(network.named_modules()) == layers
        assert torch.equal(network(images), expected)
        assert not network[3]._forward_hooks
        assert all(weight.requires_grad and weight.grad is None for weight in network.parameters())
    state.remember()
    assert state.restore() == []


@pytest.mark.parametrize("change", [name for name in CHANGES if "buffer" not in name])
def test_what_the_user_changes_between_calls_stays(network, change):
    make, _name = CHANGES[change]
    state = NetworkState(network)
    state.remember()
    make(network)
    state.remember()
    assert state.restore() == []


def test_nothing_is_listed_again_where_nothing_changed(network):
    """Thousands of new objects around every call would cost more than a gradient of a small network."""
    state = NetworkState(network)
    state.remember()
    first = state._modules, state._tensors, state._weights
    state.restore()
    state.remember()
    assert all(
        now is before for now, before in zip((state._modules, state._tensors, state._weights), first, strict=True)
    )


def test_a_scripted_network_is_compared_too():
    network = torch.jit.script(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    state = NetworkState(network)
    for _ in range(2):
        state.remember()
        with torch.no_grad():
            next(network.parameters()).mul_(2)
        assert "weights of the network" in state.restore()


def test_nan_weights_are_the_same_weights():
    network = nn.Linear(2, 2)
    with torch.no_grad():
        network.weight[0, 0] = torch.nan
    state = NetworkState(network)
    state.remember()
    assert state.restore() == []


def test_a_network_that_the_user_changes_between_calls_is_not_put_back():
    network = nn.Linear(2, 2)
    state = NetworkState(network)
    state.remember()
    with torch.no_grad():
        network.weight.fill_(3)
    state.remember()
    with torch.no_grad():
        network.weight.fill_(4)
    assert state.restore() == ["weights of the network"]
    assert network.weight.eq(3).all()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_sample_is_spread_over_the_tensor_and_follows_what_is_written(layout):
    tensor = torch.zeros(4, 3, 10, 10).contiguous(memory_format=layout)
    seen = sample(tensor, 64)
    assert 64 <= len(seen) <= 128
    tensor[3].fill_(1)
    assert 0.2 < seen.mean() < 0.3
