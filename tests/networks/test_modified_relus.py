"""The rules of guided backpropagation and deconvolution, against their definitions."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from shapebias.errors import ShapebiasError
from shapebias.networks.modified_relus import ModifiedReLUs

INPUTS = torch.tensor([-1.0, 2.0, 3.0, 7.0])
WEIGHTS = torch.tensor([1.0, 1.0, -1.0, 1.0])
RELUS = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "function": functional.relu,
    "function in place": lambda x: functional.relu(x, inplace=True),
    "positional in place": lambda x: functional.relu(x, True),  # noqa: FBT003 - as some networks call it
    "torch": torch.relu,
    "method": lambda x: x.relu(),
    "statement": lambda x: (x.relu_(), x)[1],
    "keyword": lambda x: functional.relu(input=x),
}


def gradient(rule, relu):
    pixels = INPUTS.clone().requires_grad_()
    with ModifiedReLUs(rule) as relus:
        output = relu(pixels * 1)
    (found,) = torch.autograd.grad((WEIGHTS * output).sum(), pixels)
    return output.detach(), found, relus


@pytest.mark.parametrize("relu", RELUS)
def test_deconvolution_passes_what_is_positive(relu):
    output, found, relus = gradient("deconvolution", RELUS[relu])
    assert output.tolist() == [0, 2, 3, 7]
    assert found.tolist() == [1, 1, 0, 1]
    assert relus.seen == 1


@pytest.mark.parametrize("relu", RELUS)
def test_guided_backpropagation_passes_what_is_positive_where_the_input_is(relu):
    _, found, _ = gradient("guided", RELUS[relu])
    assert found.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("relu", [nn.ReLU6(), nn.ReLU6(inplace=True), functional.relu6])
def test_relu6_is_cut_off_at_6(relu):
    output, found, _ = gradient("deconvolution", relu)
    assert output.tolist() == [0, 2, 3, 6]
    assert found.tolist() == [1, 1, 0, 1]


def test_nothing_to_change_is_refused():
    with ModifiedReLUs("guided") as relus:
        nn.GELU()(torch.ones(2, requires_grad=True))
    with pytest.raises(ShapebiasError, match="guided-backprop changes how gradients pass ReLUs, and GELU has none"):
        relus.require("guided-backprop", nn.GELU())
