"""Output ranks against scipy's ranks of what is left after merging."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from shapebias.networks.classifier import Classifier
from shapebias.networks.labels import LabelMapping
from shapebias.probes.output_ranks import OutputRanks, merged_ranks

GROUPS = ((7, 2), (0,), (4, 5, 9))


def ranks_by_hand(logits, groups):
    grouped = {output for members in groups for output in members}
    every = [*groups, *((output,) for output in range(logits.shape[1]) if output not in grouped)]
    best = np.stack([logits[:, list(members)].max(axis=1) for members in every], axis=1)
    return stats.rankdata(-best, method="ordinal", axis=1)[:, : len(groups)], len(every)


def test_outputs_of_one_class_are_merged_before_ranking():
    logits = np.random.default_rng(0).normal(size=(50, 12))
    found, outputs = merged_ranks(torch.tensor(logits), GROUPS)
    wanted, count = ranks_by_hand(logits, GROUPS)
    np.testing.assert_array_equal(found.numpy(), wanted)
    assert outputs == count == 9


def test_equal_logits_go_to_the_lower_output():
    found, _ = merged_ranks(torch.zeros(1, 12), GROUPS)
    assert found.tolist() == [[3, 1, 5]]  # after 0 and 1; first; after 0, 1, {2, 7} and 3


@pytest.mark.parametrize("chunk", [1, 16])
def test_ranks_are_of_all_outputs_and_not_of_the_classes(chunk):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 12))
    mapping = LabelMapping("file:a.json", "12 outputs", ("a", "b", "c"), GROUPS)
    model = Classifier(network, mapping=mapping, chunk=chunk)
    images = torch.rand(4, 3, 4, 4)
    measured = OutputRanks()(model, images, torch.zeros(4), None, None)
    wanted, _ = ranks_by_hand(model.logits(images).detach().numpy(), GROUPS)
    np.testing.assert_array_equal(measured["rank"].numpy(), wanted)
    assert measured["outputs"].tolist() == [9] * 4
