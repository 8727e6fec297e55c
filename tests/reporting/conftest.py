"""A small study with everything in it: cue conflict, varied numbers, an attack, maps, images, a name that is HTML."""

from __future__ import annotations

import os
import shutil

import pytest

import shapebias
from shapebias.reporting.combined import CombinedResults

HOSTILE = "</script><b>net"
CONDITIONS = ["clean", "saturate:p=8", "saturate:p=64", "patch-shuffle:k=2", "pgd:eps=1/255,2/255,steps=1"]


@pytest.fixture(scope="session")
def run_file(tmp_path_factory):
    """Return the results of two small networks, one with a name that is HTML."""
    path = tmp_path_factory.mktemp("report") / "run.h5"
    models = {"one": "cnn:num_classes=8,width=4", HOSTILE: "cnn:num_classes=8,width=4,seed=1"}
    shapebias.run(
        shapebias.Study(
            {"conflict": "stimuli:cue=conflict,images=24,size=32"},
            models,
            CONDITIONS,
            "gradient",
            saliency_limit=6,
            keep_images=True,
        ),
        path,
    )
    return path


@pytest.fixture
def results(run_file):
    """Open the small study."""
    with shapebias.open(run_file) as opened:
        yield CombinedResults([opened])


@pytest.fixture(scope="session")
def chromium():
    """Start a browser without a window; skip the test where none is installed."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium: install the package 'chromium', or set CHROMIUM to the program")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
