"""How many images fit into memory at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs
import torch

from shapebias.runtime.device import is_out_of_memory

__all__ = ["Memory"]


_Result = TypeVar("_Result")


@attrs.define
class Memory:
    """How many images fit into memory at once; the sizes shrink when memory runs out, and results do not change.

    Args:
        batch: the most images in one forward pass.
        chunk: the most images in one forward and backward pass.
    """

    batch: int
    chunk: int

    def halve(self, times: int = 1) -> None:
        """Halve both sizes, down to one image: memory ran out where that cannot be caught, and killed the process.

        Args:
            times: how often.
        """
        self.batch, self.chunk = max(1, self.batch >> times), max(1, self.chunk >> times)

    def fit(self, size: str, call: Callable[[int], _Result]) -> _Result:
        """Call with the size named ``batch`` or ``chunk``; when memory runs out, halve the size and call again.

        Raises:
            torch.OutOfMemoryError, RuntimeError, MemoryError: not even one image fits; the size is then what it was, so
                that other calls are not slowed down, nor their numbers rounded in another way.
        """
        before = getattr(self, size)
        while True:
            images = getattr(self, size)
            try:
                return call(images)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or images == 1:
                    setattr(self, size, before)
                    raise
            # Outside the handler, so that the traceback no longer holds the tensors of the failed call.
            setattr(self, size, images // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
