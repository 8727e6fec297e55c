"""Zero-shot scores against the formula."""

from __future__ import annotations

import math

import torch
from torch import nn

from shapebias.networks.state_hash import hash_state
from shapebias.networks.zero_shot import ZeroShot, class_embeddings

LETTERS = {"a": [2.0, 0.0], "b": [0.0, 5.0], "c": [3.0, 4.0]}


def encode(texts):
    return torch.tensor([LETTERS[text] for text in texts])


def test_texts_of_a_class_are_normalised_averaged_and_normalised():
    found = class_embeddings(encode, [["a", "b"], ["c"]], batch_size=2)
    assert torch.allclose(found, torch.tensor([[math.sqrt(0.5)] * 2, [0.6, 0.8]]))


def test_scores_are_scaled_cosines_with_a_bias():
    network = ZeroShot(nn.Flatten(), torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0]]), scale=10, bias=-3)
    assert torch.allclose(network(torch.tensor([0.0, 2.0, 0.0]).view(1, 3, 1, 1)), torch.tensor([[-3.0, 5.0]]))


def test_scale_bias_and_texts_are_part_of_the_state():
    networks = [ZeroShot(nn.Flatten(), torch.eye(3), 1, 0), ZeroShot(nn.Flatten(), torch.eye(3), 2, 0),
                ZeroShot(nn.Flatten(), torch.eye(3), 1, 1), ZeroShot(nn.Flatten(), -torch.eye(3), 1, 0)]  # fmt: skip
    assert len({hash_state(network) for network in networks}) == 4
