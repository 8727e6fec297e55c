"""Print what measures report for each planted reliance on shape: the tables of docs/metrics.md.

    python benchmarks/planted_truth.py [answers] [protocols] [robustness] [shares] [maps] [--images 112]

The columns are the model ``planted`` at five reliances; the rows are numbers; the pictures are the drawn stimuli.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from PIL import Image

import shapebias as sb
from shapebias.datasets.stimuli import Stimuli
from shapebias.plugins.protocols import Sample

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
    """Run the requested parts, and print a row for each number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["answers", "protocols", "robustness", "shares", "maps"])
    parser.add_argument("--images", type=int, default=112, help="images of each kind")
    options = parser.parse_args()
    parts = {
        "answers": of_answers,
        "protocols": of_protocols,
        "robustness": of_robustness,
        "shares": of_shares,
        "maps": of_maps,
    }
    print(f"| planted reliance on shape | {' | '.join(LEVELS)} |\n|{'---|' * (1 + len(LEVELS))}", flush=True)
    for part in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            for name, cells in parts[part](Path(folder), options.images):
                print(f"| {name} | {' | '.join(cells)} |", flush=True)


def of_answers(folder: Path, images: int) -> Iterator[tuple[str, list[str]]]:
    """Compute the measures that need no maps: the headline, conditional accuracy and error consistency."""
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


def of_protocols(folder: Path, images: int) -> Iterator[tuple[str, list[str]]]:
    """Compute the measures of other protocols: relative accuracy, ranks, and pictures with the same texture."""
    study = sb.Study(f"conflict=stimuli:cue=conflict,images={images}", models(), probes="output-ranks")
    with sb.run(study, folder / "ranks.h5") as results:
        ranks = results.metric("cue-sensitivity")
    yield from rows(ranks, "metric")
    suppressed = ["clean", "patch-shuffle:k=4", "patch-rotate:k=4", "low-pass:8", "bilateral", "grayscale"]
    with sb.run(sb.Study(f"match=stimuli:images={images}", models(), suppressed), folder / "relative.h5") as results:
        relative = results.metric("relative-accuracy")
    yield from rows(relative[relative["metric"] == "relative-accuracy"], "metric", "condition")
    write_pairs(folder / "pairs", 2 * images)
    with sb.run(sb.Study(f"pairs=folder:{folder / 'pairs'},size=64", models()), folder / "pairs.h5") as results:
        score = results.metric("configural-shape")
    yield from rows(score, "metric")


def of_robustness(folder: Path, images: int) -> Iterator[tuple[str, list[str]]]:
    """Compute the measures that do not compare shape with texture."""
    conditions = ["clean", "pgd:eps=1/255,4/255,steps=10", *(f"low-pass:{radius}" for radius in (4, 8, 16))]
    study = sb.Study(
        f"match=stimuli:images={images}",
        models(),
        conditions,
        "integrated-gradients:steps=6",
        "fourier-heatmap:radius=4",
        saliency_limit=56,
    )
    with sb.run(study, folder / "robustness.h5") as results:
        names = ("robust-accuracy", "corruption-error:against=0,severity=radius", "band-accuracy")
        robust, corruption, band = map(results.metric, names)
        fourier, complete = map(results.metric, ("fourier-sensitivity", "completeness"))
    for eps, table in robust.groupby("eps"):
        yield f"robust-accuracy, eps {round(255 * eps)}/255", by_level(table)
    yield from rows(corruption[corruption["metric"] == "corruption-error"], "metric", "condition")
    yield from rows(band, "metric", "condition")
    clean = fourier[fourier["condition"] == "clean"]
    mean = clean.groupby("model", as_index=False)["value"].mean()
    yield "fourier-sensitivity, mean over waves", by_level(mean)
    yield from rows(complete[complete["condition"] == "clean"], "metric", "saliency")


def write_pairs(folder: Path, images: int) -> None:
    """Write pairs of pictures with the same texture inside two shapes, named as visual anagrams are."""
    by_texture: dict[int | None, list[Sample]] = {}
    for sample in Stimuli(cue="conflict", images=images):
        by_texture.setdefault(sample.texture, []).append(sample)
    couples = [couple for samples in by_texture.values() for couple in zip(samples[::2], samples[1::2], strict=False)]
    for pair, couple in enumerate(couple for couple in couples if couple[0].shape != couple[1].shape):
        for place, sample in enumerate(couple):
            name = f"{pair:03d}_transform_{couple[0].shape}_{couple[1].shape}_object{place}_{sample.shape}.png"
            path = folder / str(sample.shape) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(sample.image).save(path)


def of_shares(folder: Path, images: int) -> Iterator[tuple[str, list[str]]]:
    """Compute the shares of each method's maps on the contour and inside, on images with cue conflict."""
    study = sb.Study(f"conflict=stimuli:cue=conflict,images={images}", models(), "clean", METHODS)
    with sb.run(study, folder / "shares.h5") as results:
        shares = results.metric("saliency-share")
    for saliency, table in shares.groupby("saliency", sort=False):
        contour, inside = (by_level(table[table["region"] == region]) for region in ("contour", "inside"))
        yield f"contour / inside: {saliency}", [f"{one} / {other}" for one, other in zip(contour, inside, strict=True)]


def of_maps(folder: Path, images: int) -> Iterator[tuple[str, list[str]]]:
    """Compute the other measures of maps, on images in which both cues show the class."""
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
    """Name the models by their planted reliance."""
    return {level: f"planted:reliance={level}" for level in LEVELS}


def rows(table: pd.DataFrame, *keys: str) -> Iterator[tuple[str, list[str]]]:
    """Write one row of numbers for each combination of keys."""
    for key, group in table.groupby([*keys], sort=False):
        yield ", ".join(filter(None, key)), by_level(group)


def pairs(table: pd.DataFrame, *keys: str) -> Iterator[tuple[str, list[str]]]:
    """Write the rows of a metric of two models: each model with the middle one, and each with the last."""
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
