"""Ask one model about one batch under one condition: the attack, the scores, the maps, the probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shapebias.engine.session import Session
from shapebias.errors import DataError, PluginError, SpellingError
from shapebias.images.decoded import Batch
from shapebias.images.transformed import TransformedImages, apply_transform
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import Attributed
from shapebias.rng import ImageRandom
from shapebias.runtime import guard
from shapebias.runtime.device import autocast
from shapebias.runtime.result_checks import check_scores, checked_arrays, checked_attack, checked_maps, has_map

if TYPE_CHECKING:
    from shapebias.plugins.catalog import Component
    from shapebias.study import Cell, Condition

__all__ = ["BatchEvaluation", "eps_values"]

_Result = TypeVar("_Result")


def eps_values(condition: Condition) -> list[float]:
    """List the eps of a condition's attack; several give its answers one more axis."""
    eps = getattr(condition.attack.settings, "eps", ()) if condition.attack else ()
    return list(eps) if isinstance(eps, tuple) else [eps]


def has_eps_axis(condition: Condition) -> bool:
    """Tell whether the answers have an axis of eps after the image's."""
    return len(eps_values(condition)) > 1


@attrs.define(eq=False)
class BatchEvaluation:
    """One model, one condition and one batch: everything that is asked about them shares the attack and the scores.

    Args:
        session: loads components and knows the study.
        network: the model, mapped to the data set's classes.
        condition: the condition.
        views: the images as the model sees them: one batch, or one for each eps of a list.
        gradient_failed: (N,) of each view, for which images the attack had a gradient that was not finite; None
            without an attack.
    """

    session: Session
    network: Classifier
    condition: Condition
    views: list[Batch]
    gradient_failed: list[Tensor] | None = None
    _scores: list[Tensor] = attrs.field(factory=list, init=False)
    _maps: dict[str, list[Attributed]] = attrs.field(factory=dict, init=False)

    @classmethod
    def about(
        cls,
        session: Session,
        network: Classifier,
        condition: Condition,
        stimuli: TransformedImages,
        positions: Sequence[int],
    ) -> BatchEvaluation:
        """Attack the stimuli at some places of the part, and apply what comes after the attack."""
        batch = stimuli.take(positions).to(network.device)
        asked = cls(session, network, condition, [batch])
        if condition.attack is not None:
            asked.views = asked._attacked(condition.attack, batch)
        for step_index, step in enumerate(condition.after, start=len(condition.before) + 1):
            transform, rng = asked._load(step), asked._rng(step, step_index)
            asked.views = [apply_transform(step, transform, view, stimuli.pictures, rng) for view in asked.views]
        return asked

    def __len__(self) -> int:
        return len(self.views[0].ids)

    @property
    def positions(self) -> Sequence[int]:
        """The places of the images in the part."""
        return self.views[0].positions

    def _attacked(self, attack: Component, batch: Batch) -> list[Batch]:
        run, labels = self._load(attack), self._labels(batch)
        axis = [len(eps_values(self.condition))] if has_eps_axis(self.condition) else []
        rng = self._rng(attack, len(self.condition.before))
        result = self._with_chunks(lambda network: self._call(attack, run, network, batch.images, labels, rng))
        attacked = checked_attack(attack.text, result, torch.Size([*axis, *batch.images.shape]))
        self.gradient_failed = list(attacked.gradient_failed if axis else [attacked.gradient_failed])
        images = attacked.images.to(batch.images.dtype)
        return [attrs.evolve(batch, images=one) for one in (images if axis else [images])]

    def _rng(self, component: Component, step_index: int = 0) -> ImageRandom:
        seed, device = self.session.study.seed, self.network.device
        return ImageRandom.for_images(seed, component.name, step_index, self.views[0].ids, device)

    def _load(self, component: Component) -> Any:
        return self.session.load(component, self.network.device)

    def _call(self, component: Component, run: Callable[..., _Result], network: Classifier, *arguments: Any) -> _Result:
        """Call a plugin that gets a network; the network of the study is guarded, not a changed copy of it."""
        guarded = network.module is self.network.module
        state = self.session.state_of(network.module) if guarded else None
        return guard.call(component.text, run, network, *arguments, network=state)

    def _with_chunks(self, call: Callable[[Classifier], _Result]) -> _Result:
        return self.session.memory.fit("chunk", lambda chunk: call(attrs.evolve(self.network, chunk=chunk)))

    def answer(self, cell: Cell) -> dict[str, NDArray[Any]]:
        """Return the per-image arrays of a cell, by the names of :class:`shapebias.store.Part`."""
        if cell.probe is not None:
            return self._probed(cell.probe, cell.saliency)
        if cell.saliency is not None:
            explained = self._explained(cell.saliency)
            extras = self._named("extras", cell.saliency, [one.extras for one in explained])
            return {"maps": self._joined([one.maps for one in explained]), **extras}
        return self._predicted()

    def _named(
        self, prefix: str, component: Component, views: Sequence[Mapping[str, Tensor]]
    ) -> dict[str, NDArray[Any]]:
        """Join named arrays of the views.

        Raises:
            PluginError: the views have other names or shapes.
        """
        layouts = [{name: array.shape for name, array in view.items()} for view in views]
        for layout in layouts[1:]:
            if layout != layouts[0]:
                raise PluginError(f"{component.text} returned {layouts[0]} at one eps and {layout} at another")
        return {f"{prefix}/{name}": self._joined([view[name] for view in views]) for name in layouts[0]}

    def _joined(self, views: Sequence[Tensor]) -> NDArray[Any]:
        """Move to numpy; the views of a list of eps become the axis after the image's."""
        joined = torch.stack(list(views), dim=1) if has_eps_axis(self.condition) else views[0]
        return joined.detach().cpu().numpy()

    def _all_scores(self) -> list[Tensor]:
        if not self._scores:
            self._scores = [self._score(view.images) for view in self.views]
        return self._scores

    def _score(self, images: Tensor) -> Tensor:
        def forward(size: int) -> Tensor:
            with torch.no_grad(), autocast(self.network.device, self.session.precision):
                return torch.cat([self.network(some) for some in torch.split(images, size)]).float()

        # The network itself may be a plugin's: it must leave the global modes alone.
        name = f"the model {type(self.network.module).__name__}"
        scores = self.session.memory.fit("batch", lambda size: guard.call(name, forward, size))
        check_scores(scores, len(images))
        return scores

    def _predicted(self) -> dict[str, NDArray[Any]]:
        study = self.session.study
        arrays = _kept(self._joined(self._all_scores()), study.logits)
        if self.gradient_failed is not None:
            arrays["gradient_failed"] = self._joined(self.gradient_failed)
        if study.keep_images:
            arrays["images"] = self._joined([view.images for view in self.views])
        if self.condition.steps:
            # A transform may make a conflict of its own, so these belong to the cell.
            arrays["shape_labels"] = self.views[0].shape_labels.cpu().numpy()
            arrays["texture_labels"] = self.views[0].texture_labels.cpu().numpy()
        return arrays

    def _targets(self, method: Component | None) -> list[Tensor]:
        """Find the classes to explain: the label, the prediction, or a given class.

        Raises:
            SpellingError: the data set has no such class.
        """
        target = str(getattr(method.settings, "target", "label")) if method else "label"
        if target == "label":
            return list(map(self._labels, self.views))
        if target == "prediction":
            best = [scores.cpu().numpy().argmax(axis=1) for scores in self._all_scores()]
            return [torch.from_numpy(classes).to(self.network.device) for classes in best]
        classes = self.network.mapping.classes if self.network.mapping else ()
        if int(target) not in range(len(classes)):
            raise SpellingError(
                f"target={target} is no class of the data set; give label, prediction, or a number from 0 to "
                f"{len(classes) - 1}"
            )
        return [torch.full_like(view.labels, int(target)) for view in self.views]

    def _labels(self, batch: Batch) -> Tensor:
        """Take the labels for what cannot do without.

        Raises:
            DataError: an image has none.
        """
        unknown = (batch.labels < 0).nonzero().flatten().tolist()
        if unknown:
            raise DataError(
                f"{len(unknown)} of {len(batch.ids)} images have no label, such as {batch.ids[unknown[0]]!r}; attacks "
                "need one, and saliency needs target=prediction or a class there"
            )
        return batch.labels

    def _explained(self, method: Component) -> list[Attributed]:
        if method.canonical not in self._maps:
            if getattr(method.spec, "needs_features", False):
                self.network.feature_layer(method.name)

            def explained(view: Batch, targets: Tensor) -> Attributed:
                return self._with_chunks(lambda network: self._explain(method, network, view, targets))

            self._maps[method.canonical] = list(map(explained, self.views, self._targets(method)))
        return self._maps[method.canonical]

    def _explain(
        self, method: Component, network: Classifier, view: Batch, targets: Tensor, rows: Tensor | None = None
    ) -> Attributed:
        rng = self._rng(method) if rows is None else self._rng(method)[rows]
        result = self._call(method, self._load(method), network, view.images, targets, rng)
        count, _, height, width = view.images.shape
        return checked_maps(method.text, result, (count, height, width))

    def _probed(self, probe: Component, method: Component | None) -> dict[str, NDArray[Any]]:
        """Measure each view; a batch in which no image has a map gives nothing."""
        maps = [one.maps for one in self._explained(method)] if method else [None] * len(self.views)
        measured = [
            self._measured(probe, method, view, targets, maps_of_view)
            for view, targets, maps_of_view in zip(self.views, self._targets(method), maps, strict=True)
        ]
        known = next((values for values in measured if values is not None), None)
        if known is None:
            return {}
        unknown = {name: torch.full_like(array, torch.nan, dtype=torch.float64) for name, array in known.items()}
        return self._named("values", probe, [unknown if values is None else values for values in measured])

    def _measured(
        self, probe: Component, method: Component | None, view: Batch, targets: Tensor, maps: Tensor | None
    ) -> dict[str, Tensor] | None:
        """Measure the images that have a map, and give the others NaN; None where no image has one."""
        rng, count = self._rng(probe), len(view.ids)
        rows = torch.arange(count, device=view.images.device) if maps is None else has_map(maps).nonzero().squeeze(1)
        if len(rows) == 0:
            return None
        if len(rows) < count and maps is not None:
            view, targets, maps, rng = view.some(rows.tolist()), targets[rows], maps[rows], rng[rows]
        measure, needs = self._load(probe), self._needs(probe, method, view, targets, rows)

        def measured(network: Classifier, images: Tensor, *arguments: Any) -> Mapping[str, Tensor]:
            result: Mapping[str, Tensor] = measure(network, images, *arguments, **needs)
            return result

        found = self._with_chunks(lambda network: self._call(probe, measured, network, view.images, targets, maps, rng))
        values = checked_arrays(probe.text, found, len(rows))
        if not values:
            raise PluginError(f"{probe.text} returned no array; it must return a mapping from names to tensors")
        return values if len(rows) == count else {name: _spread(array, rows, count) for name, array in values.items()}

    def _needs(
        self, probe: Component, method: Component | None, view: Batch, targets: Tensor, rows: Tensor
    ) -> dict[str, Any]:
        if method is None or not getattr(probe.spec, "needs_method", False):
            return {}

        def explain(network: Classifier, *, images: Tensor = view.images, targets: Tensor = targets) -> Tensor:
            return self._explain(method, network, attrs.evolve(view, images=images), targets, rows).maps

        return {"explain": explain}


def _spread(array: Tensor, rows: Tensor, count: int) -> Tensor:
    """Put the values of some images at their places among all, and NaN at the others'."""
    numbers = array if array.is_floating_point() else array.double()
    evenly_spaced = numbers.new_full((count, *array.shape[1:]), torch.nan)
    evenly_spaced[rows.to(array.device)] = numbers
    return evenly_spaced


def _kept(scores: NDArray[Any], logits: str) -> dict[str, NDArray[Any]]:
    """Turn scores into the prediction and what is kept of them; a tie goes to the class that comes first."""
    prediction = {"prediction": scores.argmax(axis=-1)}
    if logits == "full":
        return {**prediction, "logits": scores}
    best = np.argsort(-scores, axis=-1, kind="stable")[..., : int(logits.removeprefix("top-"))]
    return {**prediction, "top_classes": best, "top_scores": np.take_along_axis(scores, best, axis=-1)}
