"""``timm:ARCHITECTURE``: any image classifier that timm knows, with its own normalisation and input size."""

from __future__ import annotations

import logging
import textwrap
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import attrs

from shapebias.errors import SpellingError, UnknownNameError, WeightsError, suggestion
from shapebias.models.per_channel import per_channel
from shapebias.paths import as_path
from shapebias.spelling.params import Options, param

if TYPE_CHECKING:
    import torch
    from torch import nn

    from shapebias.networks.classifier import Classifier
    from shapebias.plugins.protocols import EvalCrop

__all__ = ["Timm"]

_log = logging.getLogger(__name__)
_Normalisation: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]  # mean and standard deviation
_REASON = 200  # characters of timm's own message, which may list hundreds of keys


def _with_home(architecture: str) -> str:
    """Expand ``~`` in ``local-dir:~/FOLDER``."""
    if not isinstance(architecture, str) or not architecture.startswith("local-dir:~"):
        return architecture
    return f"local-dir:{as_path(architecture.removeprefix('local-dir:'))}"


@attrs.frozen
class Timm:
    """An image classifier of timm: ``resnet50``, ``vit_base_patch16_224.augreg_in21k_ft_in1k``, ``hf-hub:timm/...``.

    Normalisation, input size and interpolation are those of timm's data configuration unless given here.

    Classes are those in a shapebias checkpoint, or the ``label_names`` of the model's configuration; a data set may
    also name them by their ``label_descriptions``.  timm's own weights with 1,000 outputs have the classes of
    ImageNet-1k in their usual order.  If nothing names the classes, their order is assumed, and the caption of the
    results says so.

    A weight file may come from timm or from training with timm, or have a form that timm converts, such as the files of
    an architecture's authors.  If it has a moving average of the weights, that is used, as in timm.

    Raises:
        UnknownNameError: timm has no such architecture.
        SpellingError: the architecture refuses an option.
        WeightsError: weights cannot be downloaded or do not fit.

    Source: Wightman 2019, PyTorch Image Models.

    >>> import torch
    >>> model = Timm("resnet18", pretrained=False).load(torch.device("cpu"))
    >>> model.input_size, len(model.classes), model.features.layout
    ((224, 224), 1000, 'NCHW')
    """

    architecture: str = param("name in timm, perhaps with the tag of its weights", converter=_with_home)
    checkpoint: Path | None = param("weight file; without one timm's weights are downloaded", default=None)
    pretrained: bool = param("download weights if no checkpoint is given; false is random weights", default=True)
    seed: int = param("seed of random weights", default=0, ge=0, lt=2**63)
    prefix: str | None = param("prefix of the network's keys in the weight file; none finds it", default=None)
    num_classes: int | None = param("number of outputs; none is that of timm's weights", default=None, ge=1)
    mean: tuple[float, ...] = param(
        "mean of the pixels, one or three; empty is timm's", default=(), converter=per_channel
    )
    std: tuple[float, ...] = param(
        "standard deviation of the pixels, one or three; empty is timm's", default=(), gt=0, converter=per_channel
    )
    input_size: int | None = param("side that images are resized to; none is timm's", default=None, ge=1, unit="pixels")
    arg: Options = param("option of timm.create_model, such as arg.pad_type=same", default=Options())

    @staticmethod
    def knows(architecture: str) -> bool:
        """Whether timm has an architecture of this name."""
        import timm

        return bool(timm.is_model(architecture.partition(".")[0]))

    @property
    def eval_crop(self) -> EvalCrop | None:
        """How timm evaluates these weights: ``input_size``, ``crop_pct``, ``crop_mode`` and ``interpolation``."""
        from shapebias.plugins.protocols import EvalCrop

        stated = self._stated_config()
        if stated is None:
            return None  # loading says why
        config = self._data_config(stated)
        size = config["input_size"][-1]
        return EvalCrop(
            size, int(size / config["crop_pct"]), config["interpolation"], squash=config["crop_mode"] == "squash"
        )

    def _stated_config(self) -> dict[str, Any] | None:
        """Return the configuration of the weights without making the network; None where there is none."""
        import timm
        from timm.models import load_model_config_from_hf
        from timm.models._hub import load_model_config_from_path

        source, _, name = self.architecture.partition(":")
        if not self._is_elsewhere:
            known = timm.is_model(self.architecture.partition(".")[0])
            config: Any = timm.get_pretrained_cfg(self.architecture, allow_unregistered=False) if known else None
            return None if config is None else dict(config.to_dict())
        read = load_model_config_from_path if source == "local-dir" else load_model_config_from_hf
        try:
            found: dict[str, Any] = read(name)[0]
        except Exception as error:
            raise WeightsError(f"timm:{self.architecture}: its config.json cannot be read: {error}") from error
        return found

    def _data_config(self, stated: Mapping[str, Any], **given: Any) -> dict[str, Any]:
        """Let timm determine input size, crop, interpolation and normalisation."""
        from timm.data.config import resolve_data_config

        given["img_size"] = self.arg.get("img_size")
        if self.input_size is not None:
            given["input_size"] = (3, self.input_size, self.input_size)
        config: dict[str, Any] = resolve_data_config(given, pretrained_cfg=stated)  # type: ignore[no-untyped-call]
        return config

    def untrained(self) -> Timm:
        """Return the same architecture with random weights, as a shapebias checkpoint names it."""
        return attrs.evolve(self, checkpoint=None, prefix=None, pretrained=False)

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        network, stated = self._network()
        if getattr(network, "num_classes", None) == 0:
            raise WeightsError(
                f"timm:{self.architecture} has no classifier, only features; choose weights with a classifier, give "
                f"num_classes and a checkpoint, or fit a classifier: probe:timm:{self.architecture},train=DATASET"
            )
        if self.checkpoint is None and not self.pretrained and _begins_at_zero(network):
            _log.warning(
                "timm:%s: its classifier is all zeros until it is trained, so that without weights every answer is the "
                "same and every saliency map is zero; give checkpoint=FILE or pretrained=true",
                self.architecture,
            )
        return self._wrapped(network, device, stated, self._classes(network))

    def backbone(self, device: torch.device) -> Classifier:
        """Make the network without its classifier: its outputs are the features that the classifier would take."""
        network, stated = self._network()
        network.reset_classifier(0)  # type: ignore[operator]
        return self._wrapped(network, device, stated, classes=None)

    def _network(self) -> tuple[nn.Module, _Normalisation | None]:
        """Make the network with its weights, or with random ones; return what the file states of the pixels, too."""
        from shapebias.networks.stated_normalisation import stated_normalisation
        from shapebias.networks.weight_files import read_state_dict
        from shapebias.networks.weights import seeded_weights

        if (channels := self.arg.get("in_chans", 3)) != 3:
            raise SpellingError(
                f"timm:{self.architecture} with in_chans={channels}: images are RGB here, so a network takes 3 "
                "channels; leave arg.in_chans out"
            )
        with seeded_weights(self.seed):
            network = self._create()
        if self.checkpoint is None:
            return network, None
        weights = read_state_dict(self.checkpoint, prefix=self.prefix)
        network = self._with_weights(network, weights, self.checkpoint)
        return network, None if self.mean and self.std else stated_normalisation(weights)

    def _wrapped(
        self,
        network: nn.Module,
        device: torch.device,
        stated: _Normalisation | None,
        classes: tuple[str, ...] | None,
    ) -> Classifier:
        """Let the network take pixels, as its data configuration says."""
        import torch

        from shapebias.models.features import as_features
        from shapebias.networks.classifier import Classifier, Interpolation

        own: Any = getattr(network, "pretrained_cfg", None) or {}
        mean, std = stated or (None, None)  # else those of timm
        config = self._data_config(own, mean=self.mean or mean, std=self.std or std)
        size, interpolation = config["input_size"][-2:], config["interpolation"]
        prefix_tokens = getattr(network, "num_prefix_tokens", 0)
        return Classifier(
            network.eval().to(device).to(memory_format=torch.channels_last),
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            input_size=tuple(size),
            interpolation=interpolation if interpolation in get_args(Interpolation) else "bicubic",
            classes=classes,
            features=as_features(network, _last_layer(network), size, prefix_tokens),
            descriptions=_configured(network, "label_descriptions") or {},
        )

    def _classes(self, network: nn.Module) -> tuple[str, ...] | None:
        """Return the names of the outputs, if the weights or timm state them."""
        from shapebias.networks.checkpoints import stated_classes
        from shapebias.networks.labels import imagenet_wnids

        if self.checkpoint is not None and (stated := stated_classes(self.checkpoint)):
            return stated
        names, outputs = _in_order(_configured(network, "label_names")), getattr(network, "num_classes", None)
        other_head = self.num_classes is not None or "num_classes" in self.arg
        if names and (len(names) == outputs or not other_head):
            return names
        of_timm = self.checkpoint is None and not self._is_elsewhere
        return imagenet_wnids() if of_timm and outputs == len(imagenet_wnids()) else None

    @property
    def _is_elsewhere(self) -> bool:
        """Whether the configuration comes from a folder or a hub instead of timm itself."""
        return self.architecture.startswith(("hf-hub:", "hf_hub:", "local-dir:"))

    def _create(self) -> nn.Module:
        import timm

        if not self._is_elsewhere and not timm.is_model(self.architecture.partition(".")[0]):
            near = suggestion(self.architecture.partition(".")[0], timm.list_models())
            raise UnknownNameError(f"timm {timm.__version__} has no architecture {self.architecture!r}{near}")
        options: dict[str, Any] = {**self.arg}
        if self.num_classes is not None:
            options["num_classes"] = self.num_classes
        pretrained = self.pretrained and self.checkpoint is None
        try:
            network: nn.Module = timm.create_model(self.architecture, pretrained=pretrained, **options)
        except TypeError as error:
            raise SpellingError(f"timm:{self.architecture} refuses an option: {error}; leave it out") from error
        except Exception as error:
            raise WeightsError(
                f"timm:{self.architecture} cannot be made: {error}\n"
                "offline, give its weights with checkpoint=FILE, or pretrained=false for random weights; "
                "timm.list_pretrained() lists the names that have weights"
            ) from error
        return network

    def _with_weights(self, network: nn.Module, weights: OrderedDict[str, Any], path: Path) -> nn.Module:
        """Load a file as it is or, if it is not in timm's own form, as timm converts it for this family."""
        from shapebias.networks.weights import put_weights, with_prefix

        if self.prefix is not None:
            weights = with_prefix(weights, self.prefix, path)
        if self.architecture.startswith("inception_v3"):  # published with a head that only training uses
            for key in [key for key in weights if "AuxLogits." in key and not hasattr(network, "AuxLogits")]:
                del weights[key]
        try:
            put_weights(network, weights, path)
        except WeightsError as misfit:
            try:
                return self._converted(network, weights)
            except Exception as error:
                reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
                raise WeightsError(
                    f"{misfit}\ntimm's conversion of the files of other authors does not help: "
                    f"{textwrap.shorten(reason, _REASON, placeholder=' ...')}"
                ) from error
        return network

    def _converted(self, network: nn.Module, weights: Mapping[str, Any]) -> nn.Module:
        """Let timm make the network from weights in another form, such as that of their authors.

        timm drops the classifier of weights for another number of classes than it expects, so the number is passed.
        Its conversions do not know the step counters of batch normalisation, which published files do not have.
        """
        import timm
        import torch

        from shapebias.networks.weights import unwrapped

        tensors = [value for value in weights.values() if isinstance(value, torch.Tensor)]
        if any(tensor.dtype in (torch.int8, torch.uint8) for tensor in tensors):
            raise WeightsError("they are quantised to whole numbers")  # which timm would copy as they are
        state = {key: value for key, value in unwrapped(weights).items() if not key.endswith("num_batches_tracked")}
        overlay = {"source": "", "state_dict": state, "num_classes": getattr(network, "num_classes", None)}
        # Some families skip missing weights; strict loading prevents answers from random weights.
        options: dict[str, Any] = {**self.arg, "num_classes": overlay["num_classes"], "pretrained_strict": True}
        made: nn.Module = timm.create_model(
            self.architecture, pretrained=True, pretrained_cfg_overlay=overlay, **options
        )
        made.pretrained_cfg = made.default_cfg = network.pretrained_cfg  # without the weights that timm keeps there
        return made


def _begins_at_zero(network: Any) -> bool:
    """Tell whether every matrix of the classifier is zero, as some of timm's families begin."""
    classifier = network.get_classifier() if hasattr(network, "get_classifier") else None
    parts: list[Any] = list(classifier) if isinstance(classifier, (list, tuple)) else [classifier]
    matrices = [
        weight for part in parts if hasattr(part, "parameters") for weight in part.parameters() if weight.ndim > 1
    ]
    return bool(matrices) and not any(weight.any() for weight in matrices)


def _configured(network: nn.Module, key: str) -> Any:
    """Return what the configuration of a network's weights says."""
    config: Any = getattr(network, "pretrained_cfg", None)
    return (config or {}).get(key)


def _in_order(names: Any) -> tuple[str, ...] | None:
    """Put the names of a configuration, a list or a table by index, in the order of the outputs.

    Raises:
        WeightsError: a table has other keys than the indices of its names.
    """
    if isinstance(names, Mapping):
        try:
            by_index = {int(index): name for index, name in names.items()}
            names = [by_index[index] for index in range(len(names))]
        except (KeyError, ValueError) as error:
            raise WeightsError(
                f"label_names of the model's configuration must have the indices 0 to {len(names) - 1} as keys, got "
                f"{', '.join(map(str, list(names)[:5]))}, ...; correct its config.json"
            ) from error
    return tuple(map(str, names)) if names else None


def _last_layer(network: nn.Module) -> nn.Module | None:
    """Return the last layer with a grid on which the whole output depends.

    A vision transformer classifies by its class token, so patch tokens after the last attention have no gradient.
    EfficientNets, MobileNetV2 and HRNet have a convolution after their stages.  Other networks list their stages in
    ``feature_info``; a few of them list names that do not exist, and average the tokens after a norm.
    """
    blocks: Any = getattr(network, "blocks", None)
    if hasattr(network, "num_prefix_tokens") and blocks and hasattr(blocks[-1], "norm1"):
        return blocks[-1].norm1  # type: ignore[no-any-return]
    modules: dict[str, nn.Module] = dict(network.named_modules())
    if "conv_head" in modules and "bn2" in modules:
        return modules["bn2"]
    stages: Any = getattr(network, "feature_info", None)
    last = stages[-1]["module"] if isinstance(stages, list) and stages else "norm"
    return next((modules[name] for name in ("final_layer", last, "norm") if name in modules), None)
