"""Print what measures report against the reliance on shape that was planted: the tables of docs/metrics.md.

    python benchmarks/planted_truth.py [answers] [shares] [maps] [--images 112]

The models are ``planted`` at five reliances, the columns; the pictures are the drawn stimuli; a row is a number.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

import shapebias as sb

LEVELS = ("0", "0.25", "0.5", "0.75", "1")
CONTRASTS = ("0.04", "0.12", "0.24")
CONDITIONS = ("clean", "low-pass:8", "silhouette", "patch-shuffle:k=4", "texture-only")
METHODS = (
    "gradient",
    "input-x-gradient",
    "guided-backprop",
    "grad-cam:target=prediction",
    "smoothgrad:samples=5",
    "integrated-gradients:steps=6",
    "occlusion:window=8,stride=8,baseline=blur,target=prediction",
    "rise:samples=100,cells=8,baseline=blur,target=prediction",
    "edge-detector",
    "random",
)
MAP_METHODS = ("gradient", "random")
PROBES = ("insertion", "deletion", "randomization:stages=1")


def main() -> None:
    """Run the parts that are asked for, and print a row for each number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["answers", "shares", "maps"])
    parser.add_argument("--images", type=int, default=112, help="of each kind")
    options = parser.parse_args()
    parts = {"answers": of_answers, "shares": of_shares, "maps": of_maps}
    print(f"| planted reliance on shape | {' | '.join(LEVELS)} |\n|{'---|' * (1 + len(LEVELS))}", flush=True)
    for part in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            for name, cells in parts[part](Path(folder), options.images):
                print(f"| {name} | {' | '.join(cells)} |", flush=True)


def of_answers(folder: Path, images: int) -> Iterator[tuple[str, list[str]]]:
    """Measure what needs no maps: the headline, conditional accuracy and error consistency."""
    alone = [f"{cue}=stimuli:cue={cue},images={images}" for cue in ("conflict", "shape", "texture")]
    with sb.run(sb.Study(alone, models()), folder / "alone.h5") as results:
        headline, kappa = map(results.metric, ("headline", "error-consistency"))
    yield from rows(headline, "metric", "dataset")
    yield from pairs(kappa[kappa["dataset"] == "conflict"], "metric")
    contrasts = {text: f"stimuli:cue=conflict,images={images},contrast={text}" for text in CONTRASTS}
    with sb.run(sb.Study(contrasts, models()), folder / "contrasts.h5") as results:
        strength = results.metric("cue-strength")
    yield from rows(strength[strength["metric"] == "cue-strength"], "metric", "dataset")
    with sb.run(sb.Study(f"match=stimuli:images={images}", models(), CONDITIONS), folder / "match.h5") as results:
        headline, conditional = map(results.metric, ("headline", "conditional-accuracy"))
    yield from rows(headline, "metric", "condition")
    yield from rows(conditional, "metric", "condition")


def of_shares(folder: Path, images: int) -> Iterator[tuple[str, list[str]]]:
    """Measure where the maps of each method lie, where the cues are in conflict."""
    study = sb.Study(f"conflict=stimuli:cue=conflict,images={images}", models(), "clean", METHODS)
    with sb.run(study, folder / "shares.h5") as results:
        shares = results.metric("saliency-share")
    for saliency, table in shares.groupby("saliency", sort=False):
        contour, inside = (by_level(table[table["region"] == region]) for region in ("contour", "inside"))
        yield f"contour / inside: {saliency}", [f"{one} / {other}" for one, other in zip(contour, inside, strict=True)]


def of_maps(folder: Path, images: int) -> Iterator[tuple[str, list[str]]]:
    """Measure what else can be said of maps, where both cues say the class."""
    study = sb.Study(f"match=stimuli:images={images}", models(), "clean", MAP_METHODS, PROBES)
    with sb.run(study, folder / "maps.h5") as results:
        metrics = ("faithfulness", "saliency-agreement", "saliency-sparseness", "spectrum", "sanity")
        faithfulness, agreement, sparseness, spectrum, sanity = map(results.metric, metrics)
    yield from rows(faithfulness, "metric", "probe", "saliency")
    yield from pairs(agreement, "metric", "measure", "saliency")
    yield from rows(sparseness, "metric", "saliency")
    means = spectrum[spectrum["metric"] == "mean-frequency"]
    yield from rows(means, "metric", "saliency")
    yield from rows(sanity, "metric", "saliency")


def models() -> dict[str, str]:
    """Name the models by what was planted."""
    return {level: f"planted:reliance={level}" for level in LEVELS}


def rows(table: pd.DataFrame, *keys: str) -> Iterator[tuple[str, list[str]]]:
    """Write one row of numbers for each combination of keys."""
    for key, group in table.groupby([*keys], sort=False):
        yield ", ".join(filter(None, key)), by_level(group)


def pairs(table: pd.DataFrame, *keys: str) -> Iterator[tuple[str, list[str]]]:
    """Write the rows of a metric of two models: each with the one in the middle, and each with the last."""
    for anchor in ("0.5", "1"):
        either = table[(table["model"] == anchor) | (table["other"] == anchor)]
        peer = either["model"].where(either["model"] != anchor, either["other"])
        for name, cells in rows(either.assign(model=peer), *keys):
            yield f"{name}, with {anchor}", cells


def by_level(table: pd.DataFrame) -> list[str]:
    """Write the values in the order of the models; a model without a value gets a dash."""
    values = table.set_index("model")["value"].reindex([*LEVELS])
    return ["-" if pd.isna(value) else f"{value:.2f}" for value in values]


if __name__ == "__main__":
    main()
