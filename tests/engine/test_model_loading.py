"""How a model's outputs belong to the classes of a data set is found once, whatever the number of conditions."""

from __future__ import annotations

import torch
from torch import nn

from shapebias.engine.runner import evaluate


class Counted(nn.Module):
    """Says which class is the brightest, and counts the images of each call."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, images):
        self.calls.append(len(images))
        return torch.cat([images.mean(dim=(2, 3)), images.new_zeros(len(images), 5)], dim=1)


def test_one_image_tells_the_outputs_of_a_model_once():
    network = Counted()
    conditions = ["clean", "grayscale", "saturate:p=8", "invert"]
    results = evaluate(network, "stimuli:images=8,size=16", conditions, device="cpu")
    assert len(results.metric("accuracy:top=1")) == len(conditions)
    assert sorted(network.calls) == [1, 8, 8, 8, 8]


def test_each_data_set_has_its_own_mapping():
    network = Counted()
    evaluate(network, ["stimuli:images=8,size=16", "stimuli:cue=shape,images=8,size=16"], device="cpu")
    assert sorted(network.calls) == [1, 1, 8, 8]
