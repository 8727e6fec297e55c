"""Lay out a table as lines of text that fit a width, without cutting off text or breaking words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import attrs

from shapebias.errors import ShapebiasError
from shapebias.spelling.grammar import Spelling, parse, split

__all__ = ["Table", "shortened", "wrapped"]

_NARROWEST = 12  # the smallest width to which a column of text is wrapped


@attrs.define
class Table:
    """A table of texts, and its caption.

    Args:
        columns: headings.
        rows: a text for each column.
        right: the columns that are aligned to the right.
        labels: the columns that name components; their texts can be shortened.
        kept: the columns that stay in the table even if every row has the same text.
        droppable: whether the last columns of numbers may be left out, because another format has them.
        caption: lines that say what the table leaves out.
    """

    columns: list[str]
    rows: list[list[str]]
    right: list[bool]
    labels: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    droppable: bool = False
    caption: list[str] = attrs.field(factory=list)
    gap: int = attrs.field(default=2, init=False)
    wrapped_headings: bool = attrs.field(default=False, init=False)

    @property
    def widths(self) -> list[int]:
        """The widths of the columns."""
        return [
            max(
                map(len, [*self._words(heading), *(line for row in self.rows for line in row[at].split("\n"))]),
                default=0,
            )
            for at, heading in enumerate(self.columns)
        ]

    def _words(self, heading: str) -> list[str]:
        return (heading.split() or [""]) if self.wrapped_headings else [heading]

    @property
    def width(self) -> int:
        """The length of the longest line."""
        return sum(self.widths) + self.gap * (len(self.columns) - 1)

    def without_constants(self) -> None:
        """Move columns with the same text in every row to the caption."""
        if len(self.rows) < 2:
            return
        constant = [
            at
            for at, name in enumerate(self.columns)
            if name not in self.kept and len({row[at] for row in self.rows}) == 1
        ]
        if len(constant) < len(self.columns):
            said = [f"{self.columns[at]} {self.rows[0][at]}" for at in constant if self.rows[0][at]]
            self.caption += [f"In every row: {'; '.join(said)}"] if said else []
            self._remove(constant)

    def fit(self, width: int, *, wrap: bool) -> None:
        """Make the table as narrow as a width: wrap headings and text, shorten labels, leave out numbers.

        Args:
            width: the most characters in a line.
            wrap: whether a row may have several lines.
        """
        self.wrapped_headings = self.width > width
        if self.width > width:
            self._shorten_labels(width)
        if self.width > width and wrap:
            self._wrap(width)
        if self.width > width and (wrap or self.droppable):
            self.gap = 1
        if self.droppable and (dropped := self._droppable(width)):
            names = ", ".join(self.columns[at] for at in dropped)
            self.caption.append(f"Left out here, but in --format csv: {names}")
            self._remove(dropped)

    def _droppable(self, width: int) -> list[int]:
        """Choose numbers to leave out, from the last to the second; those that tell rows apart stay."""
        numbers = [at for at, to_right in enumerate(self.right) if to_right or self._is_estimate(at)]
        dropped: list[int] = []
        for at in reversed(numbers[1:]):
            if self._width_without(dropped) <= width:
                break
            kept = [other for other in range(len(self.columns)) if other not in (numbers[0], *dropped)]
            if self._distinct_rows([other for other in kept if other != at]) == self._distinct_rows(kept):
                dropped.insert(0, at)
        return dropped

    def _distinct_rows(self, columns: Sequence[int]) -> int:
        names = [at for at in columns if not self._is_estimate(at)]
        return len({tuple(row[at] for at in names) for row in self.rows})

    def _is_estimate(self, at: int) -> bool:
        return any(row[at].endswith("]") for row in self.rows)

    def _width_without(self, dropped: Sequence[int]) -> int:
        return self.width - sum(self.widths[at] + self.gap for at in dropped)

    def lines(self) -> list[str]:
        """Return the heading's lines first, then those of each row."""
        widths = self.widths
        return [
            line for row in [self.columns, *self.rows] for line in self._row(row, widths, heading=row is self.columns)
        ]

    @property
    def heading_lines(self) -> int:
        """How many of the lines are the heading."""
        return len(self._row(self.columns, self.widths, heading=True))

    def _row(self, row: Sequence[str], widths: Sequence[int], *, heading: bool) -> list[str]:
        cells = [wrapped(text, width) if heading else text.split("\n") for text, width in zip(row, widths, strict=True)]
        height = max(map(len, cells), default=1)
        cells = [
            [""] * (height - len(cell)) + cell if heading else cell + [""] * (height - len(cell)) for cell in cells
        ]
        aligned = [
            [text.rjust(width) if right else text.ljust(width) for text in cell]
            for cell, width, right in zip(cells, widths, self.right, strict=True)
        ]
        return [(" " * self.gap).join(texts).rstrip() for texts in zip(*aligned, strict=True)]

    def _shorten_labels(self, width: int) -> None:
        """Shorten the labels of one column after another, the widest first, until the table fits."""
        positions = [at for at, name in enumerate(self.columns) if name in self.labels]
        meanings: dict[str, str] = {}
        for at in sorted(positions, key=self.widths.__getitem__, reverse=True):
            if self.width <= width:
                break
            short = shortened([row[at] for row in self.rows])
            meanings |= {text: full for full, text in short.items() if text != full}
            for row in self.rows:
                row[at] = short[row[at]]
        if meanings:
            self.caption.append(f"In full: {'; '.join(f'{text} = {full}' for text, full in meanings.items())}")

    def _wrap(self, width: int) -> None:
        """Wrap the widest columns of text, to the largest width at which the table fits."""
        widths = self.widths
        texts = [at for at, to_right in enumerate(self.right) if not to_right and not self._is_estimate(at)]
        fixed = self.width - sum(widths[at] for at in texts)
        most = max((widths[at] for at in texts), default=0)
        cap = next(
            (cap for cap in range(most, _NARROWEST, -1) if self._capped(texts, cap) + fixed <= width), _NARROWEST
        )
        for at in texts:
            for row in self.rows if widths[at] > cap else ():
                row[at] = "\n".join(wrapped(row[at], cap))

    def _capped(self, texts: Sequence[int], cap: int) -> int:
        return sum(min(self.widths[at], cap) for at in texts)

    def _remove(self, positions: Sequence[int]) -> None:
        kept = [at for at in range(len(self.columns)) if at not in positions]
        self.columns = [self.columns[at] for at in kept]
        self.right = [self.right[at] for at in kept]
        self.rows = [[row[at] for at in kept] for row in self.rows]


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines at spaces, and a word that is longer than a line after a ``,`` or ``+`` in it.

    >>> wrapped("pgd:eps=1/255,2/255,steps=20 on photos", 20)
    ['pgd:eps=1/255,2/255,', 'steps=20 on photos']
    """
    lines: list[str] = []
    for word in re.split(r" (?!%)", text):  # 95 % stays on one line
        for position, piece in enumerate(_pieces(word, width)):
            gap = "" if position else " "
            if lines and len(lines[-1]) + len(gap) + len(piece) <= width:
                lines[-1] += gap + piece
            else:
                lines.append(piece)
    return lines


def _pieces(word: str, width: int) -> list[str]:
    return [word] if len(word) <= width else re.findall(r"[^,+]+[,+]*|[,+]+", word)


def shortened(labels: Iterable[str]) -> dict[str, str]:
    """Shorten the texts of components to what distinguishes them; labels that the user chose are never changed.

    >>> shortened(["timm:resnet50", "timm:vit_tiny_patch16_224"])
    {'timm:resnet50': 'resnet50', 'timm:vit_tiny_patch16_224': 'vit_tiny_patch16_224'}
    >>> list(shortened(["clean", "pgd:eps=4/255,steps=10", "pgd:eps=8/255,steps=10", "stylize:strength=.5"]).values())
    ['clean', 'pgd:eps=4/255', 'pgd:eps=8/255', 'stylize']
    """
    texts = list(dict.fromkeys(labels))
    heads = {text: _head(text) for text in texts}
    alike: dict[str, list[str]] = {}
    for text, head in heads.items():
        alike.setdefault(head, []).append(text)
    short = {
        text: heads[text] if len(alike[heads[text]]) == 1 else _distinct(text, alike[heads[text]]) for text in texts
    }
    counts = Counter(short.values())
    return {text: each if counts[each] == 1 else text for text, each in short.items()}


def _head(text: str) -> str:
    """Return the names of the steps; for a model or a data set the first bare value, for a path its last part."""
    steps = _steps(text)
    return "+".join(map(_name, steps)) if steps else text


def _name(step: Spelling) -> str:
    bare = [argument.text for argument in step.arguments[:1] if argument.key is None]
    return next((last for text in bare if (last := text.rstrip("/").rpartition("/")[2])), step.name)


def _distinct(text: str, alike: Sequence[str]) -> str:
    """Write a text with only those settings that not all texts with the same names have."""
    others = [[_settings(step) for step in _steps(each)] for each in alike]
    if not all(len(each) == len(others[0]) for each in others):  # one is a bare name
        return text
    short = []
    for position, step in enumerate(_steps(text)):
        common = set.intersection(*(set(steps[position]) for steps in others))
        own = [setting for setting in _settings(step) if setting not in common]
        short.append(f"{_name(step)}:{','.join(own)}" if own else _name(step))
    return "+".join(short)


def _settings(step: Spelling) -> list[str]:
    """Return the settings as texts; all values of a list stay with its key."""
    texts: list[str] = []
    for position, argument in enumerate(step.arguments):
        if argument.key is None and texts and position:
            texts[-1] += f",{argument.text}"
        elif argument.key is not None:
            texts.append(f"{argument.key}={argument.text}")
    return texts


def _steps(text: str) -> list[Spelling]:
    """Parse the steps of a text; a label that cannot be parsed has none."""
    try:
        return [parse(step) for step in split(text, "+")] if ":" in text else []
    except ShapebiasError:
        return []
