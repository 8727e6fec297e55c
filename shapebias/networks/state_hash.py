"""Identify a network by everything it has learned: one hash of its parameters, buffers and other state."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from shapebias.errors import ShapebiasError

__all__ = ["hash_state"]


def hash_state(module: nn.Module) -> str:
    """Return the SHA-256 of a network's state, names included: parameters, buffers, quantised weights, extra state.

    A frozen TorchScript network has no state, so the constants in its code are hashed instead.

    Args:
        module: the network.

    Returns:
        64 hexadecimal digits.

    Raises:
        ShapebiasError: a part of the state is neither numbers, text nor a collection of them.

    >>> hash_state(nn.ReLU()) == hash_state(nn.ReLU()), hash_state(nn.ReLU()) == hash_state(nn.BatchNorm2d(3))
    (True, False)
    """
    digest = hashlib.sha256()
    state = module.state_dict()
    if not state and isinstance(module, torch.jit.ScriptModule):
        state = _constants(module)
    for name, value in state.items():
        _hash_into(digest, name, value)
    return digest.hexdigest()


def _hash_into(digest: hashlib._Hash, name: str, value: object) -> None:
    if isinstance(value, Tensor) and value.is_quantized:
        _hash_into(digest, f"{name} {value.dtype}", _quantised_parts(value))
    elif isinstance(value, Tensor):
        tensor = value.detach().cpu()
        tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    elif isinstance(value, (tuple, list)):
        digest.update(f"{name} {len(value)}".encode())
        for position, entry in enumerate(value):
            _hash_into(digest, f"{name}[{position}]", entry)
    elif isinstance(value, Mapping):
        digest.update(f"{name} {len(value)}".encode())
        for key, entry in value.items():
            _hash_into(digest, f"{name}[{key!r}]", entry)
    elif isinstance(value, io.BytesIO):
        _hash_into(digest, name, value.getvalue())
    elif value is None or isinstance(value, (str, bytes, int, float, complex, torch.dtype)):
        digest.update(f"{name} {value!r}".encode())
    elif isinstance(value, np.ndarray):
        _hash_into(digest, name, torch.from_numpy(value))
    else:
        raise ShapebiasError(
            f"the network's state {name!r} is a {type(value).__name__}, which cannot be hashed; let its "
            "get_extra_state return tensors, numbers, text, or collections of them"
        )


def _quantised_parts(tensor: Tensor) -> tuple[object, ...]:
    """Return the whole numbers of a quantised tensor, and its scales and zero points."""
    if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return tensor.int_repr(), tensor.q_scale(), tensor.q_zero_point()
    return tensor.int_repr(), tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()


def _constants(module: torch.jit.ScriptModule) -> dict[str, object]:
    """Return the constants in the code of a frozen network, in order."""
    nodes = list(module.inlined_graph.nodes())
    constants: dict[str, object] = {}
    for node in nodes:
        nodes += [inner for block in node.blocks() for inner in block.nodes()]
    for position, node in enumerate(nodes):
        value = node.output().toIValue() if node.kind() == "prim::Constant" else None
        constants[f"{position} {node.kind()}"] = value
    return constants
