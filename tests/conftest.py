"""What several test files share."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image
from readme_commands import RealRuns
from torch import nn

from shapebias.networks.classifier import Classifier
from shapebias.plugins.catalog import Catalog, default_catalog
from shapebias.plugins.discovery import discover

# The quick tests try the same examples in every run, so that only a change can break them; `make test-all` explores.
# No test depends on a clock.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("exploring", deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real images and weights; skip the test where it is absent."""
    folder = Path(os.environ.get("SHAPEBIAS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real test data at {folder}: set SHAPEBIAS_TEST_DATA to the folder that has them")
    return folder


@pytest.fixture(scope="session")
def real_runs(data_dir, tmp_path_factory) -> RealRuns:
    """Return the README's runs on real images and weights, which tests of their answers share."""
    return RealRuns(data_dir, tmp_path_factory.mktemp("real"))


@pytest.fixture
def failing_network() -> nn.Module:
    """Return a network whose scores are not numbers: a run stores it as failed cells, and the other models run."""

    class Failing(nn.Module):
        def forward(self, images):
            return torch.full((len(images), 8), float("nan"))

    return Failing()


@pytest.fixture(scope="session")
def section_of():
    """Return a function from the text of a page and a name to the section of that title."""

    def find(text: str, name: str) -> str:
        titles_and_texts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
        sections = dict(zip(titles_and_texts[::2], titles_and_texts[1::2], strict=True))
        assert name in sections
        return sections[name]

    return find


@pytest.fixture(autouse=True)
def _same_random_numbers_in_every_run():
    torch.manual_seed(0)


@attrs.frozen
class Cifar:
    """300 test images of CIFAR-10, and the networks of the example plugin."""

    images: torch.Tensor
    labels: torch.Tensor
    ids: list[str]
    catalog: Catalog
    weights: Path

    def load(self, architecture: str, weights: str) -> Classifier:
        component = self.catalog.component("model", f'{architecture}:"{self.weights / weights}.safetensors"')
        return component.settings.load(torch.device("cpu"))


@pytest.fixture(scope="session")
def cifar(data_dir: Path) -> Cifar:
    """Return real images with networks that know them."""
    folder = data_dir / "cifar10-lossless"
    files = sorted(folder.glob("*/*.png"))
    classes = sorted({file.parent.name for file in files})
    pixels = np.stack([np.asarray(Image.open(file)) for file in files])
    plugins = discover([Path(__file__).parents[1] / "examples" / "plugins"])
    return Cifar(
        images=torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255,
        labels=torch.tensor([classes.index(file.parent.name) for file in files]),
        ids=[str(file.relative_to(folder)) for file in files],
        catalog=Catalog(plugins),
        weights=data_dir / "weights" / "cifar10",
    )


@pytest.fixture
def plugins(tmp_path_factory, monkeypatch):
    """Make the misbehaving plugins known for one test."""
    folder = tmp_path_factory.mktemp("plugins")
    shutil.copy(Path(__file__).parent / "misbehaving.py", folder)
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", str(folder))
    default_catalog.cache_clear()
    yield folder
    default_catalog.cache_clear()


@pytest.fixture
def network():
    """An untrained network with eight outputs, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 5, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 8),
        )
