"""One batch of one model under one condition, and the results that its cells share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import torch
from numpy.typing import NDArray
from torch import Tensor

from shapebias.engine.session import Session
from shapebias.errors import DataError, PluginError
from shapebias.images.decoded import Batch
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import Attributed
from shapebias.rng import ImageRandom
from shapebias.runtime import guard

if TYPE_CHECKING:
    from shapebias.plugins.catalog import Component
    from shapebias.study import Condition

__all__ = ["ModelBatch", "required_labels"]

_Result = TypeVar("_Result")


@attrs.define(eq=False)
class ModelBatch:
    """One batch of one model under one condition.

    Args:
        session: the session, which loads components and holds the study.
        network: the model, mapped to the data set's classes.
        condition: the condition.
        inputs: the images after the condition's steps: one batch, or one for each eps of the attack.
        gradient_failed: for each of ``inputs`` (N,) bool, the images for which the attack had a gradient that was not
            finite; None without an attack.
        eps_axis: whether the arrays have an eps axis, after the axis of images.
    """

    session: Session
    network: Classifier
    condition: Condition
    inputs: list[Batch]
    gradient_failed: list[Tensor] | None = None
    eps_axis: bool = False
    scores: list[Tensor] = attrs.field(factory=list, init=False)
    attributions: dict[str, list[Attributed]] = attrs.field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self.inputs[0].ids)

    @property
    def positions(self) -> Sequence[int]:
        """The positions of the images in the part."""
        return self.inputs[0].positions

    def load(self, component: Component) -> Any:
        """Load a component on the device of the network."""
        return self.session.load(component, self.network.device)

    def random(self, component: Component, step_index: int = 0) -> ImageRandom:
        """Make the random numbers of a component for these images."""
        seed, device = self.session.study.seed, self.network.device
        return ImageRandom.for_images(seed, component.name, step_index, self.inputs[0].ids, device)

    def call(self, component: Component, run: Callable[..., _Result], network: Classifier, *arguments: Any) -> _Result:
        """Call a plugin with a network; the study's network is restored afterwards, a plugin's own copy is not."""
        guarded = network.module is self.network.module
        state = self.session.state_of(network.module) if guarded else None
        return guard.call(component.text, run, network, *arguments, network=state)

    def in_chunks(self, call: Callable[[Classifier], _Result]) -> _Result:
        """Call with the network's ``chunk`` set to as many images as fit into memory."""
        return self.session.memory.fit("chunk", lambda chunk: call(attrs.evolve(self.network, chunk=chunk)))

    def to_numpy(self, tensors: Sequence[Tensor]) -> NDArray[Any]:
        """Move one tensor for each of ``inputs`` to NumPy; several eps become the second axis."""
        joined = torch.stack(list(tensors), dim=1) if self.eps_axis else tensors[0]
        return joined.detach().cpu().numpy()

    def to_named_arrays(
        self, prefix: str, component: Component, tensors: Sequence[Mapping[str, Tensor]]
    ) -> dict[str, NDArray[Any]]:
        """Move the named tensors for each of ``inputs`` to NumPy, under ``prefix/NAME``.

        Raises:
            PluginError: names or shapes differ between two eps.
        """
        layouts = [{name: tensor.shape for name, tensor in named.items()} for named in tensors]
        for layout in layouts[1:]:
            if layout != layouts[0]:
                raise PluginError(f"{component.text} returned {layouts[0]} at one eps and {layout} at another")
        return {f"{prefix}/{name}": self.to_numpy([named[name] for named in tensors]) for name in layouts[0]}


def required_labels(batch: Batch) -> Tensor:
    """Return the labels of a batch for a plugin that needs them.

    Raises:
        DataError: an image has no label.
    """
    unknown = (batch.labels < 0).nonzero().flatten().tolist()
    if unknown:
        raise DataError(
            f"{len(unknown)} of {len(batch.ids)} images have no label, such as {batch.ids[unknown[0]]!r}; attacks "
            "need labels, and saliency without labels needs target=prediction or a class"
        )
    return batch.labels
