"""``import:PACKAGE.MODULE:FUNCTION``: a network that your own function makes; other processes can make it too."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs

from shapebias.errors import ShapebiasError, SpellingError, WeightsError, suggestion
from shapebias.models.per_channel import per_channel
from shapebias.spelling.params import Options, param

if TYPE_CHECKING:
    import torch

    from shapebias.networks.classifier import Classifier

__all__ = ["ImportedModel"]


def _target(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[\w.]+:\w+", value):
        raise SpellingError(f"{value!r} is not PACKAGE.MODULE:FUNCTION, such as my_networks:make")
    return value


@attrs.frozen
class ImportedModel:
    """The return value of your own function: a network, a function of images, or a ``shapebias.Classifier``.

    The module is imported from the installed packages or the current folder, and the function is called with the
    options ``arg.NAME=VALUE``.  Its random weights come from ``seed``.  Its fingerprint is its state and the source
    of the module.

    A returned Classifier has its own mean, std and input size, so these parameters are then not used.

    Raises:
        ShapebiasError: the module or function does not exist, it fails, or it does not return a network.
        WeightsError: the weight file does not fit.
    """

    runs_code = True

    target: str = param("PACKAGE.MODULE:FUNCTION", converter=_target)
    weights: Path | None = param("weight file to load into the network", default=None)
    prefix: str | None = param("prefix of the network's keys in the weight file", default=None)
    output: str | None = param("where the logits are in the network's output: logits, 0, head.logits", default=None)
    layout: Literal["NCHW", "NHWC"] = param("axes of the images that it takes", default="NCHW")
    binary: bool = param("whether it returns one logit, that of the second of two classes", default=False)
    mean: tuple[float, ...] = param(
        "mean of the pixels, one or three; empty is that in the weight file, or ImageNet's",
        default=(),
        converter=per_channel,
    )
    std: tuple[float, ...] = param(
        "standard deviation of the pixels, one or three; empty likewise", default=(), gt=0, converter=per_channel
    )
    input_size: int | None = param(
        "side that images are resized to; none accepts any size", default=None, ge=1, unit="pixels"
    )
    seed: int = param("seed of random weights", default=0, ge=0, lt=2**63)
    arg: Options = param("option of the function, such as arg.width=64", default=Options())

    @property
    def fingerprint(self) -> str:
        """Identify the network: by its state and the source of its module."""
        import torch

        from shapebias.networks.state_hash import hash_state

        state = hash_state(self.load(torch.device("cpu")).module)
        source = inspect.getsourcefile(self._function())
        digest = hashlib.sha256(state.encode())
        if source is not None and Path(source).is_file():
            digest.update(Path(source).read_bytes())
        return digest.hexdigest()

    def load(self, device: torch.device) -> Classifier:
        """Call the function and wrap what it returns."""
        import torch

        from shapebias.networks.adapting import adapt
        from shapebias.networks.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier
        from shapebias.networks.last_grid import last_grid
        from shapebias.networks.weights import seeded_weights

        function = self._function()
        with _current_folder(), seeded_weights(self.seed):
            try:
                made = function(**self.arg)
            except Exception as error:
                raise ShapebiasError(f"import:{self.target} failed: {type(error).__name__}: {error}") from error
        if not callable(made):
            raise ShapebiasError(f"import:{self.target} returns {made!r:.100}; return a network")
        network = made.module if isinstance(made, Classifier) else made
        mean, std = self._read(network, self.weights) if self.weights is not None else ((), ())
        if isinstance(network, torch.nn.Module):
            network.eval().to(device)
        if isinstance(made, Classifier):
            return made
        plain = self.output is None and self.layout == "NCHW" and not self.binary
        module = network if plain and isinstance(network, torch.nn.Module) else adapt(
            network, self.output, self.layout, binary=self.binary
        )  # fmt: skip
        size = None if self.input_size is None else (self.input_size, self.input_size)
        features = None
        if any(True for _ in module.parameters()):
            with contextlib.suppress(ShapebiasError):  # it may not accept images of the usual size
                features = last_grid(module.eval(), size)
        mean, std = self.mean or mean or IMAGENET_MEAN, self.std or std or IMAGENET_STD
        return Classifier(module.eval(), mean, std, input_size=size, features=features)

    def _read(self, network: Any, path: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Read the weight file, and return the mean and deviation that it states, if it does."""
        import torch

        from shapebias.networks.stated_normalisation import stated_normalisation
        from shapebias.networks.weight_files import read_state_dict
        from shapebias.networks.weights import put_weights

        if not isinstance(network, torch.nn.Module):
            raise WeightsError(f"import:{self.target} returns a function, which has no weights; leave weights out")
        weights = read_state_dict(path, prefix=self.prefix)
        put_weights(network, weights, path, self.prefix)
        if self.mean and self.std:
            return (), ()
        return stated_normalisation(weights, network.state_dict().keys()) or ((), ())

    def _function(self) -> Callable[..., Any]:
        name, _, attribute = self.target.partition(":")
        with _current_folder():
            try:
                module = importlib.import_module(name)
            except Exception as error:
                raise ShapebiasError(
                    f"import:{self.target}: the module {name!r} cannot be imported: {type(error).__name__}: {error}; "
                    "it must be installed, or a file in the current folder"
                ) from error
        function = getattr(module, attribute, None)
        if not callable(function):
            near = suggestion(attribute, [each for each in vars(module) if callable(getattr(module, each))])
            raise ShapebiasError(f"import:{self.target}: {name} has no function {attribute!r}{near}")
        made: Callable[..., Any] = function
        return made


@contextlib.contextmanager
def _current_folder() -> Iterator[None]:
    """Import from the current folder too, as ``python -m`` does."""
    folder = os.getcwd()  # noqa: PTH109 - sys.path holds texts
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
