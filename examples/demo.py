"""Repeat the finding of Zhang & Zhu 2019 from scratch: adversarial training turns a network from texture to shape.

    python examples/demo.py [FOLDER] [SEED] [--short]

Eight kinds of objects are drawn, each with its own shape and its own texture; in training the two always agree, so a
network is free to learn either.  Four networks are trained: standard, adversarially within a ball of either norm
(linf, l2), and standard up to the accuracy of linf (matched).  Then all are tested on pictures in which shape and
texture disagree, in which one of them is missing, and in which texture (saturate) or shape (patch-shuffle) is
destroyed.

Everything is made here: the pictures, ``FOLDER/*.safetensors``, ``FOLDER/run.h5``, ``FOLDER/report.html``.  The
pictures for training, for choosing the epoch and for testing have different seeds.  A second call computes only
what is missing.  With ``--short`` there are too few pictures for the finding, but a minute shows that all of it works.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import shapebias as sb

CUES = ("match", "conflict", "shape", "texture")
CONDITIONS = [f"saturate:p={p}" for p in (1, 4, 8, 16, 64, 1024)] + [f"patch-shuffle:k={k}" for k in (2, 4, 8)]
EPS = ("1/255", "2/255", "4/255", "8/255")
ATTACKS = {"linf": "n-fgsm:eps=8/255", "l2": "pgd:norm=l2,eps=1,steps=1,step_size=1"}
VALIDATION = {"linf": "pgd:eps=8/255,steps=3", "l2": "pgd:norm=l2,eps=1,steps=3"}
MODELS = ("standard", "matched", *ATTACKS)
SHORT = {"training": 128, "epochs": 1, "testing": 56}  # pictures and epochs
BIAS, SHAPE, TEXTURE = "shape bias", "shape alone", "texture alone"

# What adversarial training is expected to change (Zhang & Zhu 2019, section 4), in words, and its sign.
FINDING = {
    BIAS: ("more shape bias", 1),
    SHAPE: ("more right by shape alone", 1),
    TEXTURE: ("fewer right by texture alone", -1),
    "saturate:p=1024": ("more right at saturate:p=1024", 1),
    "patch-shuffle:k=2": ("fewer right at patch-shuffle:k=2", -1),
}


def pictures(cue: str, images: int, seed: int) -> str:
    """Return the text of drawn pictures; light and dark of the texture differ as much as object and background."""
    return f"stimuli:cue={cue},images={images},size=32,contrast=0.24,seed={seed}"


def recipes(folder: Path, seed: int, images: int, epochs: int, validating: int) -> dict[str, sb.Recipe]:
    """Return the recipe of each network; only the attack and the time of stopping differ."""
    shared: dict[str, Any] = {
        "model": f"cnn:num_classes=8,width=12,seed={seed}",
        "dataset": pictures("match", images, 3 * seed),
        "validation": pictures("match", validating, 3 * seed + 1),
        "epochs": epochs,
        "batch_size": 64,
        "seed": seed,
    }
    adversarial = {}
    for name, attack in ATTACKS.items():
        attacks: dict[str, Any] = {"attack": attack, "validation_attack": VALIDATION[name]}
        adversarial[name] = sb.Recipe(**shared, **attacks, eps_warmup=epochs / 2)
    matched = sb.Recipe(**shared, match=folder / "linf.safetensors")
    return {"standard": sb.Recipe(**shared), **adversarial, "matched": matched}


def studies(folder: Path, seed: int, images: int) -> list[sb.Study]:
    """Return the studies of the networks: every stimulus, the curve of robust accuracy, and some saliency maps."""
    models = {name: f"checkpoint:{folder / name}.safetensors" for name in MODELS}
    cues = {cue: pictures(cue, images, 3 * seed + 2) for cue in CUES}
    match, conflict = ({cue: cues[cue]} for cue in ("match", "conflict"))
    return [
        sb.Study(cues, models, seed=seed),
        sb.Study(match, models, CONDITIONS, seed=seed),
        sb.Study(match, models, f"pgd:eps={','.join(EPS)},steps=5", seed=seed),
        sb.Study(conflict, models, "clean", "smoothgrad:samples=20", saliency_limit=16, seed=seed),
    ]


def run(folder: Path, seed: int = 0, training: int = 4096, epochs: int = 6, testing: int = 448) -> sb.Results:
    """Train and evaluate with these numbers of pictures; validation uses as many as testing.

    Work that an earlier call has finished is not repeated.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _progress() as told:
        for name, recipe in recipes(folder, seed, training, epochs, testing).items():
            tell = told(name, lambda now: f"epoch {now.epoch}, loss {now.loss:.3f}")
            sb.train(recipe, folder / f"{name}.safetensors", progress=tell)
        tell = told("study", lambda now: now.cell)
        return [sb.run(study, folder / "run.h5", progress=tell) for study in studies(folder, seed, testing)][-1]


@contextmanager
def _progress() -> Iterator[Callable[[str, Callable[[Any], str]], Callable[[Any], None]]]:
    """Show the progress of each part: bars on a terminal, elsewhere a line every few seconds."""
    if not Console().is_terminal:
        yield _lines
        return
    words = (TextColumn("{task.description:>8}"), BarColumn(), TimeRemainingColumn(), TextColumn("{task.fields[now]}"))
    with Progress(*words, transient=True) as progress:

        def bar(name: str, describe: Callable[[Any], str]) -> Callable[[Any], None]:
            task = progress.add_task(name, total=None, now="")
            return lambda now: progress.update(task, completed=now.done, total=now.total, now=describe(now))

        yield bar


def _lines(name: str, describe: Callable[[Any], str], seconds: float = 10) -> Callable[[Any], None]:
    last, said = -seconds, 0

    def tell(now: Any) -> None:
        nonlocal last, said
        if time.monotonic() - last >= seconds or said < now.done == now.total:
            last, said = time.monotonic(), now.done
            print(f"{name}: {now.done} of {now.total} images, {describe(now)}", flush=True)

    return tell


def measures(results: sb.Results) -> pd.DataFrame:
    """Collect value, low and high end of the 95 % interval of every measure (first index) and network (second)."""
    accuracy = (
        results.metric("accuracy:top=1").query("eps.isna()").set_index(["dataset", "condition", "model"]).sort_index()
    )
    bias = results.metric("shape-bias").query("averaging == 'micro' and dataset == 'conflict' and condition == 'clean'")
    robust = results.metric("robust-accuracy").set_index("model")
    found: dict[str, Any] = {
        "accuracy": accuracy.loc["match", "clean"],
        BIAS: bias.set_index("model"),
        SHAPE: accuracy.loc["shape", "clean"],
        TEXTURE: accuracy.loc["texture", "clean"],
        **{condition: accuracy.loc["match", condition] for condition in CONDITIONS},
        **{f"pgd, eps {eps}": robust[(robust.eps - float(Fraction(eps))).abs() < 1e-6] for eps in EPS},
    }
    table: pd.DataFrame = pd.concat(found, names=["measure"])
    return table[["value", "low", "high"]]


def differences(results: sb.Results, other: str) -> pd.DataFrame:
    """Return the difference of linf from another network in each measure of the finding, on the same pictures."""
    found = results.metric("paired-difference", against=other).query("model == 'linf' and eps.isna()")
    cells: Any = found.set_index(["metric", "dataset", "condition"]).sort_index()[["value", "low", "high"]]
    return pd.DataFrame(
        {
            BIAS: cells.loc["shape-bias-difference", "conflict", "clean"],
            SHAPE: cells.loc["accuracy-difference", "shape", "clean"],
            TEXTURE: cells.loc["accuracy-difference", "texture", "clean"],
            **{name: cells.loc["accuracy-difference", "match", name] for name in FINDING if ":" in name},
        }
    ).T


def show(results: sb.Results) -> None:
    """Print all numbers, then the finding."""
    console, table = Console(width=80), measures(results)
    title = "Share of right answers (shape bias: share of shape), 95 % intervals"
    grid = Table("", *MODELS, title=title, box=box.SIMPLE, padding=(0, 1, 0, 0))
    for measure in table.index.unique("measure"):
        rows = (table.loc[(measure, name)] for name in MODELS)
        grid.add_row(measure, *(f"{row.value:.2f} {_short(row.low)}-{_short(row.high)}" for row in rows))
    console.print(grid)

    title = "Expected of linf; differences on the same pictures, 95 % intervals"
    grid = Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0), show_header=False)
    against = {other: differences(results, other) for other in ("standard", "matched")}
    found = []
    for measure, (words, sign) in FINDING.items():
        for other, differing in against.items():
            row = differing.loc[measure]
            found.append(min(sign * row.low, sign * row.high) > 0)
            interval = f"{row.value:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"
            grid.add_row(words if other == "standard" else "", f"than {other}", interval, "yes" if found[-1] else "no")
    console.print(grid)
    turned = "has turned" if all(found) else "has not in every respect turned"
    console.print(
        f"Adversarial training {turned} this network from texture to shape: {sum(found)} of {len(found)} differences "
        "have the expected sign, with an interval that leaves zero out."
    )


def _short(share: float) -> str:
    return f"{share:.2f}".removeprefix("0")


def main() -> None:
    """Train, evaluate, show."""
    parser = argparse.ArgumentParser(description="Train four small networks and compare them.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("demo"), help="the folder of all output")
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--short", action="store_true", help="few pictures: shows that it works, not the finding")
    arguments = parser.parse_args()
    folder, began = arguments.folder, time.perf_counter()
    results = run(folder, arguments.seed, **(SHORT if arguments.short else {}))
    show(results)
    sb.report(results, folder / "report.html", title="From texture to shape, by adversarial training")
    print(f"\nEvery answer is in {folder / 'run.h5'}; try: shapebias results {folder / 'run.h5'} conditional-accuracy")
    print(f"Open {folder / 'report.html'} in a browser to see it.")
    print(f"({time.perf_counter() - began:.0f} s)")


if __name__ == "__main__":
    main()
