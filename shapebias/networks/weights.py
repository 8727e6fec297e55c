"""Weights of networks: reproducible random weights, and weight files in the formats of many libraries."""

from __future__ import annotations

import contextlib
import copy
import logging
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shapebias.errors import WeightsError
from shapebias.networks.stated_normalisation import without_normalisation
from shapebias.networks.weight_files import read_state_dict

__all__ = [
    "load_weights",
    "put_weights",
    "read_weights",
    "rename_keys",
    "seeded_weights",
    "unwrapped",
    "with_prefix",
]

_log = logging.getLogger(__name__)
_WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_AVERAGED = re.compile(r"(?:^|[._])ema[._]")


@contextlib.contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Seed the random weights of a network that is made on the CPU; the global generator is restored afterwards.

    Args:
        seed: the seed.

    >>> with seeded_weights(0):
    ...     layer = nn.Linear(2, 2)
    >>> with seeded_weights(0):
    ...     again = nn.Linear(2, 2)
    >>> torch.equal(layer.weight, again.weight)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def read_weights(path: Path) -> OrderedDict[str, Any]:
    """Read the state dict of a file, without the prefixes of DataParallel, torch.compile and FSDP.

    Raises:
        WeightsError: the file is missing, damaged, needs code to be read, or holds no state dict.
    """
    return unwrapped(read_state_dict(path))


def unwrapped(weights: Mapping[str, Any]) -> OrderedDict[str, Any]:
    """Remove the prefixes of DataParallel, torch.compile and FSDP from the keys of a state dict.

    >>> dict(unwrapped({"module._orig_mod.fc.bias": 1}))
    {'fc.bias': 1}
    """
    return rename_keys(weights, lambda key: _without_wrappers(key).removeprefix("module."))


def load_weights(module: nn.Module, path: Path, prefix: str | None = None) -> None:
    """Load a weight file into a network, in the network's own precision.

    Args:
        module: the network; it is not changed if the weights do not fit.
        path: the file.
        prefix: the prefix of the network's keys in the file; other entries are ignored.  None finds it.

    Raises:
        WeightsError: a key is missing, left over or of another shape; the message names every such key.  Or the file
            is missing, damaged or needs code to be read.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "layer.pt")
    >>> torch.save({"module.weight": torch.ones(1, 2), "module.bias": torch.zeros(1)}, path)
    >>> layer = nn.Linear(2, 1)
    >>> load_weights(layer, path)
    >>> layer.weight.data
    tensor([[1., 1.]])
    """
    put_weights(module, read_state_dict(path, prefix=prefix), path, prefix)


def put_weights(module: nn.Module, weights: Mapping[str, Any], path: Path, prefix: str | None = None) -> None:
    """Load a state dict that was read from a file into a network, in the network's own precision.

    The module's own conversions of older state dicts run before keys are compared.  This first tries the keys as they
    are; then without the parts that torch.compile, FSDP, activation checkpointing and DataParallel insert; and then
    those under a prefix (``module.``, Lightning's ``model.``) that fits the whole network.  Of several such prefixes,
    it takes the one of the moving average (``ema``), and without one it refuses the file.  A mean and a deviation of
    pixels beside the network are left out, see
    :func:`shapebias.networks.stated_normalisation.stated_normalisation`.

    Args:
        module: the network; it is not changed if the weights do not fit.
        weights: the state dict, with torch's ``_metadata`` where the file has it.
        path: the file, for messages.
        prefix: the prefix of the network's keys in the file; other entries are ignored.  None finds it.

    Raises:
        WeightsError: a key is missing, left over or of another shape; the message names every such key.
    """
    if prefix is not None:
        weights = with_prefix(weights, prefix, path)
    before = copy.deepcopy(module.state_dict())
    try:
        _put(module, weights, path)
    except WeightsError:
        module.load_state_dict(before)
        raise


def _put(module: nn.Module, weights: Mapping[str, Any], path: Path) -> None:
    """Load weights in the first form in which they fit."""
    weights = without_normalisation(weights, module.state_dict().keys())
    if not _load(module, weights):
        return
    clean = rename_keys(weights, _without_wrappers)
    inner = rename_keys(clean, lambda key: re.sub(r"(?<=\.)module\.", "", key))  # DataParallel around a part
    misfit = _put_form(module, clean, path)
    if misfit is None or (inner.keys() != clean.keys() and _put_form(module, inner, path) is None):
        return
    raise misfit


def _put_form(module: nn.Module, weights: OrderedDict[str, Any], path: Path) -> WeightsError | None:
    """Load weights as they are, or without the prefix under which the network is found; return why this fails."""
    problems = _load(module, weights)
    if not problems:
        return None
    prefixes = _prefixes(module, weights)
    parts = {prefix: _under(weights, prefix) for prefix in prefixes if prefix}
    misfits = {prefix: _load(module, part) for prefix, part in parts.items()}
    parts = {prefix: part for prefix, part in parts.items() if not misfits[prefix]}
    if parts:
        rest = _under(weights, "", but=tuple(parts))
        if not _load(module, rest):
            parts[""] = rest
        different = _same_weights(parts, list(parts))
        prefix = _chosen(different, path)
        _load(module, parts[prefix])
        copies = tuple(parts.keys() - {*different})
        _report(path, prefix, [key for key in weights if not key.startswith(copies)], parts[prefix])
        return None
    hint, way_out = "", "; where its keys have a prefix, give it with prefix="
    if prefixes and prefixes[0]:
        problems = misfits[prefixes[0]]
        hint = f", even without the {prefixes[0]!r} in front of its keys"
        way_out = f"; other entries than those under {prefixes[0]!r} are left out with prefix={prefixes[0]}"
    return WeightsError(
        f"weight file {str(path)!r} is for another network than {type(module).__name__}{hint}\n  "
        + "\n  ".join(problems)
        + "\nname the architecture that the file was saved from, with the same options (number of classes, ...)"
        + way_out
    )


def with_prefix(weights: Mapping[str, Any], prefix: str, path: Path) -> OrderedDict[str, Any]:
    """Return the entries under a prefix, without it.

    Raises:
        WeightsError: there are none; the message lists the most frequent prefixes.

    >>> dict(with_prefix({"net.fc.bias": 1, "normalizer.mean": 2}, "net.", Path("x.pt")))
    {'fc.bias': 1}
    """
    part = _under(weights, prefix)
    if not part:
        there = Counter(key[: match.end()] for key in weights for match in re.finditer(r"\.", key))
        known = ", ".join(each for each, _ in there.most_common(5)) or "none"
        raise WeightsError(f"no key of weight file {str(path)!r} begins with {prefix!r}; most keys begin with: {known}")
    return part


def _same_weights(parts: Mapping[str, Mapping[str, Any]], prefixes: list[str]) -> list[str]:
    """Keep only the shortest of the prefixes whose weights are equal: an attacker has a copy of its network."""
    kept: list[str] = []
    for prefix in sorted(prefixes, key=len):
        weights = parts[prefix]
        copies = (
            other for other in kept
            if parts[other].keys() == weights.keys()
            and all(torch.equal(parts[other][key], each) for key, each in weights.items() if isinstance(each, Tensor))
        )  # fmt: skip
        if next(copies, None) is None:
            kept.append(prefix)
    return kept


def _chosen(prefixes: list[str], path: Path) -> str:
    """Return the only prefix, or the only prefix of a moving average."""
    averaged = [prefix for prefix in prefixes if _AVERAGED.search(prefix)]
    if len(prefixes) > 1 and len(averaged) != 1:
        names = ", ".join(repr(prefix) for prefix in prefixes)
        raise WeightsError(
            f"weight file {str(path)!r} holds {len(prefixes)} networks that fit, with these in front of their keys: "
            f"{names}; give the one that you mean with prefix={prefixes[0]}"
        )
    return (averaged or prefixes)[0]


def _report(path: Path, prefix: str, whole: Iterable[str], taken: Mapping[str, Any]) -> None:
    """Log a warning that names the entries of a file that were ignored, unless it is only a step counter."""
    left_out = [key for key in whole if key.removeprefix(prefix) not in taken or not key.startswith(prefix)]
    if left_out and left_out != ["n_averaged"]:
        _log.warning("%s: the weights under %r were taken; left out: %s", path, prefix, _some("keys", left_out)[0])


def _load(module: nn.Module, weights: Mapping[str, Any]) -> list[str]:
    """Load a state dict and describe what does not fit."""
    own = module.state_dict()
    problems: list[str] = []
    for metadata in _versions(weights, own):
        state = OrderedDict(weights)
        if metadata is not None:
            _set_versions(state, metadata)
        error = None
        try:
            result = module.load_state_dict(state, strict=False)
            missing, unexpected = result.missing_keys, result.unexpected_keys
        except (RuntimeError, ValueError, TypeError, AttributeError) as refused:
            error = str(refused)
            missing, unexpected = list(own.keys() - weights.keys()), list(weights.keys() - own.keys())
        found = _misfit(own, weights, missing, unexpected, error)
        if not found:
            return []
        problems = problems or found
    return problems


def _versions(weights: Mapping[str, Any], own: Mapping[str, Any]) -> list[Any]:
    """Return the module versions that the weights may have: those that they state; else old ones, then current ones."""
    stated = getattr(weights, "_metadata", None)
    return [stated] if stated is not None else [None, getattr(own, "_metadata", None)]


def _misfit(
    own: Mapping[str, Any], weights: Mapping[str, Any], missing: list[str], unexpected: list[str], error: str | None
) -> list[str]:
    """Describe the keys that are missing, left over, or have another shape or type."""
    present = {value.data_ptr() for key, value in own.items() if isinstance(value, Tensor) and key not in missing}
    missing = [
        key
        for key in missing
        # BatchNorm's step counter has no effect in eval mode, and older files lack it.
        if not key.endswith("num_batches_tracked")
        # safetensors keeps only one name of weights that a network uses twice.
        and not (isinstance(own[key], Tensor) and own[key].numel() and own[key].data_ptr() in present)
    ]
    both = {
        key: (weights[key], own[key])
        for key in own.keys() & weights.keys()
        if isinstance(weights[key], Tensor) and isinstance(own[key], Tensor)
    }
    shapes = [
        f"{key}: file has {tuple(given.shape)}, network wants {tuple(wanted.shape)}"
        for key, (given, wanted) in both.items()
        if error is not None and given.shape != wanted.shape
    ]
    whole = [
        f"{key}: file has {given.dtype}, network wants {wanted.dtype}"
        for key, (given, wanted) in both.items()
        if wanted.is_floating_point() and not given.is_floating_point()
    ]
    problems = [
        *_some("missing in the file", missing),
        *_some("not in the network", unexpected),
        *_some("of another shape", shapes),
        *_some("of whole numbers, as quantised weights are", whole),
    ]
    return problems or ([error] if error is not None else [])


def _some(what: str, keys: list[str]) -> list[str]:
    shown = ", ".join(sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "")
    return [f"{len(keys)} {what}: {shown}"] if keys else []


def _without_wrappers(key: str) -> str:
    return _WRAPPERS.sub("", key)


def _prefixes(module: nn.Module, weights: Mapping[str, Any]) -> list[str]:
    """Return the prefixes under which a file has at least half of the network's keys, the most frequent first."""
    own = module.state_dict().keys()
    found: Counter[str] = Counter()
    for key in weights:
        starts = [0, *(match.end() for match in re.finditer(r"\.", key))]
        found.update(key[:start] for start in starts if key[start:] in own)
    return [prefix for prefix, count in found.most_common() if 2 * count >= len(own)]


def _under(weights: Mapping[str, Any], prefix: str, but: tuple[str, ...] = ()) -> OrderedDict[str, Any]:
    """Return the entries under a prefix, with the prefix removed, without the entries under the prefixes in ``but``."""

    def belongs(key: str) -> bool:
        return key.startswith(prefix) and not key.startswith(but)

    part = OrderedDict((key, value) for key, value in weights.items() if belongs(key))
    versions = getattr(weights, "_metadata", None)
    if versions is not None:
        _set_versions(part, {key: value for key, value in versions.items() if belongs(f"{key}.")})
    return rename_keys(part, lambda key: key.removeprefix(prefix))


def rename_keys(weights: Mapping[str, Any], rename: Callable[[str], str]) -> OrderedDict[str, Any]:
    """Rename the keys of a state dict, and the modules whose versions it states.

    >>> dict(rename_keys({"module.fc.bias": 1}, lambda key: key.removeprefix("module.")))
    {'fc.bias': 1}
    """
    new = OrderedDict((rename(key), value) for key, value in weights.items())
    versions = getattr(weights, "_metadata", None)
    if versions is not None:
        _set_versions(new, {rename(f"{key}.").removesuffix("."): value for key, value in versions.items()})
    return new


def _set_versions(state: OrderedDict[str, Any], versions: Mapping[str, Any]) -> None:
    state._metadata = OrderedDict(versions)  # type: ignore[attr-defined] # noqa: SLF001 - torch keeps them there
