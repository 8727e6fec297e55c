"""Repeat the demo with several seeds: does its finding depend on chance?

    python examples/seeds.py [FOLDER] [SEEDS]

Each seed has its own pictures, weights and order, and its results in ``FOLDER/SEED/``.  A second call computes only
what is missing.  The output is two tables in Markdown: each measure of each network, and in how many seeds adversarial
training changed it as expected.
"""

from __future__ import annotations

import sys
from pathlib import Path

import demo
import pandas as pd

import shapebias as sb


def spread(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return mean, smallest and largest value over the seeds of every measure and network."""
    values = pd.concat([table["value"] for table in tables], axis=1)
    return values.agg(["mean", "min", "max"], axis=1)


def print_measures(results: list[sb.Results]) -> None:
    """Print every measure: the mean over the seeds, and the range."""
    found = spread([demo.measures(one) for one in results])
    print("|", *(f"| {name}" for name in demo.MODELS), "|")
    print("|---" * (len(demo.MODELS) + 1) + "|")
    for measure in found.index.unique("measure"):
        rows = (found.loc[(measure, name)] for name in demo.MODELS)
        print(f"| {measure}", *(f"| {row['mean']:.2f} ({row['min']:.2f} to {row['max']:.2f})" for row in rows), "|")


def print_finding(results: list[sb.Results]) -> None:
    """Print how linf differs from the others: the mean over the seeds, the range, and in how many it is significant."""
    print("| expected of linf | than | difference | as expected, and the interval leaves zero out |\n|---|---|---|---|")
    for measure, (words, sign) in demo.FINDING.items():
        for other in ("standard", "matched"):
            rows = pd.DataFrame([demo.differences(one, other).loc[measure] for one in results])
            sure = ((rows[["low", "high"]] * sign).min(axis=1) > 0).sum()
            low, high = rows["value"].min(), rows["value"].max()
            said = f"{rows['value'].mean():+.2f} ({low:+.2f} to {high:+.2f})"
            print(f"| {words} | {other} | {said} | {sure} of {len(rows)} seeds |")


def main() -> None:
    """Run and print."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "seeds")
    seeds = range(int(sys.argv[2]) if len(sys.argv) > 2 else 5)
    results = [demo.run(folder / str(seed), seed) for seed in seeds]
    print_measures(results)
    print()
    print_finding(results)


if __name__ == "__main__":
    main()
