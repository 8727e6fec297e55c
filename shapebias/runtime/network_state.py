"""The state of a network, which no plugin may change: compared cheaply around each call, and restored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor, nn

__all__ = ["NetworkState", "put_back", "sample"]

_SAMPLED = 64  # values of each weight that are compared exactly: `.data` writes change no version counter
_LAYERS, _HOOKS, _FLAGS = "layers of the network", "hooks of the network", "the network's train flag or forward"
_DICTIONARIES = {
    "_modules": _LAYERS,
    "_parameters": _LAYERS,
    "_buffers": _LAYERS,
    "_forward_hooks": _HOOKS,
    "_forward_pre_hooks": _HOOKS,
    "_backward_hooks": _HOOKS,
    "_backward_pre_hooks": _HOOKS,
    "_state_dict_hooks": _HOOKS,
    "_state_dict_pre_hooks": _HOOKS,
    "_load_state_dict_pre_hooks": _HOOKS,
    "_load_state_dict_post_hooks": _HOOKS,
}
_ABSENT = object()


class NetworkState:
    """The state of a network, which no plugin may change: layers, weights, hooks and flags.

    The comparison around each call is cheap: it compares the entries of each module, and of each tensor the version
    counter, the address and a few values.  It makes no new objects if nothing changed, since thousands of them would
    trigger garbage collection.  A copy of the weights is kept in main memory, so that they can be restored; it is made
    before the first call, and again only when the network changed between two calls.

    Args:
        module: the network.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._modules: _Modules | None = None
        self._tensors: list[_TensorState] = []
        self._weights: _Weights | None = None

    def remember(self) -> None:
        """Record the state of the network before a call."""
        if self._modules is None or self._modules.are_opaque or any(self._modules.changed()):
            self._modules = _Modules(self.module)
            self._tensors = []
        if not self._tensors or not all(state.is_current() for state in self._tensors):
            self._tensors = [_TensorState.of(each) for each in (*self.module.parameters(), *self.module.buffers())]
        tensors = [state.tensor for state in self._tensors]
        if self._weights is None or self._weights.changed() or not _identical(tensors, self._weights.tensors):
            self._weights = _Weights(tensors)

    def restore(self) -> list[str]:
        """Restore everything that changed since :meth:`remember`, and return its names."""
        changed = [] if self._modules is None else list(dict.fromkeys(self._modules.changed()))
        if changed and self._modules is not None:
            self._modules.restore()
        if self._weights is not None and self._weights.changed():
            self._weights.restore()
            changed.append("weights of the network")
        if [state for state in self._tensors if not state.restore()]:
            changed.append("gradients of the network's weights")
        return changed


class _Modules:
    """The dictionaries that make up a network, each with a copy of its entries, and the flags of its modules."""

    def __init__(self, network: nn.Module) -> None:
        self._holders: list[tuple[dict[str, Any], str, dict[Any, Any], dict[Any, Any]]] = []
        self._flags: list[tuple[dict[str, Any], Any, Any]] = []
        self.are_opaque = False  # TorchScript keeps its layers elsewhere
        for module in network.modules():
            attributes = vars(module)
            for name, what in _DICTIONARIES.items():
                holder = attributes.get(name)
                if isinstance(holder, dict):
                    self._holders.append((attributes, name, holder, dict(holder)))
                elif what == _LAYERS:
                    self.are_opaque = True
            self._flags.append((attributes, attributes.get("training", _ABSENT), attributes.get("forward", _ABSENT)))

    def changed(self) -> Iterator[str]:
        """Yield a name for each change; tensors and modules are compared by identity."""
        for attributes, name, holder, contents in self._holders:
            if attributes.get(name) is not holder or len(holder) != len(contents):
                yield _DICTIONARIES[name]
            elif contents:
                for key, value in contents.items():
                    if holder.get(key, _ABSENT) is not value:
                        yield _DICTIONARIES[name]
        for attributes, training, forward in self._flags:
            if attributes.get("training", _ABSENT) is not training or attributes.get("forward", _ABSENT) is not forward:
                yield _FLAGS

    def restore(self) -> None:
        """Restore the dictionaries and flags of every module."""
        for attributes, name, holder, contents in self._holders:
            attributes[name] = holder
            put_back(holder, contents)
        for attributes, training, forward in self._flags:
            for name, value in (("training", training), ("forward", forward)):
                if value is _ABSENT:
                    attributes.pop(name, None)
                else:
                    attributes[name] = value


def put_back(holder: dict[Any, Any], contents: dict[Any, Any]) -> None:
    """Restore the entries of a dictionary."""
    holder.clear()
    holder.update(contents)


@attrs.frozen(eq=False)
class _TensorState:
    """Whether a tensor requires a gradient, its gradient, and its hooks."""

    tensor: Tensor
    requires_grad: bool
    gradient: Tensor | None
    hooks: dict[Any, Any] | None

    @classmethod
    def of(cls, tensor: Tensor) -> _TensorState:
        hooks = _hooks(tensor)
        return cls(tensor, tensor.requires_grad, _gradient(tensor), dict(hooks) if hooks else None)

    def is_current(self) -> bool:
        """Return whether nothing changed."""
        return (
            self.tensor.requires_grad == self.requires_grad
            and _gradient(self.tensor) is self.gradient
            and (_hooks(self.tensor) or None) == self.hooks
        )

    def restore(self) -> bool:
        """Restore the tensor's attributes; return whether they were unchanged."""
        if self.is_current():
            return True
        hooks = _hooks(self.tensor) or {}
        for key in hooks.keys() - (self.hooks or {}).keys():
            del hooks[key]
        self.tensor.requires_grad_(self.requires_grad)
        self.tensor.grad = self.gradient
        return False


def _gradient(tensor: Tensor) -> Tensor | None:
    return tensor.grad if tensor.is_leaf else None


def _hooks(tensor: Tensor) -> dict[Any, Any] | None:
    return tensor._backward_hooks  # noqa: SLF001 - torch has no public list


class _Weights:
    """Tensors with a copy of each and a cheap fingerprint of all."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tensors
        self.copies = [tensor.detach().to("cpu", copy=True) for tensor in tensors]
        self.devices = [tensor.device for tensor in tensors]
        self._take_fingerprint()

    def _take_fingerprint(self) -> None:
        samples: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for tensor in self.tensors:
            samples.setdefault((tensor.device, tensor.dtype), []).append(sample(tensor.detach(), _SAMPLED))
        self.samples = list(samples.values())
        self.versions, self.values = self._versions(), self._values()

    def _versions(self) -> list[tuple[int, int, torch.dtype]]:
        return [(tensor._version, tensor.data_ptr(), tensor.dtype) for tensor in self.tensors]  # noqa: SLF001

    def _values(self) -> list[Tensor]:
        # As bytes, so that NaN equals itself.
        return [torch.cat(some).view(torch.uint8) for some in self.samples]

    def changed(self) -> bool:
        """Return whether a tensor was written to, moved or replaced."""
        return self._versions() != self.versions or not all(map(torch.equal, self._values(), self.values))

    def restore(self) -> None:
        """Write the copies back."""
        for tensor, copy, device in zip(self.tensors, self.copies, self.devices, strict=True):
            tensor.data = copy.to(device, copy=True)
        self._take_fingerprint()


def _identical(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return len(first) == len(second) and all(one is other for one, other in zip(first, second, strict=True))


def sample(tensor: Tensor, count: int) -> Tensor:
    """Return a view of at most twice ``count`` values of a tensor, spread over it.

    >>> sample(torch.arange(10.0), 5)
    tensor([0., 2., 4., 6., 8.])
    """
    dense = tensor.is_contiguous() or (tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last))
    flat = tensor.as_strided((tensor.numel(),), (1,)) if dense else tensor[:1].flatten()
    return flat[:: max(1, len(flat) // count)]
