"""Devices by name, and what running out of memory looks like."""

from __future__ import annotations

import pytest
import torch

from shapebias.errors import DeviceError
from shapebias.runtime.device import autocast, choose_device, describe_device, is_out_of_memory


def test_auto_takes_what_torch_has():
    assert choose_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:x", "CPU", "", "cuda:1234"])
def test_words_that_name_no_device_are_refused(text):
    with pytest.raises(DeviceError, match="is unknown; write auto, cpu, cuda, cuda:1, mps or xpu"):
        choose_device(text)


def test_a_device_that_is_not_there_is_refused_with_what_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(DeviceError, match="'cuda:2' does not exist: torch sees 2 CUDA devices; use --device cpu"):
        choose_device("cuda:2")


@pytest.mark.parametrize("text", ["mps", "xpu", "xpu:1"])
def test_other_accelerators_are_asked_of_torch(monkeypatch, text):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="torch sees no accelerator"):
        choose_device(text)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device(text.partition(":")[0]))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert choose_device(text) == torch.device(text)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    with pytest.raises(DeviceError, match="of the type cuda"):
        choose_device(text)


def test_a_cpu_is_described_with_its_threads():
    assert describe_device(torch.device("cpu")) == f"cpu, {torch.get_num_threads()} threads"


def test_reduced_precision_without_cuda_is_refused():
    with autocast(torch.device("cpu"), "float32"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    with pytest.raises(DeviceError, match="precision 'bfloat16' needs a CUDA device, this is 'cpu'"):
        autocast(torch.device("cpu"), "bfloat16")


def test_a_cpu_that_is_asked_for_too_much_is_out_of_memory():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("you tried to allocate"), False),
    ],
)
def test_other_errors_are_not_memory(error, is_memory):
    assert is_out_of_memory(error) == is_memory
