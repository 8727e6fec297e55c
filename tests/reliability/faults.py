"""What a bad plugin does."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

__all__ = ["FAULTS", "HARMLESS", "RAISED"]


def leave(error):
    raise error


def seed():
    torch.manual_seed(9)
    np.random.seed(9)  # noqa: NPY002 - the global state is the point
    random.seed(9)


def enter_autocast():
    torch.autocast("cpu", torch.bfloat16).__enter__()


def hook_all_modules():
    nn.modules.module.register_module_forward_hook(lambda *_: torch.zeros(1, 8))


def recurse():
    recurse()


RAISED = {
    "raises": lambda: leave(ZeroDivisionError("on purpose")),
    "exits": lambda: leave(SystemExit(3)),
    "ends a generator": lambda: leave(GeneratorExit()),
    "raises something other than an Exception": lambda: leave(BaseException("on purpose")),
    "recurses": recurse,
    "has no memory": lambda: leave(MemoryError()),
    "stops iterating": lambda: leave(StopIteration()),
}
MODES = {
    "changes the default dtype": lambda: torch.set_default_dtype(torch.float64),
    "hooks all modules": hook_all_modules,
    "enters autocast": enter_autocast,
    "sets grad mode": lambda: torch.set_grad_enabled(not torch.is_grad_enabled()),
}
FAULTS = RAISED | MODES
HARMLESS = {"sets the random state": seed}
