"""Ask one model about one batch under one condition: the attack, the scores, the maps, the probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shapebias.classifier import Classifier
from shapebias.contracts import Attributed
from shapebias.engine.device import autocast
from shapebias.engine.images import Batch, Stimuli, apply_transform, check_images
from shapebias.engine.session import Session
from shapebias.errors import DataError, PluginError, SpellingError
from shapebias.rng import ImageRandom

if TYPE_CHECKING:
    from shapebias.catalog import Component
    from shapebias.study import Cell, Condition

__all__ = ["Asked", "budgets", "check_scores"]

_Result = TypeVar("_Result")


def budgets(condition: Condition) -> list[float]:
    """List the eps of a condition's attack; several give its answers one more axis."""
    eps = getattr(condition.attack.settings, "eps", ()) if condition.attack else ()
    return list(eps) if isinstance(eps, tuple) else [eps]


def has_eps_axis(condition: Condition) -> bool:
    """Tell whether the answers have an axis of eps after the image's."""
    return len(budgets(condition)) > 1


def check_scores(scores: Tensor, count: int) -> None:
    """Refuse outputs that are no scores.

    Raises:
        PluginError: the shape is wrong, or a score is NaN or infinite.
    """
    if scores.ndim != 2 or len(scores) != count:
        raise PluginError(f"the model returned {tuple(scores.shape)} for {count} images; it must return (N, C)")
    bad = ~torch.isfinite(scores).all(dim=1)
    if bad.any():
        raise PluginError(
            f"the model returned NaN or infinite scores for {int(bad.sum())} of {count} images; "
            "check its weights, its normalisation and the precision"
        )


@attrs.define(eq=False)
class Asked:
    """One model, one condition and one batch: everything that is asked about them shares the attack and the scores.

    Args:
        session: loads components and knows the study.
        network: the model, mapped to the data set's classes.
        condition: the condition.
        views: the images as the model sees them: one batch, or one for each eps of a list.
    """

    session: Session
    network: Classifier
    condition: Condition
    views: list[Batch]
    _scores: list[Tensor] = attrs.field(factory=list, init=False)
    _maps: dict[str, list[Attributed]] = attrs.field(factory=dict, init=False)

    @classmethod
    def about(
        cls, session: Session, network: Classifier, condition: Condition, stimuli: Stimuli, positions: Sequence[int]
    ) -> Asked:
        """Attack the stimuli at some places of the part, and apply what comes after the attack."""
        batch = stimuli.take(positions).to(network.device)
        asked = cls(session, network, condition, [batch])
        if condition.attack is not None:
            asked.views = asked._attacked(condition.attack, batch)
        for place, step in enumerate(condition.after, start=len(condition.before) + 1):
            transform, rng = asked._load(step), asked._rng(step, place)
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
        axis = [len(budgets(self.condition))] if has_eps_axis(self.condition) else []
        rng = self._rng(attack, len(self.condition.before))
        images = self._with_chunks(lambda network: run(network, batch.images, labels, rng)).detach()
        check_images(attack, images, torch.Size([*axis, *batch.images.shape]))
        return [attrs.evolve(batch, images=one) for one in (images if axis else [images])]

    def _rng(self, component: Component, place: int = 0) -> ImageRandom:
        seed, device = self.session.study.seed, self.network.device
        return ImageRandom.for_images(seed, component.name, place, self.views[0].ids, device)

    def _load(self, component: Component) -> Any:
        return self.session.load(component, self.network.device)

    def _with_chunks(self, call: Callable[[Classifier], _Result]) -> _Result:
        return self.session.memory.fit("chunk", lambda chunk: call(attrs.evolve(self.network, chunk=chunk)))

    def answer(self, cell: Cell) -> dict[str, NDArray[Any]]:
        """Return the per-image arrays of a cell, by the names of :class:`shapebias.store.Part`."""
        if cell.probe is not None:
            return self._probed(cell.probe, cell.saliency)
        if cell.saliency is not None:
            explained = self._explained(cell.saliency)
            extras = {
                f"extras/{name}": self._joined([one.extras[name] for one in explained]) for name in explained[0].extras
            }
            return {"maps": self._joined([one.maps for one in explained]), **extras}
        return self._predicted()

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

        scores = self.session.memory.fit("batch", forward)
        check_scores(scores, len(images))
        return scores

    def _predicted(self) -> dict[str, NDArray[Any]]:
        study = self.session.study
        arrays = _kept(self._joined(self._all_scores()), study.logits)
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

    def _explain(self, method: Component, network: Classifier, view: Batch, targets: Tensor) -> Attributed:
        return _checked_maps(method, view, self._load(method)(network, view.images, targets, self._rng(method)))

    def _probed(self, probe: Component, method: Component | None) -> dict[str, NDArray[Any]]:
        measure, rng = self._load(probe), self._rng(probe)

        def measured(view: Batch, targets: Tensor, maps: Tensor | None) -> Mapping[str, Tensor]:
            needs: dict[str, Any] = {}
            if method is not None and getattr(probe.spec, "needs_method", False):

                def explain(network: Classifier, *, images: Tensor = view.images, targets: Tensor = targets) -> Tensor:
                    return self._explain(method, network, attrs.evolve(view, images=images), targets).maps

                needs["explain"] = explain
            return self._with_chunks(lambda network: measure(network, view.images, targets, maps, rng, **needs))

        maps = [one.maps for one in self._explained(method)] if method else [None] * len(self.views)
        values = list(map(measured, self.views, self._targets(method), maps))
        return {f"values/{name}": self._joined([value[name] for value in values]) for name in values[0]}


def _checked_maps(method: Component, batch: Batch, result: Tensor | Attributed) -> Attributed:
    attributed = result if isinstance(result, Attributed) else Attributed(result)
    count, _, height, width = batch.images.shape
    if tuple(attributed.maps.shape) != (count, height, width):
        raise PluginError(
            f"{method.text} returned maps {tuple(attributed.maps.shape)}; it must return {(count, height, width)}"
        )
    if not bool(torch.isfinite(attributed.maps).all()):
        raise PluginError(f"{method.text} returned NaN or infinite maps; check the method and the model's gradients")
    return attributed


def _kept(scores: NDArray[Any], logits: str) -> dict[str, NDArray[Any]]:
    """Turn scores into the prediction and what is kept of them; a tie goes to the class that comes first."""
    prediction = {"prediction": scores.argmax(axis=-1)}
    if logits == "full":
        return {**prediction, "logits": scores}
    best = np.argsort(-scores, axis=-1, kind="stable")[..., : int(logits.removeprefix("top-"))]
    return {**prediction, "top_classes": best, "top_scores": np.take_along_axis(scores, best, axis=-1)}
