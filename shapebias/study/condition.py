"""A condition: the transforms and the attack that an image goes through before the model gets it."""

from __future__ import annotations

from pathlib import Path

import attrs

from shapebias.errors import SpellingError
from shapebias.files import fingerprint
from shapebias.plugins.catalog import Component, default_catalog
from shapebias.plugins.specs import Kind
from shapebias.spelling.grammar import split, split_label

__all__ = ["CLEAN", "Condition"]


_STEPS: tuple[Kind, ...] = ("transform", "attack")


@attrs.frozen
class Condition:
    """The steps that change an image before the model gets it: transforms in order, at most one attack among them.

    Args:
        steps: transforms and at most one attack; without steps, the condition is ``clean``.  Steps after the attack
            change its result.
        label: the user's name for it in tables.

    >>> Condition.parse("patch-shuffle:k=4+grayscale").text
    'patch-shuffle:k=4+grayscale'
    """

    steps: tuple[Component, ...] = ()
    label: str | None = attrs.field(default=None, eq=False)

    def __attrs_post_init__(self) -> None:
        attacks = [step.text for step in self.steps if step.kind == "attack"]
        if len(attacks) > 1:
            raise SpellingError(f"{self.text!r} has {len(attacks)} attacks; a condition has at most one")
        moved = ""
        for step in self.steps:
            if moved and "mask" in step.spec.needs:
                raise SpellingError(
                    f"{self.text!r}: {moved} moves pixels, so the mask no longer fits; put {step.name} first"
                )
            moved = moved or (step.name if step.spec.moves_pixels else "")

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``clean``, or steps joined by ``+``.

        Raises:
            SpellingError, UnknownNameError, PluginError: the text, a name or a plugin is wrong.
        """
        default_catalog().check_spelling(_STEPS, text)
        label, chain = split_label(text)
        if chain.strip() == "clean":
            return cls((), label)
        return cls(tuple(default_catalog().component(_STEPS, step) for step in split(chain, "+")), label)

    @property
    def before(self) -> tuple[Component, ...]:
        """The transforms before the attack; they make the stimulus, which is the same for all models."""
        return self.steps[: self._attack_at]

    @property
    def attack(self) -> Component | None:
        """The attack, if there is one."""
        return self.steps[self._attack_at] if self._attack_at < len(self.steps) else None

    @property
    def after(self) -> tuple[Component, ...]:
        """The transforms after the attack."""
        return self.steps[self._attack_at + 1 :]

    @property
    def _attack_at(self) -> int:
        return next((position for position, step in enumerate(self.steps) if step.kind == "attack"), len(self.steps))

    @property
    def canonical(self) -> str:
        """The text with every parameter, which identifies the condition."""
        return "+".join(step.canonical for step in self.steps) or "clean"

    @property
    def text(self) -> str:
        """The text with the parameters that differ from their defaults."""
        return "+".join(step.text for step in self.steps) or "clean"

    @property
    def title(self) -> str:
        """The name in tables and figures."""
        return self.label or self.text

    @property
    def files(self) -> list[Path]:
        """The files and folders that the steps name."""
        return [path for step in self.steps for path in step.files]

    def fingerprints(self) -> dict[str, str]:
        """Hash the files and folders that the steps name, by path, and the content of live steps, by their text.

        Raises:
            DataError: a file is missing.
        """
        live = {step.text: step.settings.fingerprint for step in self.steps if step.provider == "live"}
        return {str(path): fingerprint(path) for path in self.files} | live


CLEAN = Condition()
