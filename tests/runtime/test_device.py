"""Devices by name, and what running out of memory looks like."""

from __future__ import annotations

import pytest
import torch

from shapebias.errors import DeviceError
from shapebias.runtime.device import (
    autocast,
    choose_device,
    describe_device,
    explained,
    is_out_of_memory,
    on_float64_device,
)


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


@pytest.mark.parametrize("text", ["mps", "mps:0", "xpu", "xpu:1", "hpu"])
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


MPS_FALLBACK = (
    "The operator 'aten::upsample_bicubic2d.out' is not currently implemented for the MPS device. If you want this op "
    "to be considered for addition please comment on https://github.com/pytorch/pytorch/issues/141287 and mention "
    "use-case, that resulted in missing op as well as commit hash. As a temporary fix, you can set the environment "
    "variable `PYTORCH_ENABLE_MPS_FALLBACK=1` to use the CPU as a fallback for this op. WARNING: this will be slower "
    "than running natively on MPS."
)
NO_BACKEND = (
    "Could not run 'aten::_fft_c2c' with arguments from the 'XPU' backend. This could be because the operator doesn't "
    "exist for this backend, or was omitted during the selective/custom build process (if using custom build)."
)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. Please use "
                "float32 instead."
            ),
            "float64, which this device does not have",
        ),
        (
            TypeError("Trying to convert Double to the MPS backend but it does not have support for that dtype."),
            "float64, which this device does not have",
        ),
        (RuntimeError("Required aspect fp64 is not supported on the device"), "float64, which this device"),
        (NotImplementedError(MPS_FALLBACK), r"aten::upsample_bicubic2d\.out, .* device mps, or set PYTORCH_ENABLE_MPS"),
        (NotImplementedError(NO_BACKEND), "aten::_fft_c2c, which torch does not have for the device xpu; use"),
        (
            RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'"),
            "addmm_impl_cpu_ for numbers of the type Half",
        ),
    ],
)
def test_what_a_device_lacks_is_said_in_words(error, words):
    """The messages are torch's own, of 2.x."""
    with (
        pytest.raises(DeviceError, match=f"smoothgrad needs .*{words}.*--device cpu") as refused,
        explained("smoothgrad"),
    ):
        raise error
    assert refused.value.__cause__ is error


def test_an_operator_that_torch_has_for_no_such_device_here():
    """The message of this very version of torch, on a device that no wheel for Linux has."""
    with (
        pytest.raises(DeviceError, match=r"a map needs the operator aten::empty\S* which .* device mps"),
        explained("a map"),
    ):
        torch.zeros(2, device="mps")


@pytest.mark.parametrize("error", [RuntimeError("shapes cannot be multiplied"), KeyError("a"), TypeError("no float64")])
def test_other_errors_stay_as_they_are(error):
    with pytest.raises(type(error)) as raised, explained("a map"):
        raise error
    assert raised.value is error


def test_what_needs_float64_stays_where_it_is_available():
    assert on_float64_device(torch.ones(2)).device.type == "cpu"
