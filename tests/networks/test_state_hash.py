"""The hash of a network's state sees all of it and nothing else."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from shapebias.errors import ShapebiasError
from shapebias.networks.state_hash import hash_state


def test_the_hash_of_a_state_sees_values_names_and_buffers_and_nothing_else():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 5))
    known = hash_state(module)
    assert hash_state(copy.deepcopy(module)) == known
    assert hash_state(copy.deepcopy(module).to(memory_format=torch.channels_last)) == known
    changes = []
    for change in ("weight", "statistics", "count", "name", "precision"):
        other = copy.deepcopy(module)
        match change:
            case "weight":
                other[3].weight.data[0, 0] += 1e-3
            case "statistics":
                other[1].running_mean[0] = 1
            case "count":
                other[1].num_batches_tracked += 1
            case "name":
                other = nn.Sequential(*other, nn.Identity())
                other.register_buffer("empty", torch.zeros(0))
            case "precision":
                other.half()
        changes.append(hash_state(other))
    assert len({known, *changes}) == 6


def test_a_state_besides_tensors_counts():
    class Counting(nn.Linear):
        state: object = None

        def get_extra_state(self):
            return self.state

        def set_extra_state(self, state):
            self.state = state

    layer = Counting(2, 2)
    hashes = []
    for layer.state in (None, 1, {"steps": 3, "scale": torch.ones(2)}, {"steps": 3, "scale": torch.zeros(2)}):
        hashes.append(hash_state(layer))
        assert hash_state(copy.deepcopy(layer)) == hashes[-1]
    assert len(set(hashes)) == 4
    layer.state = object()
    with pytest.raises(ShapebiasError, match=r"state '_extra_state' is a object"):
        hash_state(layer)
