"""The training loop: for each batch, attack the network in eval mode, then train it on the adversarial examples."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.errors import StudyError, TrainingError
from shapebias.images.decoded import Batch
from shapebias.networks.checkpoints import load_checkpoint, save_checkpoint
from shapebias.networks.classifier import Classifier
from shapebias.paths import as_path
from shapebias.plugins.catalog import Component
from shapebias.plugins.events import notify
from shapebias.plugins.protocols import AttackedImages
from shapebias.runtime import guard
from shapebias.runtime.environment import versions
from shapebias.runtime.progress import Interrupted
from shapebias.runtime.result_checks import checked_attack
from shapebias.training.data import TrainingData, random_numbers
from shapebias.training.distributed import Processes
from shapebias.training.recipe import Recipe
from shapebias.training.state import (
    Epoch,
    Identity,
    Trained,
    load_state,
    read_recipe,
    read_trained,
    restore,
    save_state,
    sole_writer,
    state_file,
)
from shapebias.training.steps import make_optimiser, make_schedule, seeded

__all__ = ["Trainer", "TrainingProgress", "train"]


@attrs.frozen
class TrainingProgress:
    """The progress of training.

    Args:
        done, total: finished images and all images, summed over the epochs.
        epoch: the current epoch, from 1.
        loss: the loss of the last batch.
        validation: the results of the last finished epoch; None in the first.
    """

    done: int
    total: int
    epoch: int
    loss: float
    validation: Epoch | None


def train(
    recipe: Recipe,
    output: str | Path,
    *,
    device: str = "auto",
    workers: int | None = None,
    replace: bool = False,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> Trained:
    """Train one network and write it to one file; interrupted training continues after its last finished epoch.

    The same recipe on the same machine gives equal weights, whether training was interrupted or not.

    Args:
        recipe: the network, the images and the hyperparameters.
        output: the checkpoint, for example ``"at.safetensors"``; its metadata have the recipe and the history.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        workers: threads that decode images; None takes one per core.
        replace: train again if the file was trained with another recipe; false by default.
        progress: called after every batch; None by default.

    Returns:
        The file and its history; finished training is not repeated.

    Raises:
        TrainingError: the output belongs to another recipe, or the loss is not finite.
        StudyError: the network has other classes than the data set.
        Interrupted: Ctrl-C was pressed; every finished epoch is saved.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "small.safetensors")
    >>> trained = train(Recipe("cnn:num_classes=8,width=4", "stimuli:images=56,size=32", epochs=1), file)
    >>> len(trained.history), load_checkpoint(file, torch.device("cpu")).classes[0]
    (1, 'disc/dots')
    """
    output, identity = as_path(output), Identity.of(recipe)
    if not replace and (finished := read_trained(output, identity)) is not None:
        state_file(output).unlink(missing_ok=True)  # left by a process that was killed just before this line
        return finished
    with sole_writer(output), guard.steady_modes():
        return _train(recipe, output, identity, device=device, workers=workers, replace=replace, progress=progress)


def _train(
    recipe: Recipe,
    output: Path,
    identity: Identity,
    *,
    device: str,
    workers: int | None,
    replace: bool,
    progress: Callable[[TrainingProgress], None] | None,
) -> Trained:
    """Train the network of :func:`train`, or continue its training."""
    unfinished = state_file(output)
    if replace:
        unfinished.unlink(missing_ok=True)
    elif (trained := read_trained(output, identity)) is not None:
        return trained  # another process finished it while this one waited
    before = load_state(unfinished, identity)
    ranks = Processes.join(device)
    with contextlib.closing(TrainingData.open(recipe, ranks, workers)) as data:
        trainer = Trainer.begin(recipe, data, progress if ranks.first else None)
        if before is not None:
            restore(trainer.load_state, before, unfinished)
        resumed = len(trainer.history)
        try:
            while not trainer.finished:
                trainer.epoch()
                if ranks.first:
                    save_state(unfinished, identity, trainer.state())
                    notify("shapebias_training_epoch", recipe=recipe, progress=trainer.progress_of_epoch())
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted; {len(trainer.history)} finished epochs are in {unfinished}: "
                "run the same command again to continue"
            ) from None
    if ranks.first:
        trainer.save(output, identity)
        unfinished.unlink()
    ranks.wait()
    return Trained(output, tuple(trainer.history), trainer.kept, resumed)


@attrs.define(eq=False)
class Trainer:
    """A network in training.

    Args:
        recipe: the recipe.
        data: its images.
        classifier: the network; in training mode except for attacks and validation.
        learner: the same network, wrapped so that a backward pass gives the mean gradient of all processes.
        optimiser, schedule: the optimiser, and the learning-rate schedule over its steps.
        target: the clean accuracy at which training stops; None trains all epochs.
        progress: called after every batch.
        history: every finished epoch.
        kept: the epoch whose weights are kept, from 1.
        weights: the weights of that epoch.
    """

    recipe: Recipe
    data: TrainingData
    classifier: Classifier
    learner: Classifier
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    target: float | None
    progress: Callable[[TrainingProgress], None] | None
    history: list[Epoch] = attrs.field(factory=list)
    kept: int = 0
    weights: dict[str, Any] = attrs.field(factory=dict)

    @classmethod
    def begin(cls, recipe: Recipe, data: TrainingData, progress: Callable[[TrainingProgress], None] | None) -> Trainer:
        """Make the network and its optimiser.

        Raises:
            StudyError: the classes of the network, or of the network to match, differ from those of the data set.
        """
        classes = tuple(recipe.dataset.settings.classes)
        loaded: Classifier = recipe.model.load(data.device)
        classifier = attrs.evolve(loaded, classes=classes, chunk=recipe.batch_size)
        outputs = _outputs(classifier, data.validation.take([0], data.device))
        if outputs != len(classes):
            raise StudyError(
                f"model: {recipe.model.text} has {outputs} outputs and {recipe.dataset.text} {len(classes)} classes; "
                f"give num_classes={len(classes)}"
            )
        optimiser = make_optimiser(recipe, classifier.module.parameters())
        schedule = make_schedule(recipe, optimiser, recipe.epochs * data.steps)
        learner = attrs.evolve(classifier, module=data.ranks.wrapped(classifier.module))
        trainer = cls(recipe, data, classifier, learner, optimiser, schedule, None, progress)
        if recipe.match is not None:
            trainer.target = trainer.accuracy_of(recipe.match)
        return trainer

    @property
    def finished(self) -> bool:
        """Whether every epoch is done, or the accuracy to match is reached."""
        reached = self.target is not None and self.history and self.history[-1].clean >= self.target
        return bool(reached) or len(self.history) == self.recipe.epochs

    def epoch(self) -> None:
        """Train on every image once, then validate."""
        number = len(self.history)
        with seeded(self.recipe.seed, number, self.data.ranks):
            loss = self._train(number)
        self.history.append(self._validate(loss))
        if self._best():
            self.kept = len(self.history)
            self.weights = copy.deepcopy(self.classifier.module.state_dict())

    def _train(self, epoch: int) -> float:
        """Train one epoch: Madry et al. 2018, equation 2.1, an outer minimum over an inner maximum for every batch."""
        self.classifier.module.train()
        total = torch.zeros((), device=self.data.device)
        done = 0
        for step, batch in enumerate(self.data.batches(epoch)):
            images = batch.images
            if self.recipe.attack is not None:
                attack = _of_training(self.recipe.attack, self._warmth(epoch + (step + 1) / self.data.steps))
                images = self._attacked(attack, batch, epoch).images
            with self._autocast():
                loss = functional.cross_entropy(self.learner(images), batch.labels)
            self.optimiser.zero_grad()
            whole = self.data.size(step)
            (loss * (len(batch.ids) * self.data.ranks.count / whole)).backward()  # the shares may differ by one image
            self.optimiser.step()
            self.schedule.step()
            total += loss.detach() * len(batch.ids)
            done += whole
            self._report(epoch, done, loss)
        total = self.data.ranks.summed(total)
        mean = total.item() / done
        if not torch.isfinite(total):
            raise TrainingError(
                f"the loss of epoch {epoch + 1} is {mean}: training diverged; try a smaller lr than "
                f"{self.recipe.lr:g}, or a longer eps_warmup"
            )
        return mean

    def _warmth(self, epochs: float) -> float:
        """Return the share of the attack's eps after some epochs."""
        return min(1.0, epochs / self.recipe.eps_warmup) if self.recipe.eps_warmup else 1.0

    def _attacked(self, attack: Component, batch: Batch, epoch: int | None = None) -> AttackedImages:
        """Attack the network in eval mode: batch normalisation uses its running statistics without updating them."""
        run = attack.load(self.data.device)
        rng = random_numbers(self.recipe, attack.name, 0, batch)
        if epoch is not None:
            rng = rng.epoch(epoch)
        with self.classifier.evaluating(), self._autocast():
            result = run(self.classifier, batch.images, batch.labels, rng)
        return checked_attack(attack.text, result, batch.images.shape)

    def _validate(self, loss: float) -> Epoch:
        """Measure clean and robust accuracy on the same images, with the same random numbers in every epoch."""
        attack = self.recipe.validation_attack or self.recipe.attack
        clean = self._accuracy(self.classifier)
        return Epoch(loss, clean, None if attack is None else self._accuracy(self.classifier, attack))

    def _accuracy(self, classifier: Classifier, attack: Component | None = None) -> float:
        """Return the share of the validation images that are classified correctly.

        Images that are classified correctly do not count if the attack's gradient was NaN or infinite, since the attack
        could not search.

        Raises:
            TrainingError: no image counts.
        """
        right = torch.zeros((), device=self.data.device, dtype=torch.long)
        left_out = torch.zeros_like(right)
        for batch in self.data.validating():
            images, failed = batch.images, torch.zeros_like(batch.labels, dtype=torch.bool)
            if attack is not None:
                attacked = self._attacked(attack, batch)
                images, failed = attacked.images, attacked.gradient_failed
            with classifier.evaluating(), torch.no_grad(), self._autocast():
                correct = classifier(images).argmax(dim=1) == batch.labels
            right += (correct & ~failed).sum()
            left_out += (correct & failed).sum()
        counted = len(self.data.validation) - int(self.data.ranks.summed(left_out))
        if counted == 0:
            raise TrainingError(
                "the gradients of the validation attack were NaN or infinite for every image, so it cannot measure "
                "robustness; check the network for square roots, logarithms and divisions at 0"
            )
        return int(self.data.ranks.summed(right)) / counted

    def accuracy_of(self, checkpoint: Path) -> float:
        """Measure the clean accuracy of another network on the validation images.

        Raises:
            StudyError: it has other classes, or was trained on some of these images.
        """
        other = load_checkpoint(checkpoint, self.data.device)
        if other.classes != self.classifier.classes:
            raise StudyError(f"match: {checkpoint} has other classes than {self.recipe.dataset.text}")
        if not self.recipe.holds_out_the_same_as(read_recipe(checkpoint)):
            raise StudyError(
                f"match: {checkpoint} was trained on other images than this recipe holds out; give both the same "
                "dataset, validation and seed, or another data set for validation"
            )
        return self._accuracy(other)

    def _best(self) -> bool:
        """Return whether the last epoch is the one to keep."""
        if self.recipe.keep == "last" or self.target is not None:
            return True
        adversarial = self.recipe.attack is not None
        scores = [epoch.robust if adversarial else epoch.clean for epoch in self.history]
        return scores[-1] == max(score for score in scores if score is not None)

    def _autocast(self) -> torch.autocast:
        mixed = self.recipe.precision != "float32"
        return torch.autocast(self.data.device.type, torch.bfloat16, enabled=mixed)

    def _report(self, epoch: int, done: int, loss: Tensor) -> None:
        if self.progress is not None:
            images = len(self.data.training)
            last = self.history[-1] if self.history else None
            state = TrainingProgress(epoch * images + done, self.recipe.epochs * images, epoch + 1, loss.item(), last)
            self.progress(state)

    def progress_of_epoch(self) -> TrainingProgress:
        """Return the progress after the last finished epoch; the loss is the mean of that epoch."""
        epochs, images, last = len(self.history), len(self.data.training), self.history[-1]
        return TrainingProgress(epochs * images, self.recipe.epochs * images, epochs, last.loss, last)

    def state(self) -> dict[str, Any]:
        """Return everything that the next epoch depends on."""
        return {
            "network": self.classifier.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": [attrs.asdict(epoch) for epoch in self.history],
            "kept": self.kept,
            "weights": self.weights,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.classifier.module.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.kept, self.weights = state["kept"], state["weights"]

    def save(self, output: Path, identity: Identity) -> None:
        """Write the checkpoint with the kept weights."""
        self.classifier.module.load_state_dict(self.weights)
        said = {
            **identity.texts(),
            "history": json.dumps([attrs.asdict(epoch) for epoch in self.history]),
            "kept": str(self.kept),
            "versions": json.dumps(versions()),
        }
        model = self.recipe.model
        save_checkpoint(output, self.classifier, model.settings, model.name, said)


def _of_training(attack: Component, share: float) -> Component:
    """Return an attack with the settings for training: a share of its eps, and no early stopping."""
    settings = attack.settings
    changed: dict[str, Any] = {"keep": "last"} if hasattr(settings, "keep") else {}
    if share < 1:
        eps = settings.eps
        changed["eps"] = tuple(share * radius for radius in eps) if isinstance(eps, tuple) else share * eps
    return attrs.evolve(attack, settings=attrs.evolve(settings, **changed))


def _outputs(classifier: Classifier, batch: Batch) -> int:
    with classifier.evaluating(), torch.no_grad():
        return classifier(batch.images[:1]).shape[1]
