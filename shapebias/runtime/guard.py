"""Call plugins: whatever a plugin changes besides its result is restored, and an error names the plugin.

Other cells therefore get the same numbers whatever a plugin does to its arguments, to the network, or to the global
modes of PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs
import torch
from torch import Tensor, nn

from shapebias.errors import PluginError
from shapebias.plugins.containment import contained

__all__ = ["NetworkState", "call"]

_Result = TypeVar("_Result")

_SAMPLED = 64  # values of each parameter that are compared exactly: `.data` writes change no version counter
_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
_FLAGS = "the network's train flag or forward"
_ABSENT = object()
_LAYERS = ("_modules", "_parameters", "_buffers")


def call(
    plugin: str, run: Callable[..., _Result], *arguments: Any, network: NetworkState | None = None, **needs: Any
) -> _Result:
    """Call a plugin with copies of the tensors, and restore what it changed besides its result.

    Args:
        plugin: its text, for messages.
        run: what to call with ``arguments`` and ``needs``.
        arguments, needs: tensors among them are passed as copies.
        network: the network that the plugin can reach, if any.

    Raises:
        PluginError: the plugin changed its arguments, the network or a global mode, or tried to end the process.
    """
    copies = [_copied(argument) for argument in arguments]
    copied_needs = {name: _copied(need) for name, need in needs.items()}
    modes = _Modes.now()
    if network is not None:
        network.remember()
    try:
        with contained(plugin):
            result = run(*copies, **copied_needs)
    finally:
        # Also after an error: running out of memory in the middle of a method may leave its hooks behind.
        changed = [*modes.restore(), *(network.restore() if network is not None else ())]
    pairs = zip([*arguments, *needs.values()], [*copies, *copied_needs.values()], strict=True)
    if any(_differs(original, copy) for original, copy in pairs):
        changed.append("the tensors that it was called with")
    if changed:
        raise PluginError(
            f"{plugin} changed {', '.join(changed)}; a plugin may not change anything but its result "
            "(everything was restored, and no other cell is affected)"
        )
    return result


def _copied(argument: Any) -> Any:
    return argument.clone() if isinstance(argument, Tensor) else argument


def _differs(original: Any, copy: Any) -> bool:
    """Compare values too: writing through ``.data`` or NumPy changes no version counter."""
    if not isinstance(original, Tensor):
        return False
    return original.shape != copy.shape or original.dtype != copy.dtype or not torch.equal(original, copy)


@attrs.frozen
class _Modes:
    """The global modes of PyTorch that change what other code computes, by name."""

    values: dict[str, Any]

    @classmethod
    def now(cls) -> _Modes:
        return cls({name: read() for name, (read, _) in _MODES.items()})

    def restore(self) -> list[str]:
        """Restore every mode that changed, and return their names."""
        changed = [name for name, (read, _) in _MODES.items() if read() != self.values[name]]
        for name in changed:
            _, write = _MODES[name]
            write(self.values[name])
        return changed


def _autocast() -> dict[str, tuple[bool, torch.dtype]]:
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    return {device: (torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) for device in devices}


def _set_autocast(values: dict[str, tuple[bool, torch.dtype]]) -> None:
    for device, (enabled, dtype) in values.items():
        torch.set_autocast_enabled(device, enabled)
        torch.set_autocast_dtype(device, dtype)
    torch.clear_autocast_cache()


def _autocast_nesting() -> int:
    """Return how many autocast contexts are open; only the last that closes clears the cache of converted weights."""
    torch.autocast_increment_nesting()
    return torch.autocast_decrement_nesting()


def _set_autocast_nesting(nesting: int) -> None:
    while _autocast_nesting() > nesting:
        torch.autocast_decrement_nesting()
    while _autocast_nesting() < nesting:
        torch.autocast_increment_nesting()


def _cudnn() -> tuple[bool, bool, bool, bool]:
    flags = torch.backends.cudnn
    return flags.enabled, flags.benchmark, flags.deterministic, flags.allow_tf32


def _set_cudnn(values: tuple[bool, bool, bool, bool]) -> None:
    flags = torch.backends.cudnn
    flags.enabled, flags.benchmark, flags.deterministic, flags.allow_tf32 = values


def _global_hooks() -> dict[str, dict[Any, Any]]:
    module = torch.nn.modules.module
    names = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")
    return {name: dict(getattr(module, name)) for name in (*names, "_global_backward_pre_hooks")}


def _set_global_hooks(values: dict[str, dict[Any, Any]]) -> None:
    for name, hooks in values.items():
        _put_back(getattr(torch.nn.modules.module, name), hooks)


_MODES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "the default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "autocast": (_autocast, _set_autocast),
    "the number of open autocast contexts": (_autocast_nesting, _set_autocast_nesting),
    "the number of threads": (torch.get_num_threads, torch.set_num_threads),
    "anomaly mode": (torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    "deterministic algorithms": (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    "the precision of float32 products": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "the flags of cuDNN": (_cudnn, _set_cudnn),
    "the hooks of all modules": (_global_hooks, _set_global_hooks),
}


class NetworkState:
    """The state of a network that a plugin must not change: layers, weights, hooks and flags.

    The comparison around each call is cheap: the entries of each module, and of each tensor the version counter, the
    address and a few values.  A copy of the weights is kept in main memory, so that they can be restored; it is made
    before the first call, and again only when the network changed between two calls.

    Args:
        module: the network.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._entries: dict[str, _Entries] = {}
        self._tensors: list[_TensorState] = []
        self._weights: _Weights | None = None

    def remember(self) -> None:
        """Remember the network before a call."""
        tensors = [*self.module.parameters(), *self.module.buffers()]
        self._entries = _entries(self.module)
        self._tensors = [_TensorState.of(tensor) for tensor in tensors]
        if self._weights is None or self._weights.changed() or not _identical(tensors, self._weights.tensors):
            self._weights = _Weights(tensors)

    def restore(self) -> list[str]:
        """Restore what changed since :meth:`remember`, and return the names of it."""
        changed = [name for name, now in _entries(self.module).items() if not _same(now, self._entries[name])]
        if changed:
            for name, entries in self._entries.items():
                for holder, contents in entries:
                    _put_back(holder, contents, whole=name != _FLAGS)
        if self._weights is not None and self._weights.changed():
            self._weights.restore()
            changed.append("weights of the network")
        if [state for state in self._tensors if not state.restore()]:
            changed.append("gradients of the network's weights")
        return changed


_Entries: TypeAlias = list[tuple[dict[str, Any], dict[str, Any]]]


def _entries(network: nn.Module) -> dict[str, _Entries]:
    """Return the dictionaries that make up a network, each with a copy of its entries, by what messages call them."""
    spaces = [vars(module) for module in network.modules()]
    return {
        "layers of the network": _copies(space.get(name) for space in spaces for name in _LAYERS),
        "hooks of the network": _copies(space.get(name) for space in spaces for name in _HOOKS),
        _FLAGS: [(space, {name: space.get(name, _ABSENT) for name in ("training", "forward")}) for space in spaces],
    }


def _copies(holders: Iterable[Any]) -> _Entries:
    return [(holder, dict(holder)) for holder in holders if isinstance(holder, dict)]


def _same(first: _Entries, second: _Entries) -> bool:
    """Compare by identity: tensors and modules are not compared by value."""
    return len(first) == len(second) and all(
        holder is other and contents.keys() == others.keys() and all(contents[key] is others[key] for key in contents)
        for (holder, contents), (other, others) in zip(first, second, strict=True)
    )


def _put_back(holder: dict[Any, Any], contents: dict[Any, Any], *, whole: bool = True) -> None:
    """Restore the entries of a dictionary; its other entries are removed where it is restored as a ``whole``."""
    if whole:
        holder.clear()
    for name, value in contents.items():
        if value is _ABSENT:
            holder.pop(name, None)
        else:
            holder[name] = value


@attrs.frozen(eq=False)
class _TensorState:
    """Whether a tensor requires a gradient, its gradient, and its hooks."""

    tensor: Tensor
    requires_grad: bool
    gradient: Tensor | None
    hooks: dict[Any, Any]

    @classmethod
    def of(cls, tensor: Tensor) -> _TensorState:
        return cls(tensor, tensor.requires_grad, tensor.grad if tensor.is_leaf else None, _tensor_hooks(tensor))

    def restore(self) -> bool:
        """Restore what changed; return whether nothing did."""
        now = _TensorState.of(self.tensor)
        same = now.requires_grad == self.requires_grad and now.gradient is self.gradient and now.hooks == self.hooks
        if not same:
            for key in now.hooks.keys() - self.hooks.keys():
                del self.tensor._backward_hooks[key]  # type: ignore[union-attr]  # noqa: SLF001 - torch has no public list
            self.tensor.requires_grad_(self.requires_grad)
            self.tensor.grad = self.gradient
        return same


def _tensor_hooks(tensor: Tensor) -> dict[Any, Any]:
    return dict(tensor._backward_hooks or {})  # noqa: SLF001 - torch has no public list


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
            samples.setdefault((tensor.device, tensor.dtype), []).append(_sample(tensor.detach()))
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


def _sample(tensor: Tensor) -> Tensor:
    """Return a view of at most 128 values of a tensor, spread over it."""
    dense = tensor.is_contiguous() or (tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last))
    flat = tensor.as_strided((tensor.numel(),), (1,)) if dense else tensor[:1].flatten()
    return flat[:: max(1, len(flat) // _SAMPLED)]
