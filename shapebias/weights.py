"""Weights of networks: random ones that can be had again, and files that are read without running anything in them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from shapebias.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_weights", "put_weights", "read_weights", "seeded"]


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw the random weights of a network that is made on the CPU from a seed; the global generator stays as it was.

    >>> with seeded(0):
    ...     layer = nn.Linear(2, 2)
    >>> with seeded(0):
    ...     again = nn.Linear(2, 2)
    >>> torch.equal(layer.weight, again.weight)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a weight file without running anything in it: safetensors, or a torch file of plain tensors.

    Raises:
        WeightsError: the file is missing, damaged, or holds more than tensors.
    """
    if not path.is_file():
        raise WeightsError(f"weight file {str(path)!r} does not exist")
    if path.suffix == ".safetensors":
        import safetensors
        import safetensors.torch

        try:
            return dict(safetensors.torch.load_file(path))
        except safetensors.SafetensorError as error:
            raise WeightsError(
                f"weight file {str(path)!r} is no readable safetensors file ({error}); download or convert it again"
            ) from error
    return _read_torch_file(path)


def _read_torch_file(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"weight file {str(path)!r} cannot be read safely: it is damaged, or a pickle of more than tensors; "
            "save the state_dict with safetensors.torch.save_file and use that"
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"weight file {str(path)!r} holds no state_dict; save model.state_dict()")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a weight file into a network, in the network's own precision.

    Raises:
        WeightsError: names every key that is missing, left over or of another shape.
    """
    put_weights(module, read_weights(path), path)


def put_weights(module: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load weights that were read from a file into a network, in the network's own precision.

    Args:
        module: the network.
        weights: tensors by the network's keys.
        path: the file, for messages.

    Raises:
        WeightsError: names every key that is missing, left over or of another shape.
    """
    wanted = module.state_dict()
    shapes = [
        f"{key}: file has {tuple(weights[key].shape)}, network wants {tuple(wanted[key].shape)}"
        for key in wanted.keys() & weights.keys()
        if weights[key].shape != wanted[key].shape
    ]
    # BatchNorm's step counter plays no part in eval mode and older files lack it.
    missing = [key for key in wanted.keys() - weights.keys() if not key.endswith("num_batches_tracked")]
    problems = [
        *_some("missing in the file", missing),
        *_some("not in the network", list(weights.keys() - wanted.keys())),
        *_some("of another shape", shapes),
    ]
    if problems:
        raise WeightsError(
            f"weight file {str(path)!r} is for another network than {type(module).__name__}\n  "
            + "\n  ".join(problems)
            + "\nname the architecture that the file was saved from, with the same options (number of classes, ...)"
        )
    module.load_state_dict(weights, strict=False)


def _some(what: str, keys: list[str]) -> list[str]:
    shown = ", ".join(sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "")
    return [f"{len(keys)} {what}: {shown}"] if keys else []
