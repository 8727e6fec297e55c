"""Call plugins: restore everything that a plugin changes, and raise an error that names the plugin.

Therefore no plugin can affect the numbers of other cells by changing its arguments, the network or the global modes of
PyTorch.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Container, Iterator
from typing import Any, TypeVar

import attrs
import torch
from torch import Tensor

from shapebias.errors import PluginError
from shapebias.plugins.containment import contained
from shapebias.runtime.device import explained
from shapebias.runtime.network_state import NetworkState, put_back, sample

__all__ = ["call", "contained_and_restored", "steady_modes"]

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_SAMPLED = 4096  # values of each argument that are compared where no version counter changed


def call(
    plugin: str, run: Callable[..., _Result], *arguments: Any, network: NetworkState | None = None, **needs: Any
) -> _Result:
    """Call a plugin with copies of the tensors, and restore everything else that it changed.

    Args:
        plugin: its text, for messages.
        run: the function to call with ``arguments`` and ``needs``.
        arguments, needs: tensors among them are passed as copies.
        network: the network that the plugin can reach, if any.

    Raises:
        PluginError: the plugin changed its arguments, the network or a global mode, or tried to end the process.
        DeviceError: it needs what the device does not have.
    """
    copies = [_copied(argument) for argument in arguments]
    copied_needs = {name: _copied(need) for name, need in needs.items()}
    _restore_steady()
    modes = _Modes.now()
    if network is not None:
        network.remember()
    try:
        with contained(plugin), explained(plugin):
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


@contextlib.contextmanager
def contained_and_restored(plugin: str, *, strict: bool = True) -> Iterator[None]:
    """Run code of a plugin that gets no tensors, such as what loads a network, and restore the modes that it changed.

    Args:
        plugin: its text, for messages.
        strict: whether a changed mode is an error; a warning if false, for libraries that set modes when imported.

    Raises:
        PluginError: it changed a global mode, or tried to end the process.
    """
    modes, changed = _Modes.now(), []
    try:
        with contained(plugin):
            yield
    finally:
        changed = modes.restore()
    if changed and strict:
        raise PluginError(f"{plugin} changed {', '.join(changed)}, which other code depends on (it was restored)")
    if changed:
        _log.warning("%s changed %s; it was restored", plugin, ", ".join(changed))


_steady: list[_Modes] = []


@contextlib.contextmanager
def steady_modes() -> Iterator[None]:
    """Compute in full float32 without autocast, whatever the caller or the import of a plugin has set.

    Between two calls of plugins, modes of the process that something else has changed, such as a data set in a decoding
    thread, are restored.  At the end the caller's modes are restored.
    """
    callers = _Modes.now()
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")
    _set_autocast({device: (False, dtype) for device, (_, dtype) in _autocast().items()})
    _steady.append(_Modes.now())
    try:
        yield
    finally:
        _steady.pop()
        callers.restore()


def _restore_steady() -> None:
    if _steady and (changed := _steady[-1].restore(_OF_THE_THREAD)):
        _log.warning(
            "%s changed outside of the plugin that is called, perhaps in a data set or a hook; it was restored",
            ", ".join(changed),
        )


def _copied(argument: Any) -> Any:
    return argument.clone() if isinstance(argument, Tensor) else argument


def _differs(original: Any, copy: Any) -> bool:
    """Return whether a plugin wrote to its copy of an argument.

    Writing through ``.data`` or NumPy does not change the version counter, so a sample of the values is compared too.
    Comparing all would cost more than many transforms; a missed change is harmless, as nothing else reads the copy.
    """
    if not isinstance(original, Tensor):
        return False
    if original.shape != copy.shape or original.dtype != copy.dtype:
        return True
    if copy._version > 0 or original.stride() != copy.stride():  # noqa: SLF001 - torch has no public counter
        return not torch.equal(original, copy)
    return not torch.equal(sample(original, _SAMPLED), sample(copy, _SAMPLED))


@attrs.frozen
class _Modes:
    """The global modes of PyTorch that change what other code computes, by name."""

    values: dict[str, Any]

    @classmethod
    def now(cls) -> _Modes:
        return cls({name: read() for name, (read, _) in _MODES.items()})

    def restore(self, but: Container[str] = ()) -> list[str]:
        """Restore every mode that changed, but for some, and return their names."""
        changed = [name for name, (read, _) in _MODES.items() if name not in but and read() != self.values[name]]
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
        put_back(getattr(torch.nn.modules.module, name), hooks)


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
# The engine itself switches these between calls, and no other thread can.
_OF_THE_THREAD = {"grad mode", "autocast", "the number of open autocast contexts"}
