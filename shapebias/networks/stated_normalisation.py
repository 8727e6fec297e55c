"""Mean and standard deviation of pixels that weight files keep beside the network, as robust training does."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from shapebias.errors import WeightsError

__all__ = ["stated_normalisation", "without_normalisation"]

_log = logging.getLogger(__name__)
_NAME = re.compile(r"(?P<of>(?!running_)\w*?)_?(?P<part>means?|mu|stds?|stddev|sds?|sigma)")  # new_mean, pixel_std
_MEANS = ("mean", "means", "mu")
_NAMED_LAYER = re.compile(r"(?:^|\.)(?:normali[sz]|preproc)\w*$")


def stated_normalisation(
    weights: Mapping[str, Any], own: Collection[str] = ()
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the mean and the standard deviation that a file states, of pixels in [0, 1]; None where it states none.

    They are two entries of three values, or of one for all channels, called ``mean`` and ``std``, ``mu`` and ``sigma``
    or ``means`` and ``sds``, perhaps after the same word (``new_mean``, ``pixel_mean``), in one layer that is not of
    the network: ``normalizer.mean``, ``0.mean``.  A network and its copy in an attacker state the same.  A mean above 1
    is of pixels from 0 to 255, and is divided.

    Args:
        weights: the state dict of the file.
        own: the keys of the network, whose own entries of such names are not meant.

    Raises:
        WeightsError: the file has several, which differ, or one without the other.

    >>> import torch
    >>> stated_normalisation({"module.normalizer.new_mean": torch.zeros(3), "module.normalizer.new_std": torch.ones(3)})
    ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    """
    found = set()
    for (layer, _), parts in _layers(weights, own).items():
        if len(parts) == 2:
            found.add((_values(weights[parts["mean"]]), _values(weights[parts["std"]])))
        elif _NAMED_LAYER.search(layer):
            (key,) = parts.values()
            raise WeightsError(f"the file states {key!r} and not the other of mean and deviation; give mean= and std=")
    if len(found) > 1:
        raise WeightsError(f"the file has several normalisations, which differ: {sorted(found)}; give mean= and std=")
    return _as_fractions(*found.pop()) if found else None


def without_normalisation(weights: Mapping[str, Any], own: Collection[str]) -> OrderedDict[str, Any]:
    """Leave out what :func:`stated_normalisation` reads."""
    read = {key for parts in _layers(weights, own).values() if len(parts) == 2 for key in parts.values()}
    rest = OrderedDict((key, value) for key, value in weights.items() if key not in read)
    if hasattr(weights, "_metadata"):
        rest._metadata = weights._metadata  # type: ignore[attr-defined] # noqa: SLF001 - torch keeps versions there
    return rest


def _layers(weights: Mapping[str, Any], own: Collection[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the keys of means and deviations, by layer and by the word before them."""
    layers: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for key, value in weights.items():
        layer, _, name = key.rpartition(".")
        sizes = (1, 3) if _NAMED_LAYER.search(layer) else (3,)
        if (
            (named := _NAME.fullmatch(name))
            and isinstance(value, Tensor)
            and value.numel() in sizes
            and not _is_own(key, own)
        ):
            part = "mean" if named["part"] in _MEANS else "std"
            layers[layer, named["of"]][part] = key
    return layers


def _is_own(key: str, own: Collection[str]) -> bool:
    """Tell whether a key is one of the network's, perhaps behind a prefix."""
    return any(key[start:] in own for start in (0, *(match.end() for match in re.finditer(r"\.", key))))


def _values(tensor: Tensor) -> tuple[float, ...]:
    values = tuple(round(each, 7) for each in tensor.flatten().tolist())
    return values * 3 if len(values) == 1 else values


def _as_fractions(mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if max(mean) <= 1:
        return mean, std
    _log.warning("the mean in the weight file, %s, is of pixels from 0 to 255: mean and std were divided by 255", mean)
    return tuple(each / 255 for each in mean), tuple(each / 255 for each in std)
