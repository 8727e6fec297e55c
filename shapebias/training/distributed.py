"""The processes of one training run: a single one, or one for each GPU, with a share of every batch."""

from __future__ import annotations

import atexit
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import attrs
import torch
from torch import Tensor, nn

from shapebias.errors import DeviceError
from shapebias.runtime.device import choose_device

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["Processes", "train_on_devices"]

_Item = TypeVar("_Item")
_NO_ACCELERATE = "training in several processes needs Accelerate; pip install 'shapebias[distributed]'"


@attrs.frozen(eq=False)
class Processes:
    """The rank of this process in distributed training.

    Gradients are averaged by torch's DistributedDataParallel (Li et al. 2020, PyTorch distributed), which Accelerate
    sets up from the environment variables of ``torchrun``.

    Args:
        device: the device of this process.
        rank: its number; process 0 writes the files and reports the progress.
        count: the number of processes.

    >>> Processes(torch.device("cpu"), rank=1, count=3).share(range(8))
    range(1, 8, 3)
    """

    device: torch.device
    rank: int = 0
    count: int = 1
    _accelerator: Accelerator | None = attrs.field(default=None, alias="accelerator")

    @classmethod
    def join(cls, device: str) -> Processes:
        """Join the other processes if ``torchrun`` started this one.

        Args:
            device: ``auto``, ``cpu``, or ``cuda:1`` for a single process.

        Raises:
            DeviceError: the device does not exist or cannot be shared, or Accelerate is not installed.
        """
        if not torch.distributed.is_torchelastic_launched():
            return cls(choose_device(device))
        if ":" in device:
            raise DeviceError(f"device {device!r}: torchrun gives each process its own GPU; use auto or cpu")
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise DeviceError(_NO_ACCELERATE) from error
        accelerator = Accelerator(cpu=choose_device(device).type == "cpu", mixed_precision="no")
        atexit.register(_leave)
        return cls(accelerator.device, accelerator.process_index, accelerator.num_processes, accelerator)

    @staticmethod
    def speaks() -> bool:
        """Return whether this process is the only one or the first, without joining the others."""
        return not torch.distributed.is_torchelastic_launched() or os.environ["RANK"] == "0"

    @property
    def first(self) -> bool:
        """Whether this is the process that writes the files and reports the progress."""
        return self.rank == 0

    def share(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """Return the items of this process."""
        return items[self.rank :: self.count]

    def wrapped(self, network: nn.Module) -> nn.Module:
        """Wrap the network so that a backward pass gives the mean gradient of all processes.

        On GPUs, batch normalisation uses the statistics of the images of all processes; on CPUs, where torch does not
        support this, each process uses those of its own images.
        """
        if self._accelerator is None:
            return network
        if self.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        wrapped: nn.Module = self._accelerator.prepare_model(network)
        return wrapped

    def summed(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over all processes."""
        if self._accelerator is None:
            return tensor
        total: Tensor = self._accelerator.reduce(tensor, "sum")
        return total

    def wait(self) -> None:
        """Wait for all processes."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()


def train_on_devices(count: int, arguments: Sequence[str], device: str = "auto") -> int:
    """Run a command of shapebias in several processes of this machine with ``torchrun``, and wait for them.

    If one process dies, ``torchrun`` ends the others; the same command continues after the last finished epoch.

    Args:
        count: the number of processes; with GPUs, each has its own.
        arguments: the arguments of the command.
        device: the device option of the command.

    Returns:
        The exit status: 0 if all processes have finished, 130 after Ctrl-C.

    Raises:
        DeviceError: there are fewer GPUs, Accelerate is not installed, or ``torchrun`` already runs this process.
    """
    if torch.distributed.is_torchelastic_launched():
        raise DeviceError("torchrun has started the processes already; leave out --devices")
    if choose_device(device).type == "cuda" and count > torch.cuda.device_count():
        raise DeviceError(f"--devices {count}: torch sees {torch.cuda.device_count()} CUDA devices; give no more")
    if importlib.util.find_spec("accelerate") is None:
        raise DeviceError(_NO_ACCELERATE)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    process = subprocess.Popen([sys.executable, *torchrun, "-m", "shapebias", *arguments])  # noqa: S603 - our own command
    try:
        return process.wait()
    except KeyboardInterrupt:  # the processes receive it too, and save their work
        process.wait()
        return 130


def _leave() -> None:
    """Leave the process group before the interpreter ends, when threads that still run may abort the process."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
