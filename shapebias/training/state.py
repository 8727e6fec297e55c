"""The files of a training run: the checkpoint, and until it is finished, a file to continue from."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import torch

from shapebias.errors import ShapebiasError, StoreError, StudyError, TrainingError, WeightsError
from shapebias.files import sha256, temporary_of, write_atomically
from shapebias.networks.checkpoints import read_metadata
from shapebias.spelling.former import former_spellings
from shapebias.store.locking import WriterLock
from shapebias.training.distributed import Processes
from shapebias.training.recipe import Recipe

__all__ = [
    "Epoch",
    "Identity",
    "Trained",
    "load_state",
    "read_recipe",
    "read_trained",
    "restore",
    "save_state",
    "sole_writer",
    "state_file",
]


@attrs.frozen
class Epoch:
    """The results of one epoch.

    Args:
        loss: mean cross-entropy of the training images, after transforms and attack.
        clean: share of the validation images that are classified correctly.
        robust: the same under the attack; None where there is no attack.
    """

    loss: float
    clean: float
    robust: float | None = None


@attrs.frozen
class Trained:
    """The result of training.

    Args:
        file: the checkpoint, for ``checkpoint:FILE``.
        history: the results of every epoch.
        kept: the epoch whose weights the checkpoint has, from 1.
        resumed: the number of epochs that were finished before this call; all if nothing remained to do.
    """

    file: Path
    history: tuple[Epoch, ...]
    kept: int
    resumed: int = 0

    @property
    def validation(self) -> Epoch:
        """The results of the epoch that was kept."""
        return self.history[self.kept - 1]


@attrs.frozen
class Identity:
    """The identity of a training run: the recipe, and the content of every file that it names.

    Args:
        recipe: the recipe.
        files: fingerprints by field and path.
    """

    recipe: Recipe
    files: Mapping[str, str]

    @classmethod
    def of(cls, recipe: Recipe) -> Identity:
        """Hash the files that a recipe names.

        Raises:
            DataError: a file is missing.
        """
        files = {
            f"{field} {name}": digest
            for field, component in recipe.components.items()
            for name, digest in component.fingerprints().items()
        }
        if recipe.match is not None:
            files[f"match {recipe.match}"] = sha256(recipe.match)
        return cls(recipe, files)

    def texts(self) -> dict[str, str]:
        """Return the identity as texts, to be stored in files."""
        return {"recipe": self.recipe.to_toml(), "files": json.dumps(dict(self.files))}

    def check(self, found: Mapping[str, str], path: Path) -> None:
        """Compare with the texts in a file; parameters that were added later have the values of the old behaviour.

        Raises:
            TrainingError: the file belongs to another recipe, or the images have changed since.
        """
        try:
            before = Identity(_stored_recipe(found["recipe"]), json.loads(found["files"]))
        except (KeyError, TypeError, ValueError, RecursionError, ShapebiasError) as error:
            raise TrainingError(f"{path} exists, and was not trained with a recipe; {_WAY_OUT}") from error
        if before.recipe != self.recipe:
            fields = [field.name for field in attrs.fields(Recipe)]
            changed = [name for name in fields if getattr(before.recipe, name) != getattr(self.recipe, name)]
            raise TrainingError(f"{path} was trained with another recipe: different {', '.join(changed)}; {_WAY_OUT}")
        if before.files != dict(self.files):
            changed = [name for name in self.files if before.files.get(name) != self.files[name]]
            raise TrainingError(f"{', '.join(changed) or 'a file'} changed since {path} was trained; {_WAY_OUT}")


_WAY_OUT = "choose another output, or train again with replace"


def read_trained(path: Path, identity: Identity) -> Trained | None:
    """Read the result of finished training; None if the file does not exist.

    Raises:
        TrainingError: the file belongs to another recipe, or is not a checkpoint with a recipe.
    """
    if not path.exists():
        return None
    try:
        found = read_metadata(path)
    except WeightsError as error:
        raise TrainingError(f"{error}\n{path} would be overwritten: {_WAY_OUT}") from error
    identity.check(found, path)
    try:
        history = tuple(Epoch(**epoch) for epoch in json.loads(found["history"]))
        kept = int(found["kept"])
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path} is damaged: its history cannot be read ({error}); {_WAY_OUT}") from error
    return Trained(path, history, kept, resumed=len(history))


def read_recipe(path: Path) -> Recipe:
    """Read the recipe that a checkpoint was trained with.

    Raises:
        WeightsError: it is not a checkpoint with a recipe.
    """
    try:
        return _stored_recipe(read_metadata(path)["recipe"])
    except (KeyError, StudyError) as error:
        raise WeightsError(f"{path} does not name the recipe of its training; train it with shapebias") from error


def _stored_recipe(text: str) -> Recipe:
    with former_spellings():
        return Recipe.from_toml(text)


@contextlib.contextmanager
def sole_writer(output: Path) -> Iterator[None]:
    """Prevent other processes from writing the same checkpoint, and remove temporary files of killed ones.

    Raises:
        TrainingError: another process is writing it, the disk is full, or the folder cannot be written.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as held:
            if Processes.speaks():
                held.enter_context(WriterLock(output))
                _remove_strays(output)
            yield
    except StoreError as error:
        raise TrainingError(str(error)) from error
    except OSError as error:
        raise TrainingError(
            f"{output} cannot be written: {error.strerror or error}; finished epochs are kept in "
            f"{state_file(output).name}: free some space or get permission, and run the same command again"
        ) from error


def _remove_strays(output: Path) -> None:
    names = (output.name, state_file(output).name)
    for found in output.parent.glob("*.tmp"):
        if temporary_of(found) in names:
            found.unlink(missing_ok=True)


def state_file(output: Path) -> Path:
    """Return the file with the state of unfinished training."""
    return output.with_name(f"{output.name}.unfinished")


def save_state(path: Path, identity: Identity, state: Mapping[str, Any]) -> None:
    """Write the state atomically."""
    buffer = io.BytesIO()
    torch.save({**identity.texts(), **state}, buffer)
    write_atomically(path, buffer.getbuffer())


def load_state(path: Path, identity: Identity) -> dict[str, Any] | None:
    """Read the state without running any code in it; None if there is no such file.

    Raises:
        TrainingError: it belongs to another recipe, or is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise TrainingError(
            f"{path} cannot be read safely: it is damaged, or holds more than tensors and plain values; {_WAY_OUT}"
        ) from error
    if not isinstance(state, dict):
        raise TrainingError(f"{path} holds a {type(state).__name__}, not the state of training; {_WAY_OUT}")
    identity.check(state, path)
    return state


def restore(load: Callable[[dict[str, Any]], None], state: dict[str, Any], path: Path) -> None:
    """Load a state into a trainer.

    Raises:
        TrainingError: the state is incomplete, or belongs to another network.
    """
    try:
        load(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise TrainingError(f"{path} is damaged ({error}); {_WAY_OUT}") from error
