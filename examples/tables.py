"""Print the accuracies of a study as Markdown tables: every model, and the differences from a reference model.

    python examples/tables.py run.h5 [--against standard]

Differences are those on the same images, in percentage points; bold where their 95 % interval excludes 0.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

import pandas as pd

import shapebias as sb


def pivot(table: pd.DataFrame, cell: Callable[[Any], str]) -> pd.DataFrame:
    """Put conditions into rows and models into columns, in the order of the study."""
    condition = [position(*pair) for pair in zip(table["condition"], table["eps"], strict=True)]
    written = table.assign(condition=condition, cell=[cell(row) for row in table.itertuples()])
    rows, columns = (list(dict.fromkeys(written[name])) for name in ("condition", "model"))
    return written.pivot_table("cell", "condition", "model", aggfunc="first").loc[rows, columns]


def position(condition: str, eps: float) -> str:
    """Name a condition and its radius, in 255ths if it is small."""
    if math.isnan(eps):
        return f"`{condition}`"
    return f"`{condition}`, {eps * 255:g}/255" if eps < 0.1 else f"`{condition}`, {eps:g}"


def accuracy(row: Any) -> str:
    """Write an accuracy in per cent with its interval."""
    return f"{100 * row.value:.1f} [{100 * row.low:.0f}, {100 * row.high:.0f}]"


def difference(row: Any) -> str:
    """Write a difference in percentage points with its interval."""
    text = f"{100 * row.value:+.1f} [{100 * row.low:+.0f}, {100 * row.high:+.0f}]"
    return f"**{text}**" if row.low > 0 or row.high < 0 else text


def markdown(table: pd.DataFrame, corner: str) -> str:
    """Write a table as Markdown."""
    lines = [[corner, *table.columns], ["---"] * (1 + len(table.columns))]
    lines += [[str(name), *cells] for name, cells in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Open and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--against", default="", help="model that the others are compared with; default the first")
    options = parser.parse_args()
    with sb.open(options.file) as results:
        accuracies = results.metric("accuracy:top=1")
        differences = results.metric("paired-difference:of=accuracy", against=options.against)
    for dataset, rows in accuracies.groupby("dataset", sort=False):
        counts = sorted(set(rows["n"]))
        print(f"\nAccuracy in per cent on {dataset}, n = {', '.join(map(str, counts))}\n")
        print(markdown(pivot(rows, accuracy), "condition"))
        compared = differences[differences["dataset"] == dataset]
        if len(compared):
            print(f"\nDifference from {compared['against'].iloc[0]} in percentage points\n")
            print(markdown(pivot(compared, difference), "condition"))


if __name__ == "__main__":
    main()
