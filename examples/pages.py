"""Make the pages of docs/pages.md, and their pictures.

    python examples/pages.py pages [--data DATA] [--pictures docs/images]

Without ``--data``, the page of published stimuli is left out.  Pictures need Chromium and ``pip install playwright``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import shapebias as sb

RELIANCES = (0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1)
IMAGES, MAPPED = 112, 2
WIDTHS = {"phone": 400, "laptop": 1280, "wide": 1920}
SHOWN = {"people": ("phone", "laptop", "wide"), "two": ("laptop",), "many": ("laptop",), "profile": ("laptop",)}


def drawn(folder: Path, name: str, reliances: tuple[float, ...]) -> Path:
    """Make a page of drawn stimuli, with models that follow the shape on a known share of the pictures."""
    datasets = {
        "conflict": f"stimuli:cue=conflict,images={IMAGES},size=64",
        "match": f"stimuli:images={IMAGES},size=64",
    }
    models = {f"shape {100 * reliance:g} %": f"planted:reliance={reliance}" for reliance in reliances}
    conditions = ["clean", *(f"saturate:p={p}" for p in (4, 16, 64)), *(f"patch-shuffle:k={k}" for k in (2, 4, 8))]
    saliency = ["gradient"] if len(reliances) <= MAPPED else []  # maps of many models would make a large page
    study = sb.Study(datasets, models, conditions, saliency, saliency_limit=16, keep_images=True)
    with sb.run(study, folder / f"{name}.h5") as results:
        return sb.report(results, folder / f"{name}.html", images=16)


def profiled(folder: Path) -> Path:
    """Make the page of a profile: two models side by side, and people's published values if there are any."""
    found = sb.profile("planted:reliance=0.8", f"quick:images={IMAGES}", against="planted:reliance=0.2")
    return found.report(folder / "profile.html", images=16)


def published(folder: Path, data: Path) -> Path:
    """Make the page of two networks of ImageNet beside five people, on published stimuli."""
    weights = data / "weights" / "imagenet"
    models = {
        "squeezenet": f"torchvision:squeezenet1_1,weights={weights / 'squeezenet1_1.safetensors'}",
        "mobilenet": f"timm:mobilenetv2_100,checkpoint={weights / 'mobilenetv2_100.safetensors'},"
        "mean=0.5,0.5,0.5,std=0.5,0.5,0.5,arg.pad_type=same",
    }
    run, people = folder / "networks.h5", folder / "people.h5"
    sb.run(sb.Study({"cue-conflict": f"cue-conflict:{data / 'cue-conflict'}"}, models), run).close()
    command = [sys.executable, "-m", "shapebias", "import", "decisions"]
    answers = data / "decisions" / "humans"
    people.unlink(missing_ok=True)  # of an earlier call
    subprocess.run([*command, str(answers), "--beside", str(run), "-o", str(people)], check=True)  # noqa: S603 - our own program
    with sb.open(run) as networks, sb.open(people) as observers:
        return sb.report([networks, observers], folder / "people.html")


def picture(pages: list[Path], folder: Path) -> Iterator[Path]:
    """Take pictures of the first screen of pages, wide and narrow, light and dark."""
    from playwright.sync_api import ViewportSize, sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for page in pages:
            for name in SHOWN[page.stem]:
                size: ViewportSize = {"width": WIDTHS[name], "height": 900}
                opened = browser.new_page(viewport=size, color_scheme="dark" if name == "wide" else "light")
                opened.goto(page.resolve().as_uri())
                opened.wait_for_selector(".plot svg")
                path = folder / f"page-{page.stem}-{name}.png"
                opened.screenshot(path=path)
                opened.close()
                yield path
        browser.close()


def main() -> None:
    """Read the command line, make the pages, and take their pictures if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the pages")
    parser.add_argument("--data", type=Path, help="published stimuli, weights and people's answers")
    parser.add_argument("--pictures", type=Path, help="folder of the pictures of the pages")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    pages = [drawn(asked.folder, "two", (0.1, 0.9)), drawn(asked.folder, "many", RELIANCES), profiled(asked.folder)]
    if asked.data is not None:
        pages.append(published(asked.folder, asked.data))
    made = [*pages, *(picture(pages, asked.pictures) if asked.pictures is not None else ())]
    print("\n".join(map(str, made)))


if __name__ == "__main__":
    main()
